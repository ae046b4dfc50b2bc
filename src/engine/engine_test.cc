// The engine end to end against a model whose output betrays any wrong cache slot, position or picture row (fake_runner.h).
#include "engine/engine.h"

#include <gtest/gtest.h>

#include "engine/fake_runner.h"

namespace glmocr {
namespace {

struct Answer {
  std::vector<int32_t> ids;
  std::string text;
  Outcome outcome;
  bool done = false;
};

Request Watched(Request request, Answer& answer) {
  request.on_token = [&answer](const TokenEvent& event) {
    EXPECT_EQ(event.index, static_cast<int64_t>(answer.ids.size()));
    answer.ids.push_back(event.id);
    answer.text.append(event.bytes);
    return OkStatus();
  };
  request.on_done = [&answer](const Outcome& outcome) {
    EXPECT_FALSE(answer.done);
    answer.done = true;
    answer.outcome = outcome;
  };
  return request;
}

TEST(Engine, GreedyTokensAreTheModels) {
  FakeRunner runner({});
  auto engine = std::move(Engine::Create(runner, {})).value();
  std::vector<Answer> answers(20);
  std::vector<std::vector<int32_t>> expected;
  for (size_t i = 0; i < answers.size(); ++i) {
    Request request{.prompt_ids = FakePrompt(i, 1 + static_cast<int64_t>(i) * 7), .max_new_tokens = 40};
    expected.push_back(runner.Reference(request, 40));
    ASSERT_TRUE(engine->Submit(Watched(std::move(request), answers[i])).ok());
  }
  engine->RunUntilIdle();
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].ids, expected[i]) << i;
    EXPECT_EQ(answers[i].outcome.reason, FinishReason::kLength);
  }
  EXPECT_EQ(runner.violations, std::vector<std::string>{});
  EXPECT_EQ(runner.incomplete_draft_reads, 0);
  EXPECT_EQ(engine->stats().blocks_available, engine->stats().blocks_total);
  EXPECT_GT(engine->stats().acceptance(), 0.99);
}

}  // namespace
}  // namespace glmocr
