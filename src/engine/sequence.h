// A request while the engine has it: its tokens, where they stand in the cache, and the state of
// everything that looks at its output. Owned by the engine, touched by the engine's thread only;
// the scheduler moves it between its lists.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "engine/loop_guard.h"
#include "engine/prefix_cache.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/stop_checker.h"
#include "models/model_runner.h"

namespace glmocr {

// A generated token that may still turn out to belong to a stop string.
struct HeldToken {
  int32_t id = 0;
  int64_t index = 0;
  std::string_view bytes;
  float logprob = 0;
  std::vector<TokenLogprob> top_logprobs;
};

struct Sequence {
  Sequence(RequestId id, Request request, double submitted_s);

  // Position of the token at sequence index i, generated or not yet.
  RopePosition PositionOf(int64_t i) const;
  // The picture that token i is a placeholder of; -1: text.
  int64_t ImageOf(int64_t i) const;
  // Keys of the first `n_blocks` blocks; covers tokens that exist already.
  std::span<const Hash128> BlockKeys(int64_t n_blocks);

  int64_t n_tokens() const { return static_cast<int64_t>(tokens.size()); }
  int64_t n_generated() const { return n_tokens() - n_prompt; }
  // Everything but the newest token is in the cache: one row makes the next token.
  bool decoding() const { return n_computed + 1 == n_tokens(); }
  int64_t capacity_tokens() const {
    return static_cast<int64_t>(block_table.size()) * kBlockTokens;
  }

  static constexpr int64_t kBlockTokens = 16;  // kernels.h kKvBlock

  RequestId id;
  Request request;
  const int64_t n_prompt;

  std::vector<int32_t> tokens;  // prompt, then generated
  int64_t max_tokens = 0;       // prompt and output together never exceed this; set by the engine
  int64_t n_computed =
      0;  // cache slots 0 .. n_computed - 1 hold exactly tokens[0 .. n_computed - 1]
  std::vector<int32_t> block_table;  // blocks this sequence holds a reference on, in order
  int64_t n_cached_blocks = 0;       // leading blocks already offered to the prefix cache
  std::vector<int32_t> drafts;       // proposals for the tokens after the newest
  bool draft_cache_begun = false;    // whether the following was decided
  bool draft_cache_complete =
      true;  // slots 0 .. n_computed - 1 of the draft layer are filled as well
  std::vector<ImageEmbedding> embeddings;  // [request.images.size()], null until encoded

  Sampler sampler;
  StopChecker stop_checker;
  LoopGuard loop_guard;
  std::deque<HeldToken> held;  // generated, not yet handed out
  std::string matched_stop;

  bool was_scheduled = false;
  double submitted_s = 0;
  Usage usage;
  RequestTiming timing;

 private:
  std::vector<Hash128> block_keys_;
};

}  // namespace glmocr
