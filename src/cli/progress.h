// One line on a terminal that says how far a job is; silent where standard error is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace glmocr::cli {

enum class ProgressMode { kAuto, kOff };

class Progress {
 public:
  explicit Progress(ProgressMode mode);
  ~Progress();  // clears the line

  struct State {
    size_t inputs_done = 0;  // skipped ones too
    size_t inputs_skipped = 0;
    size_t inputs = 0;
    int64_t pages_done = 0;
  };
  // Redraws at most ten times a second.
  void Update(const State& state);
  // Before other output to the terminal.
  void Clear();

 private:
  bool active_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begun_, last_;
};

}  // namespace glmocr::cli
