#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

namespace glmocr {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kLanes =
    16;  // independent maxima, so that the compiler can keep them in vector registers
constexpr size_t kStride = 256;  // elements between two looks at the maximum so far

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

struct ChunkMax {
  float max = -kInfinity;
  bool has_nan = false;
};

ChunkMax MaxOf(std::span<const float> x) {
  std::array<float, kLanes> max;
  std::array<int32_t, kLanes> nan{};
  max.fill(-kInfinity);
  size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float v = x[i + lane];
      max[lane] = v > max[lane] ? v : max[lane];
      nan[lane] |= v != v;
    }
  }
  ChunkMax r;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    r.max = std::max(r.max, max[lane]);
    r.has_nan |= nan[lane] != 0;
  }
  for (; i < x.size(); ++i) {
    r.max = x[i] > r.max ? x[i] : r.max;
    r.has_nan |= x[i] != x[i];
  }
  return r;
}

Error BadLogits(const char* what) {
  return {
      ErrorCode::kInternal,
      std::string("the model produced ") + what +
          " instead of scores for the next token; its weights or the input picture may be damaged"};
}

// Logprob of `id` and of the n likeliest tokens under softmax(logits).
void FillLogprobs(std::span<const float> logits, int32_t n_top, SampledToken& out,
                  std::vector<std::pair<float, int32_t>>& scratch) {
  const float max = MaxOf(logits).max;
  double sum = 0;
  for (const float v : logits) sum += std::exp(static_cast<double>(v - max));
  // Subtracted one after the other: max + log(sum) would lose the second term when logits are huge.
  const auto log_sum = static_cast<float>(std::log(sum));
  out.logprob = logits[static_cast<size_t>(out.id)] - max - log_sum;
  if (n_top <= 0) return;
  scratch.clear();
  for (size_t i = 0; i < logits.size(); ++i)
    scratch.emplace_back(-logits[i], static_cast<int32_t>(i));
  const size_t n = std::min<size_t>(static_cast<size_t>(n_top), scratch.size());
  std::partial_sort(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(n),
                    scratch.end());
  for (size_t i = 0; i < n; ++i)
    out.top_logprobs.push_back({scratch[i].second, -scratch[i].first - max - log_sum});
}

Status ApplyMask(std::span<float> logits, TokenMask& mask, std::vector<uint64_t>& words) {
  words.assign((logits.size() + 63) / 64, 0);
  GLM_RETURN_IF_ERROR(mask.Fill(words));
  for (size_t i = 0; i < logits.size(); ++i) {
    if ((words[i / 64] >> (i % 64) & 1) == 0) logits[i] = -kInfinity;
  }
  return OkStatus();
}

// Sorts as many of the likeliest candidates to the front as hold `mass` of the `total`, and drops
// the rest; likeliest first.
void KeepMass(std::vector<std::pair<float, int32_t>>& c, double mass) {
  const auto likelier = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  size_t sorted = 0;
  double sum = 0;
  for (size_t step = 256; sorted < c.size(); step *= 4) {
    const size_t end = std::min(c.size(), sorted + step);
    std::partial_sort(c.begin() + static_cast<std::ptrdiff_t>(sorted),
                      c.begin() + static_cast<std::ptrdiff_t>(end), c.end(), likelier);
    for (; sorted < end; ++sorted) {
      sum += c[sorted].first;
      if (sum >= mass) {
        c.resize(sorted + 1);
        return;
      }
    }
  }
}

}  // namespace

double CounterUniform(uint64_t seed, uint64_t index) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ull;
  const uint64_t bits = Mix(Mix(seed + kGolden) + kGolden * (index + 1));
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

Penalties::Penalties(const SamplingParams& params, std::span<const int32_t> prompt_ids)
    : repetition_(params.repetition_penalty),
      presence_(params.presence_penalty),
      frequency_(params.frequency_penalty),
      active_(repetition_ != 1 || presence_ != 0 || frequency_ != 0) {
  if (!active_ || repetition_ == 1) return;  // only the repetition penalty looks at the prompt
  for (const int32_t id : prompt_ids) Entry(id);
}

Penalties::Seen& Penalties::Entry(int32_t id) {
  const auto [found, inserted] = index_.emplace(id, seen_.size());
  if (inserted) seen_.push_back({id, 0});
  return seen_[found->second];
}

