// The policy against simulated machines: it must find the k that a calculation with the true costs
// finds.
#include "engine/speculator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

namespace glmocr {
namespace {

struct Machine {
  double memory_s = 0.05;       // reading the weights once: the floor of a step
  double row_s = 0.001;         // arithmetic of one row
  double draft_pass_s = 0.004;  // the draft layer's weights, once per proposed token
  double acceptance = 0.8;
  double noise = 0.05;  // relative, of each measurement
  double spikes = 0;    // share of measurements that take eight times as long

  double StepSeconds(int64_t rows) const {
    return std::max(memory_s, row_s * static_cast<double>(rows));
  }
  double Rate(int64_t n_sequences, int32_t k) const {
    double expected = 1, stand = 1;
    for (int32_t j = 0; j < k; ++j) expected += stand *= acceptance;
    return static_cast<double>(n_sequences) * expected /
           (StepSeconds(n_sequences * (1 + k)) + draft_pass_s * k);
  }
  int32_t Best(int64_t n_sequences) const {
    int32_t best = 0;
    for (int32_t k = 1; k <= kMaxDrafts; ++k) {
      if (Rate(n_sequences, k) > Rate(n_sequences, best)) best = k;
    }
    return best;
  }
};

struct Load {
  int64_t n_sequences = 1;
  int64_t sequence_steps = 400;   // then all of them begin anew
  int64_t max_new_tokens = 8192;  // what their requests allow
  double fill_share = 0.5;        // of a draft pass, for filling the cache without a proposal
};

struct Totals {
  double seconds = 0;
  double tokens = 0;
  double plain_seconds = 0;  // the same tokens without drafts
  int64_t draft_passes = 0;
  double loss() const { return seconds / plain_seconds - 1; }
};

// Decodes like the engine does. All time is simulated, so the tests are exact and repeatable.
Totals Simulate(Speculator& speculator, const Machine& machine, const Load& load, int n_steps,
                std::mt19937& random) {
  std::uniform_real_distribution<double> uniform;
  const int64_t n = load.n_sequences;
  Totals run;
  bool filled = false;
  int32_t k = 0;
  for (int step = 0; step < n_steps; ++step) {
    if (step % load.sequence_steps == 0) {
      filled = speculator.begins_filled(load.max_new_tokens);
      k = 0;
    }
    int64_t n_tokens = 0;
    for (int64_t s = 0; s < n; ++s) {
      int32_t accepted = 0;
      while (accepted < k && uniform(random) < machine.acceptance) ++accepted;
      if (k > 0) speculator.OnVerified(k, accepted);
      n_tokens += 1 + accepted;
    }
    const auto jitter = [&] {
      return (1 + machine.noise * (2 * uniform(random) - 1)) *
             (uniform(random) < machine.spikes ? 8 : 1);
    };
    filled = filled && speculator.keeps_filled();
    const int32_t next = filled ? speculator.n_drafts(n) : 0;
    const double step_s = machine.StepSeconds(n * (1 + k)) * jitter();
    const double draft_s =
        filled ? machine.draft_pass_s * (next > 0 ? next : load.fill_share) * jitter() : 0;
    run.draft_passes += filled ? 1 : 0;
    run.seconds += step_s + draft_s;
    run.tokens += static_cast<double>(n_tokens);
    // Compared with the true mean time, spikes included, as nobody can avoid those.
    run.plain_seconds += static_cast<double>(n_tokens) / static_cast<double>(n) *
                         machine.StepSeconds(n) * (1 + 7 * machine.spikes);
    speculator.OnDecodeStep({n, n_tokens, k, filled ? next : -1, step_s, draft_s});
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
      Simulate(speculator, machine, {.n_sequences = n_sequences}, 2000, random);
      const Totals run = Simulate(speculator, machine, {.n_sequences = n_sequences}, 4000, random);
      const double best = machine.Rate(n_sequences, machine.Best(n_sequences));
      // A neighbouring k may be within the gain that it does not move for; the rest are probes and
      // fresh sequences' first steps.
      EXPECT_GT(run.tokens / run.seconds, 0.93 * best)
          << acceptance << " " << n_sequences << " best k " << machine.Best(n_sequences);
    }
  }
}

TEST(Speculator, ConvergesSoonWhereDraftsPay) {
  std::mt19937 random(2);
  const Machine machine{.acceptance = 0.9};
  Speculator speculator({});
  Simulate(speculator, machine, {}, 48,
           random);  // 16 steps to know the plain time, up to 9 for each number
  EXPECT_EQ(machine.Best(1), 3);
  EXPECT_EQ(speculator.n_drafts(1), 3);
  EXPECT_EQ(speculator.why_off(1), DraftsOff::kOn);
}

TEST(Speculator, MiddlingNumberIsFound) {
  // Four rows in a step cost much more than two or three: one draft is best.
  std::mt19937 random(3);
  const Machine machine{.memory_s = 0.05, .row_s = 0.025, .acceptance = 0.75};
  ASSERT_EQ(machine.Best(1), 1);
  Speculator speculator({});
  Simulate(speculator, machine, {}, 400, random);
  EXPECT_EQ(speculator.n_drafts(1), 1);
  const Totals run = Simulate(speculator, machine, {}, 6000, random);
  EXPECT_EQ(speculator.n_drafts(1), 1);
  EXPECT_GT(run.tokens / run.seconds, 0.95 * machine.Rate(1, 1));
}

TEST(Speculator, TurnsOffWhereDraftsDoNotPay) {
  std::mt19937 random(4);
  // The starter model's proportions: a draft costs a third of a step, and 43 % of them stand.
  const Machine machine{
      .memory_s = 0.003, .row_s = 0.002, .draft_pass_s = 0.001, .acceptance = 0.43};
  ASSERT_EQ(machine.Best(1), 0);
  for (const double noise : {0.0, 0.05, 0.3}) {
    Machine noisy = machine;
    noisy.noise = noise;
    Speculator speculator({});
    const Totals early = Simulate(speculator, noisy, {}, 64, random);
    EXPECT_EQ(speculator.n_drafts(1), 0) << noise;
    EXPECT_FALSE(speculator.keeps_filled()) << noise;
    EXPECT_EQ(speculator.why_off(1), DraftsOff::kNoGain) << noise;
    EXPECT_LT(early.loss() * 64, 16)
        << noise;  // plain steps' worth: 12 granted, one that goes over, and noise
    const Totals run = Simulate(speculator, noisy, {}, 20000, random);
    EXPECT_LT(run.loss(), 0.03) << noise;  // the budget, and noise
    EXPECT_EQ(speculator.n_drafts(1), 0) << noise;
  }
}

TEST(Speculator, ShortRequestsLoseNothing) {
  std::mt19937 random(5);
  const Machine machine{.acceptance = 0.1, .noise = 0};
  Speculator speculator({});
  const Totals run =
      Simulate(speculator, machine, {.n_sequences = 4, .sequence_steps = 30, .max_new_tokens = 200},
               240, random);
  EXPECT_EQ(run.draft_passes, 0);
  EXPECT_EQ(speculator.why_off(4), DraftsOff::kNotTried);
  // Many of them together are an opportunity like one long one.
  const Machine paying{.acceptance = 0.9};
  Simulate(speculator, paying, {.n_sequences = 4, .sequence_steps = 30, .max_new_tokens = 200}, 240,
           random);
  EXPECT_GT(speculator.n_drafts(4), 0);
}

TEST(Speculator, LossIsBoundedHoweverDearDraftsAre) {
  std::mt19937 random(6);
  for (const double draft_pass_s : {0.05, 0.5, 5.0}) {
    for (const double acceptance : {0.0, 0.5}) {
      for (const int64_t n_sequences : {1, 8, 32}) {
        const Machine machine{.draft_pass_s = draft_pass_s, .acceptance = acceptance, .noise = 0.2};
        const Load load{.n_sequences = n_sequences, .sequence_steps = 100};
        Speculator speculator({});
        Totals run = Simulate(speculator, machine, load, 500, random);
        EXPECT_EQ(speculator.n_drafts(n_sequences), 0);
        // The step that exceeds the budget is known by its time only: at most that one pass beyond
        // it.
        const double plain_s = machine.StepSeconds(n_sequences);
        EXPECT_LT(run.seconds - run.plain_seconds,
                  0.03 * run.seconds + 13 * plain_s + 4 * draft_pass_s)
            << draft_pass_s;
        run = Simulate(speculator, machine, load, 100000, random);
        EXPECT_LT(run.loss(), 0.03) << draft_pass_s << " " << acceptance << " " << n_sequences;
      }
    }
  }
}

TEST(Speculator, DependsOnTheBatchSize) {
  std::mt19937 random(7);
  const Machine machine{.row_s = 0.0125,
                        .acceptance = 0.6};  // four rows take as long as reading the weights
  Speculator speculator({});
  Simulate(speculator, machine, {}, 600, random);
  EXPECT_EQ(speculator.n_drafts(1), machine.Best(1));
  EXPECT_GT(speculator.n_drafts(1), 0);
  EXPECT_EQ(machine.Best(32), 0);
  const Totals many = Simulate(speculator, machine, {.n_sequences = 32}, 400, random);
  EXPECT_EQ(speculator.n_drafts(32), 0);
  EXPECT_LT(many.loss(),
            0.1);  // the cache is filled on, for the sake of the batch size where drafts pay
  EXPECT_GT(speculator.n_drafts(1), 0);  // which is remembered
  EXPECT_TRUE(speculator.keeps_filled());
  // Not for long: what is filled and never used is a loss as any other.
  const Totals long_run = Simulate(speculator, machine, {.n_sequences = 32}, 20000, random);
  EXPECT_LT(long_run.loss(), 0.03);
}

TEST(Speculator, SmallerBatchesBeginWithWhatPaysForLargerOnes) {
  std::mt19937 random(8);
  Speculator speculator({});
  Simulate(speculator, {.acceptance = 0.9}, {.n_sequences = 4}, 200, random);
  EXPECT_EQ(speculator.n_drafts(4), 3);
  EXPECT_EQ(speculator.n_drafts(2), 3);
  EXPECT_EQ(speculator.n_drafts(8), 0);
}

TEST(Speculator, ChangesItsMindWhenTheMachineDoes) {
  std::mt19937 random(9);
  Speculator speculator({});
  Simulate(speculator, {.acceptance = 0.9}, {}, 300, random);
  EXPECT_EQ(speculator.n_drafts(1), 3);
  // The draft layer has become dearer than what it saves.
  const Machine dear{.draft_pass_s = 0.2, .acceptance = 0.9};
  ASSERT_EQ(dear.Best(1), 0);
  Simulate(speculator, dear, {}, 60, random);
  EXPECT_EQ(speculator.n_drafts(1), 0);
  EXPECT_FALSE(speculator.keeps_filled());
  Simulate(speculator, dear, {}, 6000, random);
  EXPECT_EQ(speculator.n_drafts(1), 0);
  Simulate(speculator, {.acceptance = 0.9}, {}, 12000, random);
  EXPECT_EQ(speculator.n_drafts(1), 3);
  EXPECT_GE(speculator.n_switches(), 3);
}

TEST(Speculator, ChangesItsMindWhenTheTextDoes) {
  std::mt19937 random(10);
  Speculator speculator({});
  const Machine hard{.row_s = 0.03, .acceptance = 0.05}, easy{.row_s = 0.03, .acceptance = 0.95};
  ASSERT_EQ(hard.Best(1), 0);
  ASSERT_GT(easy.Best(1), 0);
  for (int round = 0; round < 2; ++round) {
    Simulate(speculator, easy, {}, 6000, random);
    EXPECT_GT(speculator.n_drafts(1), 0);
    Simulate(speculator, hard, {}, 600, random);
    EXPECT_EQ(speculator.n_drafts(1), 0);
  }
}

TEST(Speculator, SurvivesNoise) {
  // Every step is off by up to 40 %, and one in fifty takes eight times as long because the machine
  // was busy elsewhere.
  std::mt19937 random(11);
  const Machine paying{.acceptance = 0.85, .noise = 0.4, .spikes = 0.02};
  Speculator on({});
  Simulate(on, paying, {}, 1000, random);
  const Totals run = Simulate(on, paying, {}, 20000, random);
  EXPECT_LT(run.loss(), -0.4);  // the best is about -0.6
  const Machine losing{
      .row_s = 0.04, .draft_pass_s = 0.02, .acceptance = 0.3, .noise = 0.4, .spikes = 0.02};
  ASSERT_EQ(losing.Best(1), 0);
  Speculator off({});
  const Totals lost = Simulate(off, losing, {}, 40000, random);
  EXPECT_LT(lost.loss(), 0.05);
}

TEST(Speculator, StaysPutWhenNothingIsToBeGained) {
  std::mt19937 random(12);
  // The second and third draft gain next to nothing: the choice must not flicker between them.
  Speculator speculator({});
  Simulate(speculator, {.draft_pass_s = 0.03, .acceptance = 0.75, .noise = 0.1}, {}, 20000, random);
  EXPECT_LE(speculator.n_switches(), 4);
}

TEST(Speculator, PromptFillingIsChargedToTheDrafts) {
  // Short answers to long prompts: drafts save a little of each step, but filling the cache of the
  // prompts costs more.
  std::mt19937 random(13);
  Speculator speculator({});
  const Machine machine{.acceptance = 0.9};
  for (int request = 0; request < 200; ++request) {
    if (speculator.begins_filled(2000)) speculator.OnFill(10.0);
    Simulate(speculator, machine, {.sequence_steps = 40, .max_new_tokens = 2000}, 40, random);
  }
  EXPECT_EQ(speculator.n_drafts(1), 0);
  EXPECT_EQ(speculator.why_off(1), DraftsOff::kOverBudget);
}

TEST(Speculator, ModesOffAndFixed) {
  Speculator off({.mode = DraftMode::kOff});
  EXPECT_EQ(off.n_drafts(1), 0);
  EXPECT_FALSE(off.keeps_filled());
  EXPECT_FALSE(off.begins_filled(1 << 20));
  EXPECT_EQ(off.why_off(1), DraftsOff::kDisabled);
  Speculator fixed({.mode = DraftMode::kFixed, .max_drafts = 2});
  for (int i = 0; i < 100; ++i) fixed.OnDecodeStep({1, 1, 2, 2, 1000.0, 1000.0});
  EXPECT_EQ(fixed.n_drafts(1), 2);
  EXPECT_EQ(fixed.n_drafts(64), 2);
  EXPECT_TRUE(fixed.keeps_filled());
  EXPECT_TRUE(fixed.begins_filled(1));
}

TEST(Speculator, AcceptancePerDepthIsConditional) {
  Speculator speculator({});
  // Draft 0 stands always, draft 1 half of the time, draft 2 never (looked at only when 1 stood).
  for (int i = 0; i < 2000; ++i) speculator.OnVerified(3, i % 2 == 0 ? 1 : 2);
  EXPECT_NEAR(speculator.acceptance(0), 1.0, 0.01);  // prior: 4 * 0.8 among 200 + 4
  EXPECT_NEAR(speculator.acceptance(1), 0.5, 0.01);
  EXPECT_NEAR(speculator.acceptance(2), 0.0, 0.02);
  EXPECT_NEAR(speculator.expected_tokens(3), 1 + 1 + 0.5, 0.03);
}

}  // namespace
}  // namespace glmocr
