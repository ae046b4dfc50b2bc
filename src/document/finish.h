// How the generation of a text ended, and what it cost: said by the engine, kept in read pages.
#pragma once

#include <cstdint>
#include <string_view>

namespace glmocr {

enum class FinishReason { kStop, kLength, kStopString, kLoop, kCancelled, kDeadline, kError };
// "stop", "length", "stop_string", "loop", "cancelled", "deadline", "error".
std::string_view FinishReasonName(FinishReason reason);

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_prompt_tokens = 0;  // of these, taken from the prefix cache
  int64_t completion_tokens = 0;     // sampled tokens, the end-of-sequence token included
  int64_t drafted_tokens = 0;        // draft tokens verified
  int64_t accepted_tokens = 0;       // of these, accepted
  int64_t preemptions = 0;
};

}  // namespace glmocr
