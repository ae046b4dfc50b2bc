// What goes into the engine and what comes out: a Request with native values only (token ids,
// positions, preprocessed pictures), token events while it runs, one Outcome at its end.
//
//   Request request{.prompt_ids = ids, .positions = positions, .rope_delta = delta, .images =
//   std::move(images)}; request.on_token = [](const TokenEvent& event) {
//   std::fwrite(event.bytes.data(), 1, event.bytes.size(), stdout); return OkStatus(); };
//   request.on_done = [](const Outcome& outcome) { ... };
//   GLM_ASSIGN(RequestId id, engine.Submit(std::move(request)));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "document/finish.h"
#include "engine/token_mask.h"
#include "models/model_runner.h"

namespace glmocr {

using RequestId = uint64_t;

// Processors run in the order of the members here (transformers' order): penalties, bias, [mask],
// temperature, top-k, top-p, min-p.
struct SamplingParams {
  float repetition_penalty = 1;  // > 0; ids of prompt or output: logit > 0 ? l / p : l * p (Keskar
                                 // 2019), as transformers and vLLM
  float presence_penalty = 0;    // subtracted once for every id of the output
  float frequency_penalty = 0;   // subtracted per occurrence in the output
  std::vector<std::pair<int32_t, float>> logit_bias;  // (id, added)
  float temperature = 0;  // 0: greedy, ties to the lowest id; everything below is then ignored
  int32_t top_k = 0;      // 0: off
  float top_p = 1;        // (0, 1]; at least one token stays
  float min_p = 0;        // [0, 1): keeps p >= min_p * max p
  uint64_t seed =
      0;  // same seed, same text, whatever else is in the batch and whether drafts are used
  int32_t n_top_logprobs =
      -1;  // -1: no logprobs; 0: of the chosen token; n <= 20: of the n likeliest as well
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};

// One generated token. Tokens whose bytes may begin a stop string come later, in order; the
// end-of-sequence token and what belongs to a matched stop string never come. Views are valid
// during the callback only.
struct TokenEvent {
  RequestId request = 0;
  int32_t id = 0;
  int64_t index = 0;       // 0 for the first generated token
  std::string_view bytes;  // may be part of a UTF-8 character, empty for special tokens, cut short
                           // by a stop string
  float logprob = 0;  // natural log, of the model's own distribution (before any processor); needs
                      // n_top_logprobs >= 0
  std::span<const TokenLogprob> top_logprobs;  // likeliest first
};

struct RequestTiming {
  double queued_s = 0;       // Submit to first scheduled
  double first_token_s = 0;  // Submit to first token
  double total_s = 0;        // Submit to end
};

struct Outcome {
  RequestId request = 0;
  FinishReason reason = FinishReason::kStop;
  std::optional<Error> error;  // with kError
  std::string stop_string;     // with kStopString: the one that matched
  int64_t trailing_repeat_tokens =
      0;  // with kLoop: so many of the last tokens repeat what stands before them
  Usage usage;
  RequestTiming timing;
};

// When the output has gone into a loop; see loop_guard.h for what the numbers mean and why they are
// safe for tables.
struct LoopGuardOptions {
  enum class Mode { kOff, kOn };
  Mode mode = Mode::kOn;
  int32_t max_period = 128;      // longest repeated n-gram looked for, tokens
  int32_t short_period = 8;      // n-grams up to this length need only ...
  int32_t short_covered = 384;   // ... so many covered tokens;
  int32_t min_repeats = 12;      // longer ones so many repetitions ...
  int32_t min_covered = 768;     // ... and covered tokens
  int32_t line_repeats = 24;     // the same non-trivial line so often ...
  int32_t line_window = 64;      // ... among so many last lines
  int32_t min_line_letters = 8;  // letters, digits or non-ASCII bytes that make a line non-trivial
};

struct Request {
  std::vector<int32_t> prompt_ids;
  std::vector<RopePosition> positions;  // [prompt_ids.size()], or empty: 0, 1, 2, ... on all axes
  int32_t rope_delta =
      0;  // generated token at sequence index s has position s + rope_delta on all axes
  std::vector<ImageInput> images;  // ascending first_token
  SamplingParams sampling;
  int64_t max_new_tokens =
      8192;  // cut to what context and cache can hold; then the request ends with kLength
  std::optional<std::vector<int32_t>>
      stop_token_ids;       // default: the model's end-of-sequence ids, all of them
  bool ignore_eos = false;  // no stop token ends the request (benchmarks)
  std::vector<std::string> stop_strings;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  int32_t priority = 0;  // higher runs first; equals run first come, first served
  LoopGuardOptions loop_guard;
  std::unique_ptr<TokenMask> token_mask;
  // Called on the engine's thread; they may call Submit and Cancel, and should return soon. An
  // error from on_token, or an exception from it, ends this request alone.
  std::function<Status(const TokenEvent&)> on_token;
  std::function<void(const Outcome&)> on_done;
};

}  // namespace glmocr
