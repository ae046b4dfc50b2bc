// The rows of the specification's list of other engines' bugs (section 14) that an engine can have.
#include <cmath>

#include "engine/engine_test_util.h"

namespace glmocr {
namespace {

Request PageRequest(uint64_t seed, int64_t max_new_tokens) {
  Request request{.max_new_tokens = max_new_tokens};
  AddFakeText(request, seed, 4);
  AddFakeImage(request, seed, 8, 20);  // wide: rope advances by 10 for 40 tokens
  AddFakeText(request, seed + 1, 3);
  AddFakeImage(request, seed + 7, 12, 4);
  AddFakeText(request, seed + 2, 5);
  return request;
}

TEST(SpecRows, M4_DraftsAfterAnImageUseSequenceIndices) {
  for (const int32_t accuracy : {100, 60, 0}) {
    FakeRunner runner({.draft_accuracy_percent = accuracy});
    auto engine = MakeEngine(runner, {.drafts = {.mode = DraftMode::kFixed}});
    Answer answer;
    Request request = PageRequest(1, 80);
    ASSERT_LT(request.rope_delta, 0);
    const std::vector<int32_t> expected = runner.Reference(request, 80);
    ASSERT_TRUE(engine->Submit(Watched(std::move(request), answer)).ok());
    engine->RunUntilIdle();
    EXPECT_EQ(answer.ids, expected) << accuracy;
    EXPECT_EQ(runner.incomplete_draft_reads, 0);
    ExpectSound(runner, *engine);
    if (accuracy == 100) {
      EXPECT_EQ(answer.outcome.usage.accepted_tokens, answer.outcome.usage.drafted_tokens);
    } else if (accuracy == 0) {
      EXPECT_EQ(answer.outcome.usage.accepted_tokens, 0);
    }
  }
}

TEST(SpecRows, M6_ChunkedPrefillEqualsOnePrefill) {
  for (const int64_t chunk : {4, 5, 7, 16, 23, 64, 1000}) {
    for (const DraftMode mode : {DraftMode::kOff, DraftMode::kFixed}) {
      FakeRunner runner({});
      auto engine = MakeEngine(
          runner,
          {.scheduler = {.max_running = 1, .max_step_tokens = chunk, .max_encode_patches = 40},
           .prefix_caching = PrefixCaching::kOff,
           .drafts = {.mode = mode}});
      std::vector<Answer> answers(2);
      for (uint64_t i = 0; i < 2; ++i) {
        Request request = PageRequest(i, 30);
        const std::vector<int32_t> expected = runner.Reference(request, 30);
        ASSERT_TRUE(engine->Submit(Watched(std::move(request), answers[i])).ok());
        engine->RunUntilIdle();
        EXPECT_EQ(answers[i].ids, expected) << chunk;
      }
      EXPECT_LE(runner.max_rows, chunk);
      EXPECT_EQ(runner.incomplete_draft_reads, 0);
      ExpectSound(runner, *engine);
    }
  }
}

// Greedy decoding with processors, written down directly.
std::vector<int32_t> ReferenceWithParams(const FakeRunner& runner, const Request& request,
                                         int64_t n) {
  Sampler sampler(request.sampling, request.prompt_ids);
  SamplerScratch scratch;
  std::vector<int32_t> output;
  while (static_cast<int64_t>(output.size()) < n) {
    std::vector<float> logits(97);
    runner.Logits(FakeRunner::HiddenAfter(request, output), logits.data());
    output.push_back(
        sampler.Sample(logits, static_cast<int64_t>(output.size()), nullptr, scratch)->id);
    sampler.Accept(output.back());
  }
  return output;
}

TEST(SpecRows, M6_PenaltiesAreAppliedOnEveryRowAlsoWithDrafts) {
  for (const int32_t accuracy : {100, 50}) {
    for (const DraftMode mode : {DraftMode::kOff, DraftMode::kFixed}) {
      FakeRunner runner({.draft_accuracy_percent = accuracy});
      auto engine = MakeEngine(runner, {.drafts = {.mode = mode}});
      Answer answer;
      Request request = PageRequest(5, 200);
      request.sampling = {
          .repetition_penalty = 1.1f, .presence_penalty = 0.3f, .frequency_penalty = 0.1f};
      const std::vector<int32_t> expected = ReferenceWithParams(runner, request, 200);
      ASSERT_NE(expected, runner.Reference(request, 200));
      ASSERT_TRUE(engine->Submit(Watched(std::move(request), answer)).ok());
      engine->RunUntilIdle();
      EXPECT_EQ(answer.ids, expected);
    }
  }
}

TEST(SpecRows, M9_RopeDeltaBelongsToItsSequence) {
  FakeRunner runner({});
  auto engine = MakeEngine(runner);
  std::vector<Answer> answers(6);
  std::vector<std::vector<int32_t>> expected;
  for (uint64_t i = 0; i < 6; ++i) {
    Request request = i % 2 == 0 ? PageRequest(i, 50)
                                 : Request{.prompt_ids = FakePrompt(i, 30), .max_new_tokens = 50};
    expected.push_back(runner.Reference(request, 50));
    ASSERT_TRUE(engine->Submit(Watched(std::move(request), answers[i])).ok());
  }
  engine->RunUntilIdle();
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(answers[i].ids, expected[i]) << i;
  ExpectSound(runner, *engine);
}

TEST(SpecRows, M9_RopeDeltaSurvivesThePrefixCache) {
  FakeRunner runner({});
  auto engine = MakeEngine(runner);
  for (int round = 0; round < 2; ++round) {
    Answer answer;
    Request request = PageRequest(1, 30);
    const std::vector<int32_t> expected = runner.Reference(request, 30);
    ASSERT_TRUE(engine->Submit(Watched(std::move(request), answer)).ok());
    engine->RunUntilIdle();
    EXPECT_EQ(answer.ids, expected);
    EXPECT_EQ(answer.outcome.usage.cached_prompt_tokens,
              round == 0 ? 0 : (PageRequest(1, 1).prompt_ids.size() - 1) / 16 * 16);
  }
  EXPECT_EQ(runner.n_encoded, 2);  // the second round needs no picture at all
  EXPECT_EQ(runner.incomplete_draft_reads, 0);
}

TEST(SpecRows, M9_PicturesWithTheSamePlaceholdersDoNotMatch) {
  FakeRunner runner({});
  auto engine = MakeEngine(runner);
  for (uint64_t picture = 0; picture < 3; ++picture) {
    Answer answer;
    Request request{.max_new_tokens = 30};
    AddFakeText(request, 1, 20);
    AddFakeImage(request, picture, 8, 8);
    AddFakeText(request, 2, 20);
    const std::vector<int32_t> expected = runner.Reference(request, 30);
    ASSERT_TRUE(engine->Submit(Watched(std::move(request), answer)).ok());
    engine->RunUntilIdle();
    EXPECT_EQ(answer.ids, expected) << picture;
    EXPECT_EQ(answer.outcome.usage.cached_prompt_tokens,
              picture == 0 ? 0 : 16);  // the block before the picture
  }
}

TEST(SpecRows, N1_N2_EveryDepthOfAPerfectLayerIsAccepted) {
  FakeRunner runner({});
  auto engine = MakeEngine(runner, {.drafts = {.mode = DraftMode::kFixed}});
  std::vector<Answer> answers(5);
  for (uint64_t i = 0; i < 5; ++i)
    ASSERT_TRUE(engine->Submit(Watched(PageRequest(i, 61), answers[i])).ok());
  engine->RunUntilIdle();
  const EngineStats stats = engine->stats();
  for (size_t depth = 0; depth < 3; ++depth) {
    EXPECT_GT(stats.drafted_at[depth], 0);
    EXPECT_EQ(stats.accepted_at[depth], stats.drafted_at[depth]) << depth;
  }
  // A token from the prompt, then 60 of each answer in steps of 4: also the first round has room
  // for three drafts, though these prompts of 64 tokens end on a block's border.
  ASSERT_EQ(PageRequest(0, 61).prompt_ids.size() % 16, 0u);
  EXPECT_EQ(stats.verify_steps, 5 * 15);
}

TEST(SpecRows, N4_AnImageAtPositionZero) {
  FakeRunner runner({});
  auto engine = MakeEngine(runner, {.drafts = {.mode = DraftMode::kFixed}});
  Answer answer;
  Request request{.max_new_tokens = 40};
  AddFakeImage(request, 3, 6, 6);
  AddFakeText(request, 1, 1);
  const std::vector<int32_t> expected = runner.Reference(request, 40);
  ASSERT_TRUE(engine->Submit(Watched(std::move(request), answer)).ok());
  engine->RunUntilIdle();
  EXPECT_EQ(answer.ids, expected);
  ExpectSound(runner, *engine);
}

TEST(SpecRows, T1_T5_EveryEndTokenStopsAndNoneIsShown) {
  // Two end tokens: the one that the answer reaches first, and one that it never reaches, in either
  // order.
  FakeRunner plain({});
  const Request probe{.prompt_ids = FakePrompt(4, 20)};
  const std::vector<int32_t> reference = plain.Reference(probe, 60);
  size_t at = 13;  // inside a run of accepted drafts, at a token that does not occur earlier
  while (std::find(reference.begin(), reference.begin() + static_cast<std::ptrdiff_t>(at),
                   reference[at]) != reference.begin() + static_cast<std::ptrdiff_t>(at)) {
    ++at;
  }
  const std::vector<int32_t> before(reference.begin(),
                                    reference.begin() + static_cast<std::ptrdiff_t>(at));
  for (const std::vector<int32_t>& eos :
       {std::vector<int32_t>{reference[at], 0}, std::vector<int32_t>{0, reference[at]}}) {
    for (const DraftMode mode : {DraftMode::kOff, DraftMode::kFixed}) {
      FakeRunner runner({.eos_token_ids = eos});
      auto engine =
          MakeEngine(runner, {.drafts = {.mode = mode}, .token_bytes = NumberedBytes(97)});
      Answer answer, ignoring, own;
      ASSERT_TRUE(
          engine->Submit(Watched({.prompt_ids = probe.prompt_ids, .max_new_tokens = 60}, answer))
              .ok());
      ASSERT_TRUE(
          engine
              ->Submit(Watched(
                  {.prompt_ids = probe.prompt_ids, .max_new_tokens = 60, .ignore_eos = true},
                  ignoring))
              .ok());
      Request request{.prompt_ids = probe.prompt_ids, .max_new_tokens = 60};
      request.stop_token_ids = std::vector<int32_t>{};
      ASSERT_TRUE(engine->Submit(Watched(std::move(request), own)).ok());
      engine->RunUntilIdle();
      EXPECT_EQ(answer.outcome.reason, FinishReason::kStop);
      EXPECT_EQ(answer.ids, before);
      EXPECT_EQ(answer.outcome.usage.completion_tokens, static_cast<int64_t>(at) + 1);
      EXPECT_EQ(ignoring.ids, reference);
      EXPECT_EQ(own.ids, reference);
    }
  }
}

TEST(SpeculativeSampling, TextIsThatOfPlainSampling) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<Answer> answers(2);
    for (const DraftMode mode : {DraftMode::kOff, DraftMode::kFixed}) {
      FakeRunner runner({.draft_accuracy_percent = 80});
      auto engine = MakeEngine(runner, {.drafts = {.mode = mode}});
      Request request = PageRequest(2, 60);
      request.sampling = {.repetition_penalty = 1.05f,
                          .temperature = 0.7f,
                          .top_k = 20,
                          .top_p = 0.95f,
                          .min_p = 0.01f,
                          .seed = seed};
      ASSERT_TRUE(
          engine->Submit(Watched(std::move(request), answers[mode == DraftMode::kOff ? 0 : 1]))
              .ok());
      engine->RunUntilIdle();
    }
    EXPECT_EQ(answers[0].ids, answers[1].ids) << seed;
  }
}

