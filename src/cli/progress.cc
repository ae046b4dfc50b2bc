#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace glmocr::cli {

Progress::Progress(ProgressMode mode)
    : active_(mode == ProgressMode::kAuto && ::isatty(STDERR_FILENO) != 0),
      begun_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { Clear(); }

void Progress::Update(const State& s) {
  if (!active_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const std::string line = fmt::format(
      "\r\033[K{}/{} inputs, {}/{} regions, {:.1f} regions/s", s.inputs_done, s.inputs,
      s.regions_done, s.regions, seconds > 0 ? static_cast<double>(s.regions_done) / seconds : 0.0);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::fputs("\r\033[K", stderr);
}

}  // namespace glmocr::cli
