// One line on a terminal that says how far a run is; silent where standard error is no terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace glmocr::cli {

enum class ProgressMode { kAuto, kOff };

struct ProgressState {
  size_t documents = 0;
  size_t documents_opened = 0;  // their pages are known
  size_t documents_done = 0;
  int64_t pages = 0;       // of the opened ones
  int64_t pages_done = 0;  // of these, those read by an earlier run included
  int64_t pages_read = 0;  // in this run
};

// The line's text. `seconds`: since the first page was begun.
std::string ProgressLine(const ProgressState& state, double seconds);

class Progress {
 public:
  explicit Progress(ProgressMode mode);
  ~Progress();  // clears the line

  // Redraws at most ten times a second.
  void Update(const ProgressState& state);
  // Before other output to the terminal.
  void Clear();

 private:
  bool active_;
  bool drawn_ = false;
  bool begun_ = false;
  std::chrono::steady_clock::time_point begun_at_, last_;
};

}  // namespace glmocr::cli
