// Turns one row of logits into a token: penalties, bias, mask, temperature, top-k, top-p, min-p,
// draw. One Sampler per request; it owns the history that penalties need, and nothing else changes
// from token to token.
//
// Randomness is counter-based: the uniform number of output index i is a function of (seed, i)
// alone (SplitMix64's finaliser, Steele et al. 2014, applied twice). So a text does not depend on
// the batch, on preemption, or on speculative decoding: a row draws its token x from its own
// distribution p, and a draft d stands exactly when x == d. That accepts d with probability p(d)
// and otherwise yields a sample of p with d removed, i.e. it is the acceptance rule of Leviathan et
// al. 2023 for one-hot proposals, with the two draws merged into one.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/request.h"

namespace glmocr {

// Uniform in [0, 1), 53 random bits.
double CounterUniform(uint64_t seed, uint64_t index);

// Ids of the prompt and counts of the output, and their penalties.
class Penalties {
 public:
  Penalties(const SamplingParams& params, std::span<const int32_t> prompt_ids);
  bool active() const { return active_; }
  void Accept(int32_t id);
  void Apply(std::span<float> logits) const;

 private:
  struct Seen {
    int32_t id = 0;
    int32_t n_output = 0;
  };
  Seen& Entry(int32_t id);

  float repetition_, presence_, frequency_;
  bool active_;
  std::vector<Seen> seen_;  // distinct ids in order of appearance
  std::unordered_map<int32_t, size_t> index_;
};

struct SampledToken {
  int32_t id = 0;
  float logprob = 0;
  std::vector<TokenLogprob> top_logprobs;
};

// Buffers that all samplers of an engine share.
struct SamplerScratch {
  std::vector<std::pair<float, int32_t>> candidates;
  std::vector<uint64_t> mask;
};

class Sampler {
 public:
  Sampler(const SamplingParams& params, std::span<const int32_t> prompt_ids);

  // The token of output index `output_index`. Edits `logits` in place. kInternal when a logit is
  // NaN or +infinity or when nothing is allowed; `mask` may be null. Plain greedy requests read the
  // row once.
  Result<SampledToken> Sample(std::span<float> logits, int64_t output_index, TokenMask* mask,
                              SamplerScratch& scratch) const;
  // `id` is final.
  void Accept(int32_t id) { penalties_.Accept(id); }

 private:
  Result<int32_t> Draw(std::span<float> logits, int64_t output_index,
                       SamplerScratch& scratch) const;

  SamplingParams params_;
  Penalties penalties_;
};

// Index of the largest element, lowest among equals; an error when one is NaN or when the largest
// is infinite.
Result<int32_t> Argmax(std::span<const float> logits);

}  // namespace glmocr
