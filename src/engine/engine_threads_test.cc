// Submit, Cancel, stats, Start and Stop from many threads; meant to be run under the thread
// sanitizer as well.
#include <atomic>
#include <thread>

#include "engine/engine_test_util.h"

namespace glmocr {
namespace {

struct Counts {
  std::atomic<int> accepted{0}, done{0}, cancelled{0}, wrong{0};
};

void SubmitMany(Engine& engine, const FakeRunner& reference, uint64_t thread, Counts& counts) {
  for (uint64_t i = 0; i < 30; ++i) {
    Request request{.prompt_ids = FakePrompt(thread * 100 + i, 5 + static_cast<int64_t>(i)),
                    .max_new_tokens = 20};
    auto expected = std::make_shared<std::vector<int32_t>>(reference.Reference(request, 20));
    auto ids = std::make_shared<std::vector<int32_t>>();
    request.on_token = [ids](const TokenEvent& event) {
      ids->push_back(event.id);
      return OkStatus();
    };
    request.on_done = [&counts, ids, expected](const Outcome& outcome) {
      ++counts.done;
      if (outcome.reason == FinishReason::kCancelled) {
        ++counts.cancelled;
      } else if (*ids != *expected) {
        ++counts.wrong;
      }
    };
    const Result<RequestId> id = engine.Submit(std::move(request));
    if (!id.ok()) continue;
    ++counts.accepted;
    if (i % 5 == 0) engine.Cancel(*id);
    EXPECT_GE(engine.stats().submitted, 1);
  }
}

TEST(EngineThreads, DrainFinishesEverything) {
  FakeRunner runner({});
  const FakeRunner reference({});
  auto engine = MakeEngine(runner);
  for (int round = 0; round < 2; ++round) {  // an engine can be started again
    Counts counts;
    engine->Start();
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] { SubmitMany(*engine, reference, t, counts); });
    for (std::thread& thread : threads) thread.join();
    engine->Stop(StopMode::kDrain);
    EXPECT_EQ(counts.accepted, 120);
    EXPECT_EQ(counts.done, 120);
    EXPECT_EQ(counts.wrong, 0);
    ExpectSound(runner, *engine);
  }
}

TEST(EngineThreads, StopWhileOthersSubmit) {
  FakeRunner runner({});
  const FakeRunner reference({});
  Counts counts;
  auto engine = MakeEngine(runner);
  engine->Start();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] { SubmitMany(*engine, reference, t, counts); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  engine->Stop(StopMode::kCancel);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.done, counts.accepted);
  EXPECT_EQ(counts.wrong, 0);
}

// Nobody would step what a stopped engine took.
TEST(EngineThreads, AStoppedEngineTakesNothingUntilItStartsAgain) {
  FakeRunner runner({});
  Answer refused, answer;
  auto engine = MakeEngine(runner);
  engine->Start();
  engine->Stop(StopMode::kCancel);
  const auto id = engine->Submit(Watched({.prompt_ids = FakePrompt(1, 5)}, refused));
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.error().code, ErrorCode::kCancelled);
  engine->Start();
  ASSERT_TRUE(
      engine->Submit(Watched({.prompt_ids = FakePrompt(1, 5), .max_new_tokens = 3}, answer)).ok());
  engine->Stop(StopMode::kDrain);
  EXPECT_EQ(refused.n_done, 0);
  EXPECT_EQ(answer.ids.size(), 3u);
}

TEST(EngineThreads, DestructorEndsEveryRequest) {
  FakeRunner runner({});
  std::vector<Answer> answers(5);
  {
    auto engine = MakeEngine(runner);
    for (Answer& answer : answers) {
      ASSERT_TRUE(
          engine->Submit(Watched({.prompt_ids = FakePrompt(1, 5), .max_new_tokens = 900}, answer))
              .ok());
    }
    engine->Step();
  }
  for (const Answer& answer : answers) {
    EXPECT_EQ(answer.n_done, 1);
    EXPECT_EQ(answer.outcome.reason, FinishReason::kCancelled);
  }
}

}  // namespace
}  // namespace glmocr
