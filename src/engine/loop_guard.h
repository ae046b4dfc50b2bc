// Notices that a request has stopped reading and repeats itself, which a greedy OCR model does on
// degenerate crops (spec 9.5), and ends it instead of letting it run to its token limit.
//
// Two detectors, both exact and incremental:
//   tokens  the output ends with the same n-gram again and again (period p <= max_period). Dot
//   leaders, rules and empty table cells
//           repeat legitimately, so it takes short_covered = 384 tokens of a short n-gram (a
//           100-column row of empty cells is shorter), and for longer ones both min_repeats = 12
//           rounds and min_covered = 768 tokens (an empty form of 30 rows of 8 cells is about
//           there). A table of numbers breaks its period with every digit that differs.
//   lines   the same non-trivial line (8 letters or digits or more) stands line_repeats = 24 times
//   among the last line_window = 64
//           lines; it catches loops whose period wobbles (counters, alternating lines). Rows of
//           dashes, pipes and dots are trivial.
// trailing_tokens() then says how many of the last tokens repeat something that stands before them:
// one instance remains when whoever takes the answer cuts them off (TokensToKeep).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/request.h"

namespace glmocr {

// How many of an answer's first tokens count: all, or of a runaway answer those up to and with one
// instance of what it repeats. At least one.
size_t TokensToKeep(const Outcome& outcome, size_t n_tokens);

class LoopGuard {
 public:
  explicit LoopGuard(const LoopGuardOptions& options);
  // True when the output, with this token, is a loop. `bytes` may be empty (then only tokens
  // count).
  bool Add(int32_t id, std::string_view bytes);
  int64_t trailing_tokens() const { return trailing_tokens_; }

 private:
  struct Line {
    size_t hash = 0;
    int64_t first_token = 0;
  };
  bool AddToken(int32_t id);
  bool EndLine();

  LoopGuardOptions options_;
  std::vector<int32_t> tokens_;
  std::vector<int32_t> run_;  // run_[p]: so many of the last tokens equal the one p before them
  std::string line_;          // the line being written
  int64_t line_first_token_ = 0;
  std::deque<Line> lines_;                     // the last line_window non-trivial lines
  std::unordered_map<size_t, int32_t> count_;  // of their hashes
  int64_t trailing_tokens_ = 0;
};

}  // namespace glmocr