// Upper 0.999 quantile of chi-square (Wilson and Hilferty 1931).
double ChiSquareLimit(double degrees) {
  const double z = 3.0902, t = 2.0 / (9 * degrees);
  return degrees * std::pow(1 - t + z * std::sqrt(t), 3);
}

TEST(SpeculativeSampling, DistributionIsTheModels) {
  // Tokens 2 and 3 of an answer over 8 ids: both come out of the verification of drafts. Exact
  // joint probabilities come from the model's logits; 8000 seeds, cells with fewer than 5 expected
  // counts are pooled. The seeds are fixed, so the test is deterministic.
  constexpr int kVocab = 8, kSeeds = 8000;
  FakeRunner runner({.vocab_size = kVocab, .draft_accuracy_percent = 70});
  const auto softmax = [&](const Request& request, const std::vector<int32_t>& output) {
    std::vector<float> logits(kVocab);
    runner.Logits(FakeRunner::HiddenAfter(request, output), logits.data());
    std::vector<double> p(kVocab);
    double sum = 0;
    for (int v = 0; v < kVocab; ++v) sum += p[v] = std::exp(logits[v] / 2.0);
    for (double& v : p) v /= sum;
    return p;
  };
  const Request request{.prompt_ids = {1, 2, 3, 4, 5, 6, 7}};
  std::vector<double> expected(kVocab * kVocab, 0.0);
  const std::vector<double> p1 = softmax(request, {});
  for (int32_t a = 0; a < kVocab; ++a) {
    const std::vector<double> p2 = softmax(request, {a});
    for (int32_t b = 0; b < kVocab; ++b) {
      const std::vector<double> p3 = softmax(request, {a, b});
      for (int32_t c = 0; c < kVocab; ++c)
        expected[static_cast<size_t>(b) * kVocab + static_cast<size_t>(c)] +=
            p1[a] * p2[b] * p3[c] * kSeeds;
    }
  }
  auto engine = MakeEngine(runner, {.scheduler = {.max_running = 16},
                                    .max_waiting = kSeeds,
                                    .drafts = {.mode = DraftMode::kFixed}});
  std::vector<double> counts(kVocab * kVocab, 0.0);
  std::vector<Answer> answers(kSeeds);
  for (int seed = 0; seed < kSeeds; ++seed) {
    Request sampled{.prompt_ids = request.prompt_ids, .max_new_tokens = 5};
    sampled.sampling = {.temperature = 2, .seed = static_cast<uint64_t>(seed)};
    ASSERT_TRUE(
        engine->Submit(Watched(std::move(sampled), answers[static_cast<size_t>(seed)])).ok());
  }
  engine->RunUntilIdle();
  for (const Answer& answer : answers)
    ++counts[static_cast<size_t>(answer.ids[1]) * kVocab + static_cast<size_t>(answer.ids[2])];
  // Both outcomes must have been common for the test to mean anything.
  EXPECT_GT(engine->stats().accepted_at[0], kSeeds / 10);
  EXPECT_GT(engine->stats().drafted_at[0] - engine->stats().accepted_at[0], kSeeds / 10);
  double chi2 = 0, pooled_count = 0, pooled_expected = 0, cells = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (expected[i] < 5) {
      pooled_count += counts[i];
      pooled_expected += expected[i];
      continue;
    }
    chi2 += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
    ++cells;
  }
  if (pooled_expected >= 5) {
    chi2 += (pooled_count - pooled_expected) * (pooled_count - pooled_expected) / pooled_expected;
    ++cells;
  }
  EXPECT_LT(chi2, ChiSquareLimit(cells - 1));
}

}  // namespace
}  // namespace glmocr
