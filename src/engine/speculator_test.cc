// The policy against simulated machines: it must find the k that a calculation with the true costs finds.
#include "engine/speculator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

namespace glmocr {
namespace {

struct Machine {
  double memory_s = 0.05;          // reading the weights once: the floor of a step
  double row_s = 0.001;            // arithmetic of one row
  double draft_pass_s = 0.004;     // the draft layer's weights, once per proposed token
  double acceptance = 0.8;
  double noise = 0.05;             // relative, of each measurement

  double StepSeconds(int64_t rows) const { return std::max(memory_s, row_s * static_cast<double>(rows)); }
  double Rate(int64_t n_sequences, int32_t k) const {
    double expected = 1, stand = 1;
    for (int32_t j = 0; j < k; ++j) expected += stand *= acceptance;
    return static_cast<double>(n_sequences) * expected / (StepSeconds(n_sequences * (1 + k)) + draft_pass_s * k);
  }
  int32_t Best(int64_t n_sequences) const {
    int32_t best = 0;
    for (int32_t k = 1; k <= kMaxDrafts; ++k) {
      if (Rate(n_sequences, k) > Rate(n_sequences, best)) best = k;
    }
    return best;
  }
};

struct Totals {
  double seconds = 0;
  double tokens = 0;
};

Totals Simulate(Speculator& speculator, const Machine& machine, int64_t n_sequences, int n_steps, std::mt19937& random) {
  std::uniform_real_distribution<double> uniform;
  Totals run;
  int32_t k = speculator.n_drafts(n_sequences);
  for (int step = 0; step < n_steps; ++step) {
    for (int64_t s = 0; s < n_sequences; ++s) {
      int32_t accepted = 0;
      while (accepted < k && uniform(random) < machine.acceptance) ++accepted;
      if (k > 0) speculator.OnVerified(k, accepted);
      run.tokens += 1 + accepted;
    }
    const auto jitter = [&] { return 1 + machine.noise * (2 * uniform(random) - 1); };
    const int32_t next = speculator.n_drafts(n_sequences);
    const double step_s = machine.StepSeconds(n_sequences * (1 + k)) * jitter();
    const double draft_s = machine.draft_pass_s * std::max(next, 1) * jitter() * (speculator.fills_cache() ? 1 : 0);
    run.seconds += step_s + draft_s;
    speculator.OnDecodeStep({n_sequences, k, speculator.fills_cache() ? next : -1, step_s, draft_s});
    k = next;
  }
  return run;
}

TEST(Speculator, FindsTheBestNumberOfDrafts) {
  std::mt19937 random(1);
  for (const double acceptance : {0.95, 0.6, 0.2, 0.02}) {
    for (const int64_t n_sequences : {1, 4, 16, 64}) {
      const Machine machine{.acceptance = acceptance};
      Speculator speculator({});
      Simulate(speculator, machine, n_sequences, 2000, random);
      const Totals run = Simulate(speculator, machine, n_sequences, 4000, random);
      // Neighbouring k may be within the 5 % that it does not move for; re-probing costs less than another 5 %.
      const double best = machine.Rate(n_sequences, machine.Best(n_sequences));
      EXPECT_GT(run.tokens / run.seconds, 0.9 * best) << acceptance << " " << n_sequences << " best k " << machine.Best(n_sequences);
    }
  }
}

TEST(Speculator, OffWhenComputeBoundOnWhenBandwidthBound) {
  std::mt19937 random(2);
  const Machine machine{.row_s = 0.0125, .acceptance = 0.6};  // four rows take as long as reading the weights
  Speculator speculator({});
  Simulate(speculator, machine, 1, 600, random);
  EXPECT_EQ(speculator.n_drafts(1), machine.Best(1));
  EXPECT_GT(speculator.n_drafts(1), 0);
  Simulate(speculator, machine, 32, 40, random);
  EXPECT_EQ(speculator.n_drafts(32), 0);
  EXPECT_GT(speculator.n_drafts(1), 0);  // the other batch size is remembered
  EXPECT_TRUE(speculator.fills_cache()); // for its sake
}

TEST(Speculator, ChangesItsMindWhenTheMachineDoes) {
  std::mt19937 random(3);
  Speculator speculator({});
  Simulate(speculator, {.acceptance = 0.9}, 1, 300, random);
  EXPECT_EQ(speculator.n_drafts(1), 3);
  // The draft layer has become dearer than what it saves.
  const Machine dear{.draft_pass_s = 0.2, .acceptance = 0.9};
  Simulate(speculator, dear, 1, 6000, random);
  EXPECT_EQ(dear.Best(1), 0);
  EXPECT_EQ(speculator.n_drafts(1), 0);
  EXPECT_FALSE(speculator.fills_cache());
  Simulate(speculator, {.acceptance = 0.9}, 1, 12000, random);
  EXPECT_EQ(speculator.n_drafts(1), 3);
  EXPECT_GE(speculator.n_switches(), 2);
}

TEST(Speculator, StaysPutWhenNothingIsToBeGained) {
  std::mt19937 random(4);
  // The second and third draft gain less than 5 %: the choice must not flicker between them.
  Speculator speculator({});
  Simulate(speculator, {.draft_pass_s = 0.03, .acceptance = 0.75, .noise = 0.1}, 1, 20000, random);
  EXPECT_LE(speculator.n_switches(), 2);
}

TEST(Speculator, ModesOffAndFixed) {
  Speculator off({.mode = DraftMode::kOff});
  EXPECT_EQ(off.n_drafts(1), 0);
  EXPECT_FALSE(off.fills_cache());
  Speculator fixed({.mode = DraftMode::kFixed, .max_drafts = 2});
  for (int i = 0; i < 100; ++i) fixed.OnDecodeStep({1, 2, 2, 1000.0, 1000.0});
  EXPECT_EQ(fixed.n_drafts(1), 2);
  EXPECT_EQ(fixed.n_drafts(64), 2);
  EXPECT_TRUE(fixed.fills_cache());
}

TEST(Speculator, AcceptancePerDepthIsConditional) {
  Speculator speculator({});
  // Draft 0 stands always, draft 1 half of the time, draft 2 never (looked at only when 1 stood).
  for (int i = 0; i < 2000; ++i) speculator.OnVerified(3, i % 2 == 0 ? 1 : 2);
  EXPECT_NEAR(speculator.acceptance(0), 1.0, 0.01);   // prior: 4 * 0.7 among 200 + 4
  EXPECT_NEAR(speculator.acceptance(1), 0.5, 0.01);
  EXPECT_NEAR(speculator.acceptance(2), 0.0, 0.02);
  EXPECT_NEAR(speculator.expected_tokens(3), 1 + 1 + 0.5, 0.03);
}

}  // namespace
}  // namespace glmocr
