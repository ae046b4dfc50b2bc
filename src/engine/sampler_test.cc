// The sampler against values worked out by hand from the definitions.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace glmocr {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Result<SampledToken> SampleOnce(const SamplingParams& params, std::vector<float> logits,
                                int64_t index = 0, std::span<const int32_t> prompt = {},
                                TokenMask* mask = nullptr) {
  SamplerScratch scratch;
  return Sampler(params, prompt).Sample(logits, index, mask, scratch);
}

// Ids that 4000 draws yield, with their shares.
std::map<int32_t, double> Shares(const SamplingParams& params, const std::vector<float>& logits) {
  std::map<int32_t, double> shares;
  for (int64_t i = 0; i < 4000; ++i) shares[(*SampleOnce(params, logits, i)).id] += 1.0 / 4000;
  return shares;
}
// Standard error of a share of 4000 draws is at most 0.008; five of them.
constexpr double kShareTolerance = 0.04;

std::vector<float> LogOf(const std::vector<double>& p) {
  std::vector<float> logits;
  logits.reserve(p.size());
  for (const double v : p) logits.push_back(static_cast<float>(std::log(v)));
  return logits;
}

TEST(Argmax, LowestAmongEqualsAnywhere) {
  for (const size_t n : {1, 15, 16, 17, 255, 256, 257, 1000, 59392}) {
    for (const size_t at : {size_t{0}, n / 3, n - 1}) {
      std::vector<float> x(n, -1.0f);
      x[at] = 2;
      x[n - 1] = 2;
      EXPECT_EQ(*Argmax(x), static_cast<int32_t>(at)) << n;
    }
  }
  EXPECT_EQ(*Argmax(std::vector<float>(1000, 0.0f)), 0);
}

TEST(Argmax, BadLogitsAreErrorsNotCrashes) {
  for (const size_t at : {0, 20, 299}) {
    std::vector<float> x(300, 1.0f);
    x[at] = kNan;
    EXPECT_FALSE(Argmax(x).ok()) << at;
    x[at] = kInf;
    EXPECT_FALSE(Argmax(x).ok()) << at;
    x[at] = -kInf;
    EXPECT_TRUE(Argmax(x).ok()) << at;
  }
  EXPECT_FALSE(Argmax(std::vector<float>(300, -kInf)).ok());
  for (const float temperature : {0.0f, 1.0f})
    EXPECT_FALSE(SampleOnce({.temperature = temperature}, {0, kNan, 1}).ok());
}

TEST(Sampler, RepetitionPenaltyCountsPromptAndOutput) {
  // Penalty 2: positive logits are halved, negative doubled.
  const std::vector<int32_t> prompt = {0};
  const SamplingParams params{.repetition_penalty = 2};
  EXPECT_EQ(SampleOnce(params, {3, 2, 1}, 0, prompt)->id, 1);
  EXPECT_EQ(SampleOnce(params, {-1, -1.9f, -5}, 0, prompt)->id, 1);
  Sampler sampler(params, prompt);
  sampler.Accept(1);
  sampler.Accept(1);  // no stronger the second time
  SamplerScratch scratch;
  std::vector<float> logits = {3, 2, 1.1f};
  EXPECT_EQ(sampler.Sample(logits, 2, nullptr, scratch)->id, 0);
  EXPECT_EQ(logits, (std::vector<float>{1.5f, 1.0f, 1.1f}));
}

TEST(Sampler, PresenceAndFrequencyPenaltiesCountOutputOnly) {
  const std::vector<int32_t> prompt = {0};
  Sampler sampler({.presence_penalty = 1, .frequency_penalty = 0.5f}, prompt);
  sampler.Accept(1);
  sampler.Accept(2);
  sampler.Accept(2);
  SamplerScratch scratch;
  std::vector<float> logits = {3, 5, 5};
  ASSERT_TRUE(sampler.Sample(logits, 3, nullptr, scratch).ok());
  EXPECT_EQ(logits, (std::vector<float>{3, 3.5f, 3}));
}

TEST(Sampler, LogitBias) {
  EXPECT_EQ(SampleOnce({.logit_bias = {{2, 5.0f}, {0, -kInf}}}, {9, 1, 1})->id, 2);
}

class OddOnly : public TokenMask {
 public:
  Status Fill(std::span<uint64_t> allowed) override {
    for (uint64_t& word : allowed) word = nothing ? 0 : 0xaaaaaaaaaaaaaaaaull;
    return OkStatus();
  }
  void Accept(int32_t) override {}
  bool nothing = false;
};

TEST(Sampler, TokenMask) {
  OddOnly mask;
  std::vector<float> logits(130, 0.0f);
  logits[128] = 9;
  logits[129] = 8;
  EXPECT_EQ(SampleOnce({}, logits, 0, {}, &mask)->id, 129);
  mask.nothing = true;
  EXPECT_FALSE(SampleOnce({}, logits, 0, {}, &mask).ok());
}

class OneOnly : public TokenMask {
 public:
  explicit OneOnly(size_t id) : id_(id) {}
  Status Fill(std::span<uint64_t> allowed) override {
    allowed[id_ / 64] = uint64_t{1} << (id_ % 64);
    return OkStatus();
  }
  void Accept(int32_t) override {}

 private:
  size_t id_;
};

TEST(Sampler, EveryTokenHasItsBitInTheMask) {
  for (const size_t id : {0, 1, 63, 64, 100, 127, 128, 129}) {
    OneOnly mask(id);
    EXPECT_EQ(SampleOnce({}, std::vector<float>(130, 0.0f), 0, {}, &mask)->id,
              static_cast<int32_t>(id));
  }
}

