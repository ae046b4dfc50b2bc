// Random workloads: whatever arrives, is cancelled, preempted, shared or drafted, every request
// ends once, no block stays behind, and each answer is the one that the request gets when it runs
// alone, without any cache, batch or draft.
#include <random>

#include "engine/engine_test_util.h"

namespace glmocr {
namespace {

struct Case {
  FakeRunnerOptions runner;
  EngineOptions engine;
  int n_requests = 0;
  int64_t pool_tokens = 0;
};

int64_t Pick(std::mt19937_64& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

Case RandomCase(std::mt19937_64& random) {
  Case c;
  c.runner.n_blocks = Pick(random, 6, 40);
  c.runner.max_context_tokens = Pick(random, 90, 500);
  c.runner.draft_accuracy_percent = static_cast<int32_t>(Pick(random, 0, 4) * 25);
  c.runner.logit_levels = Pick(random, 0, 3) == 0 ? 4 : 1 << 20;
  c.runner.eos_token_ids = {1, 2};
  c.engine.scheduler = {.max_running = Pick(random, 1, 9),
                        .reserved_for_lowest = Pick(random, 0, 4),
                        .max_step_tokens = Pick(random, 1, 120),
                        .max_encode_patches = Pick(random, 1, 200)};
  c.engine.prefix_caching = Pick(random, 0, 2) == 0 ? PrefixCaching::kOff : PrefixCaching::kOn;
  c.engine.encoder_cache_bytes = static_cast<size_t>(Pick(random, 0, 2000));
  const std::array<DraftMode, 3> modes = {DraftMode::kOff, DraftMode::kFixed, DraftMode::kAuto};
  c.engine.drafts = {.mode = modes[static_cast<size_t>(Pick(random, 0, 2))],
                     .max_drafts = static_cast<int32_t>(Pick(random, 1, 3)),
                     .probe_steps = 2,
                     .probe_interval = 8};
  c.engine.token_bytes = NumberedBytes(c.runner.vocab_size);
  c.n_requests = static_cast<int>(Pick(random, 1, 25));
  c.pool_tokens = std::min(c.runner.n_blocks * 16, c.runner.max_context_tokens);
  return c;
}

Request RandomRequest(std::mt19937_64& random, int64_t pool_tokens) {
  Request request;
  const auto content =
      static_cast<uint64_t>(Pick(random, 0, 3));  // few, so that prefixes are shared
  AddFakeText(request, content, Pick(random, 1, 40));
  for (int64_t n = Pick(random, 0, 2); n > 0; --n) {
    AddFakeImage(request, static_cast<uint64_t>(Pick(random, 0, 2)),
                 2 * static_cast<int32_t>(Pick(random, 1, 4)),
                 2 * static_cast<int32_t>(Pick(random, 1, 4)));
    AddFakeText(request, content, Pick(random, 1, 10));
  }
  const auto n_prompt = static_cast<int64_t>(request.prompt_ids.size());
  request.max_new_tokens =
      Pick(random, 1, std::max<int64_t>(1, std::min<int64_t>(60, pool_tokens - n_prompt)));
  request.priority = static_cast<int32_t>(Pick(random, 0, 2));
  if (Pick(random, 0, 2) == 0) {
    request.sampling = {
        .repetition_penalty = 1.1f, .temperature = 0.8f, .top_k = 10, .seed = random()};
  } else if (Pick(random, 0, 1) == 0) {
    request.sampling = {.repetition_penalty = 1.2f, .frequency_penalty = 0.2f, .n_top_logprobs = 1};
  }
  if (Pick(random, 0, 3) == 0) request.stop_strings = {"3a", "a77a1"};
  return request;
}

Request Copy(const Request& r) {
  return {.prompt_ids = r.prompt_ids,
          .positions = r.positions,
          .rope_delta = r.rope_delta,
          .images = r.images,
          .sampling = r.sampling,
          .max_new_tokens = r.max_new_tokens,
          .stop_strings = r.stop_strings,
          .priority = r.priority};
}

Answer RunAlone(const Case& c, const Request& request) {
  FakeRunnerOptions options = c.runner;
  options.has_draft_layer = false;
  options.n_blocks = 64;
  options.max_context_tokens = 1024;
  FakeRunner runner(options);
  auto engine = MakeEngine(runner, {.scheduler = {.max_step_tokens = 1024},
                                    .prefix_caching = PrefixCaching::kOff,
                                    .token_bytes = c.engine.token_bytes});
  Answer answer;
  EXPECT_TRUE(engine->Submit(Watched(Copy(request), answer)).ok());
  engine->RunUntilIdle();
  return answer;
}

struct Totals {
  int64_t preemptions = 0, cached = 0, accepted = 0, cancelled = 0, finished = 0;
};

void RunCase(uint64_t seed, Totals& totals) {
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const Case c = RandomCase(random);
  FakeRunner runner(c.runner);
  auto engine = MakeEngine(runner, c.engine);
  std::vector<Answer> answers(static_cast<size_t>(c.n_requests));
  std::vector<Request> requests;
  std::vector<RequestId> ids;
  int64_t idle_guard = 0;
  while (static_cast<int>(requests.size()) < c.n_requests || engine->Step()) {
    ASSERT_LT(++idle_guard, 100000);  // livelock
    if (static_cast<int>(requests.size()) < c.n_requests && Pick(random, 0, 3) == 0) {
      requests.push_back(RandomRequest(random, c.pool_tokens));
      const size_t i = requests.size() - 1;
      const Result<RequestId> id = engine->Submit(Watched(Copy(requests[i]), answers[i]));
      const bool fits = static_cast<int64_t>(requests[i].prompt_ids.size()) < c.pool_tokens;
      ASSERT_EQ(id.ok(), fits);
      ids.push_back(id.ok() ? *id : 0);
    }
    engine->Step();
    if (!ids.empty() && Pick(random, 0, 40) == 0)
      engine->Cancel(
          ids[static_cast<size_t>(Pick(random, 0, static_cast<int64_t>(ids.size()) - 1))]);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    if (ids[i] == 0) continue;
    SCOPED_TRACE(i);
    ASSERT_EQ(answers[i].n_done, 1);
    ++totals.finished;
    totals.cached += answers[i].outcome.usage.cached_prompt_tokens;
    const Answer alone = RunAlone(c, requests[i]);
    if (answers[i].outcome.reason == FinishReason::kCancelled) {
      ++totals.cancelled;
      ASSERT_LE(answers[i].ids.size(), alone.ids.size());
      EXPECT_TRUE(std::equal(answers[i].ids.begin(), answers[i].ids.end(), alone.ids.begin()));
      continue;
    }
    EXPECT_EQ(answers[i].ids, alone.ids);
    EXPECT_EQ(answers[i].text, alone.text);
    EXPECT_EQ(answers[i].logprobs, alone.logprobs);
    EXPECT_EQ(answers[i].outcome.reason, alone.outcome.reason);
    EXPECT_EQ(answers[i].outcome.usage.completion_tokens, alone.outcome.usage.completion_tokens);
  }
  ExpectSound(runner, *engine);
  if (c.engine.prefix_caching == PrefixCaching::kOff) {
    EXPECT_EQ(runner.incomplete_draft_reads, 0);
  }
  totals.preemptions += engine->stats().preemptions;
  totals.accepted += engine->stats().accepted_tokens;
}

TEST(EngineProperty, EveryRequestEndsAsIfItWereAlone) {
  Totals totals;
  for (uint64_t seed = 0; seed < 300 && !testing::Test::HasFatalFailure(); ++seed)
    RunCase(seed, totals);
  // The workloads must have met everything that could go wrong.
  EXPECT_GT(totals.preemptions, 100);
  EXPECT_GT(totals.cached, 1000);
  EXPECT_GT(totals.accepted, 1000);
  EXPECT_GT(totals.cancelled, 50);
  EXPECT_GT(totals.finished, 2000);
}

}  // namespace
}  // namespace glmocr
