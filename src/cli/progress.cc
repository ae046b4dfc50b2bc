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
  std::string line =
      fmt::format("\r\033[K{}/{} inputs, {} pages, {:.1f} pages/s", s.inputs_done, s.inputs,
                  s.pages_done, seconds > 0 ? static_cast<double>(s.pages_done) / seconds : 0.0);
  // Inputs differ in length, so this is a guess; skipped ones took no time.
  const size_t read = s.inputs_done - s.inputs_skipped;
  if (read > 0 && s.inputs_done < s.inputs) {
    const auto left = static_cast<int64_t>(seconds * static_cast<double>(s.inputs - s.inputs_done) /
                                           static_cast<double>(read));
    line += fmt::format(", about {}:{:02} left", left / 60, left % 60);
  }
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::fputs("\r\033[K", stderr);
}

}  // namespace glmocr::cli
