#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace glmocr::cli {

std::string ProgressLine(const ProgressState& s, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(s.pages_read) / seconds : 0;
  std::string line;
  if (s.documents > 1) line = fmt::format("{} of {} documents, ", s.documents_done, s.documents);
  // Those that are not open yet are taken to be as long as the others.
  double pages = static_cast<double>(s.pages);
  const bool guessed = s.documents_opened < s.documents;
  if (guessed && s.documents_opened > 0)
    pages *= static_cast<double>(s.documents) / static_cast<double>(s.documents_opened);
  if (s.documents_opened == 0) return line + "opening";
  const bool one = !guessed && s.pages == 1;
  line += fmt::format("{} of {}{:.0f} page{}, {:.1f} pages/s", s.pages_done,
                      guessed ? "about " : "", pages, one ? "" : "s", rate);
  const double left = pages - static_cast<double>(s.pages_done);
  if (rate > 0 && left > 0) {
    const auto left_s = static_cast<int64_t>(left / rate);
    line += left_s >= 3600 ? fmt::format(", about {}:{:02}:{:02} left", left_s / 3600,
                                         left_s / 60 % 60, left_s % 60)
                           : fmt::format(", about {}:{:02} left", left_s / 60, left_s % 60);
  }
  return line;
}

Progress::Progress(ProgressMode mode)
    : active_(mode == ProgressMode::kAuto && ::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { Clear(); }

void Progress::Update(const ProgressState& s) {
  if (!active_) return;
  const auto now = std::chrono::steady_clock::now();
  // Passing over what is done already must not spoil the rate.
  if (!begun_ && s.documents_opened > 0 && s.pages > s.pages_done) {
    begun_ = true;
    begun_at_ = now;
  }
  if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  const double seconds = begun_ ? std::chrono::duration<double>(now - begun_at_).count() : 0;
  std::fputs(("\r\033[K" + ProgressLine(s, seconds)).c_str(), stderr);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!drawn_) return;
  drawn_ = false;
  std::fputs("\r\033[K", stderr);
}

}  // namespace glmocr::cli