TEST(Sampler, TemperatureShapesTheDistribution) {
  const auto shares = Shares({.temperature = 1}, LogOf({0.5, 0.3, 0.2}));
  EXPECT_NEAR(shares.at(0), 0.5, kShareTolerance);
  EXPECT_NEAR(shares.at(1), 0.3, kShareTolerance);
  // At temperature 1/2 probabilities are squared: 0.25, 0.09, 0.04 of 0.38.
  const auto sharp = Shares({.temperature = 0.5f}, LogOf({0.5, 0.3, 0.2}));
  EXPECT_NEAR(sharp.at(0), 0.25 / 0.38, kShareTolerance);
  EXPECT_NEAR(sharp.at(2), 0.04 / 0.38, kShareTolerance);
}

TEST(Sampler, TopK) {
  const auto shares = Shares({.temperature = 1, .top_k = 2}, LogOf({0.2, 0.5, 0.3}));
  EXPECT_EQ(shares.size(), 2u);
  EXPECT_NEAR(shares.at(1), 0.5 / 0.8, kShareTolerance);
}

TEST(Sampler, TopP) {
  // 0.5 + 0.3 reaches 0.7; the token that crosses the border stays.
  EXPECT_EQ(Shares({.temperature = 1, .top_p = 0.7f}, LogOf({0.2, 0.5, 0.3})).size(), 2u);
  EXPECT_EQ(Shares({.temperature = 1, .top_p = 0.45f}, LogOf({0.2, 0.5, 0.3})).size(), 1u);
  EXPECT_EQ(Shares({.temperature = 1, .top_p = 1e-5f}, LogOf({0.2, 0.5, 0.3})).size(),
            1u);  // the SDK's default
  // Top-p is of what top-k left: 0.5 of 0.8 is 0.625.
  EXPECT_EQ(Shares({.temperature = 1, .top_k = 2, .top_p = 0.6f}, LogOf({0.2, 0.5, 0.3})).size(),
            1u);
  // More candidates than one sorting step takes.
  EXPECT_GT(
      Shares({.temperature = 1, .top_p = 0.5f}, std::vector<float>(2000, 0.0f)).rbegin()->first,
      900);
  EXPECT_LT(
      Shares({.temperature = 1, .top_p = 0.5f}, std::vector<float>(2000, 0.0f)).rbegin()->first,
      1000);
}

TEST(Sampler, MinP) {
  EXPECT_EQ(Shares({.temperature = 1, .min_p = 0.5f}, LogOf({0.2, 0.5, 0.3})).size(), 2u);
}

// Top-p is of all candidates: the first two hold half of them. Of what min-p leaves, 0.7, the first
// alone would.
TEST(Sampler, TopPComesBeforeMinP) {
  EXPECT_EQ(
      Shares({.temperature = 1, .top_p = 0.5f, .min_p = 0.5f}, LogOf({0.4, 0.3, 0.1, 0.1, 0.1}))
          .size(),
      2u);
}

TEST(Sampler, DrawsDependOnSeedAndIndexOnly) {
  const std::vector<float> logits(64, 0.0f);
  const SamplingParams params{.temperature = 1, .seed = 5};
  std::set<int32_t> distinct;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(SampleOnce(params, logits, i)->id, SampleOnce(params, logits, i)->id);
    distinct.insert(SampleOnce(params, logits, i)->id);
  }
  EXPECT_GT(distinct.size(), 30u);  // 100 draws of 64: expected 51
  int equal = 0;
  for (int64_t i = 0; i < 100; ++i) {
    equal += SampleOnce(params, logits, i)->id ==
                     SampleOnce({.temperature = 1, .seed = 6}, logits, i)->id
                 ? 1
                 : 0;
  }
  EXPECT_LT(equal, 10);  // expected 1.6
}

TEST(Sampler, CounterUniformIsUniform) {
  // Chi-square over 100 cells, 99 degrees of freedom, one seed after the other; 0.999 quantile
  // 148.2 (Wilson-Hilferty).
  for (const uint64_t seed : {0ull, 1ull, 2ull, 0xffffffffffffffffull}) {
    std::vector<int> cells(100, 0);
    for (uint64_t i = 0; i < 100000; ++i)
      ++cells[static_cast<size_t>(CounterUniform(seed, i) * 100)];
    double chi2 = 0;
    for (const int n : cells) chi2 += (n - 1000.0) * (n - 1000.0) / 1000.0;
    EXPECT_LT(chi2, 148.2) << seed;
  }
}

TEST(Sampler, LogprobsAreOfTheModelsOwnDistribution) {
  const std::vector<int32_t> prompt = {1};
  const Result<SampledToken> token =
      SampleOnce({.repetition_penalty = 1e6f, .logit_bias = {{0, 3.0f}}, .n_top_logprobs = 2},
                 LogOf({0.2, 0.5, 0.3}), 0, prompt);
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->id, 0);
  EXPECT_NEAR(token->logprob, std::log(0.2), 1e-6);
  ASSERT_EQ(token->top_logprobs.size(), 2u);
  EXPECT_EQ(token->top_logprobs[0].id, 1);
  EXPECT_NEAR(token->top_logprobs[0].logprob, std::log(0.5), 1e-6);
  EXPECT_EQ(token->top_logprobs[1].id, 2);
}

TEST(Sampler, HugeLogitsDoNotOverflow) {
  const auto shares = Shares({.temperature = 1}, {1e30f, 1e30f, -1e30f});
  EXPECT_NEAR(shares.at(0), 0.5, kShareTolerance);
  EXPECT_EQ(shares.size(), 2u);
  EXPECT_NEAR((*SampleOnce({.n_top_logprobs = 0}, {1e30f, 1e30f})).logprob, std::log(0.5), 1e-6);
}

}  // namespace
}  // namespace glmocr