void Penalties::Accept(int32_t id) {
  if (active_) ++Entry(id).n_output;
}

void Penalties::Apply(std::span<float> logits) const {
  for (const Seen& seen : seen_) {
    float& logit = logits[static_cast<size_t>(seen.id)];
    if (repetition_ != 1) logit = logit > 0 ? logit / repetition_ : logit * repetition_;
    if (seen.n_output > 0) logit -= presence_ + frequency_ * static_cast<float>(seen.n_output);
  }
}

Result<int32_t> Argmax(std::span<const float> logits) {
  float best = -kInfinity;
  size_t best_chunk = 0;
  bool has_nan = false;
  for (size_t begin = 0; begin < logits.size(); begin += kStride) {
    const ChunkMax chunk = MaxOf(logits.subspan(begin, std::min(kStride, logits.size() - begin)));
    has_nan |= chunk.has_nan;
    if (chunk.max > best) {
      best = chunk.max;
      best_chunk = begin;
    }
  }
  if (has_nan) return BadLogits("NaN");
  if (std::isinf(best)) return BadLogits(best > 0 ? "an infinite value" : "no possible token");
  while (logits[best_chunk] != best) ++best_chunk;
  return static_cast<int32_t>(best_chunk);
}

Sampler::Sampler(const SamplingParams& params, std::span<const int32_t> prompt_ids)
    : params_(params), penalties_(params, prompt_ids) {}

Result<SampledToken> Sampler::Sample(std::span<float> logits, int64_t output_index, TokenMask* mask,
                                     SamplerScratch& scratch) const {
  const bool wants_logprobs = params_.n_top_logprobs >= 0;
  std::vector<float> original;  // logprobs describe the model's own distribution
  if (wants_logprobs) original.assign(logits.begin(), logits.end());
  if (penalties_.active()) penalties_.Apply(logits);
  for (const auto& [id, bias] : params_.logit_bias) logits[static_cast<size_t>(id)] += bias;
  if (mask != nullptr) GLM_RETURN_IF_ERROR(ApplyMask(logits, *mask, scratch.mask));
  SampledToken token;
  if (params_.temperature == 0) {
    GLM_ASSIGN(token.id, Argmax(logits));
  } else {
    GLM_ASSIGN(token.id, Draw(logits, output_index, scratch));
  }
  if (wants_logprobs) FillLogprobs(original, params_.n_top_logprobs, token, scratch.candidates);
  return token;
}

Result<int32_t> Sampler::Draw(std::span<float> logits, int64_t output_index,
                              SamplerScratch& scratch) const {
  GLM_ASSIGN(const int32_t likeliest, Argmax(logits));
  const float max = logits[static_cast<size_t>(likeliest)];
  auto& c = scratch.candidates;  // (probability not yet normalised, id)
  c.clear();
  // The largest weight is exp(0) = 1, so nothing overflows; weights that underflow to 0 could never
  // be drawn.
  const float inverse_temperature = 1 / params_.temperature;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float weight = std::exp((logits[i] - max) * inverse_temperature);
    if (weight > 0) c.emplace_back(weight, static_cast<int32_t>(i));
  }
  if (params_.top_k > 0 && static_cast<size_t>(params_.top_k) < c.size()) {
    const auto likelier = [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    std::partial_sort(c.begin(), c.begin() + params_.top_k, c.end(), likelier);
    c.resize(static_cast<size_t>(params_.top_k));
  }
  if (params_.top_p < 1) {
    double total = 0;
    for (const auto& candidate : c) total += candidate.first;
    KeepMass(c, total * static_cast<double>(params_.top_p));
  }
  if (params_.min_p > 0)
    std::erase_if(c, [&](const auto& candidate) { return candidate.first < params_.min_p; });
  double total = 0;
  for (const auto& candidate : c) total += candidate.first;
  double left = CounterUniform(params_.seed, static_cast<uint64_t>(output_index)) * total;
  for (const auto& candidate : c) {
    left -= candidate.first;
    if (left < 0) return candidate.second;
  }
  return c.back().second;  // rounding in the last subtraction
}

}  // namespace glmocr
