// Grammars in the engine: several in one batch, with drafts and without, and what they give.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/engine_test_util.h"
#include "grammar/json_grammar.h"
#include "grammar/test_schemas.h"
#include "grammar/test_vocabulary.h"

namespace glmocr {
namespace {

// The answers of one engine to one request for each test schema, all at once.
std::vector<Answer> AnswersWith(const TestVocabulary& v, DraftMode drafts, float temperature) {
  FakeRunner runner({.vocab_size = v.size(),
                     .max_context_tokens = 4096,
                     .n_blocks = 4096,
                     .eos_token_ids = {v.eos},
                     .draft_accuracy_percent = 70});
  const auto texts = v.texts;
  auto engine = MakeEngine(runner, {.drafts = {.mode = drafts}, .token_bytes = [&](int32_t id) {
                                      return std::string_view(texts[static_cast<size_t>(id)]);
                                    }});
  std::vector<Answer> answers(kTestSchemas.size());
  for (size_t i = 0; i < kTestSchemas.size(); ++i) {
    const auto grammar = CompileJsonSchema(kTestSchemas[i]);
    EXPECT_TRUE(grammar.ok());
    const auto bound = Bind(*grammar, v.trie, {v.eos});
    EXPECT_TRUE(bound.ok());
    Request request{.prompt_ids = FakePrompt(i, 5), .max_new_tokens = 2000};
    request.sampling.temperature = temperature;
    request.sampling.seed = i;
    request.loop_guard.mode = LoopGuardOptions::Mode::kOff;
    request.token_mask = MakeTokenMask(*bound);
    EXPECT_TRUE(engine->Submit(Watched(std::move(request), answers[i])).ok());
  }
  engine->RunUntilIdle();
  ExpectSound(runner, *engine);
  if (drafts != DraftMode::kOff) {
    EXPECT_GT(engine->stats().accepted_tokens, 0);
    EXPECT_LT(engine->stats().accepted_tokens, engine->stats().drafted_tokens);
  }
  return answers;
}

TEST(EngineGrammar, SameWithDraftsAndValid) {
  const TestVocabulary v = TestVocabulary::Make();
  for (const float temperature : {0.0f, 1.0f}) {
    const std::vector<Answer> plain = AnswersWith(v, DraftMode::kOff, temperature);
    const std::vector<Answer> drafted = AnswersWith(v, DraftMode::kFixed, temperature);
    int n_ended = 0;
    for (size_t i = 0; i < plain.size(); ++i) {
      EXPECT_EQ(plain[i].ids, drafted[i].ids) << kTestSchemas[i];
      EXPECT_EQ(plain[i].outcome.reason, drafted[i].outcome.reason);
      // A hash for a model may go on for ever; what it ends must be JSON of the schema.
      ASSERT_TRUE(plain[i].outcome.reason == FinishReason::kStop ||
                  plain[i].outcome.reason == FinishReason::kLength)
          << kTestSchemas[i];
      if (plain[i].outcome.reason != FinishReason::kStop) continue;
      ++n_ended;
      EXPECT_TRUE(nlohmann::json::accept(plain[i].text)) << plain[i].text;
      EXPECT_TRUE(Matches(**CompileJsonSchema(kTestSchemas[i]), plain[i].text)) << plain[i].text;
    }
    EXPECT_GE(n_ended, 10);
  }
}

// The end is forced although the model would go on, and a grammar that cannot go on is the
// request's own error.
TEST(EngineGrammar, EndsAndErrors) {
  const TestVocabulary v = TestVocabulary::Make();
  FakeRunner runner({.vocab_size = v.size(), .eos_token_ids = {v.eos}});
  auto engine = MakeEngine(runner);
  std::vector<Answer> answers(2);
  const auto grammar = CompileJsonSchema(R"({"const": {"a": [1, null]}})");
  const auto bound = Bind(*grammar, v.trie, {v.eos});
  ASSERT_TRUE(bound.ok());
  Request request{.prompt_ids = FakePrompt(1, 5), .max_new_tokens = 100};
  request.token_mask = MakeTokenMask(*bound);
  ASSERT_TRUE(engine->Submit(Watched(std::move(request), answers[0])).ok());
  // Its ids are those of another vocabulary: the model's end is no token here.
  const auto foreign = Bind(*grammar, v.trie, {100000});
  Request other{.prompt_ids = FakePrompt(2, 5), .max_new_tokens = 100};
  other.token_mask = MakeTokenMask(*foreign);
  ASSERT_TRUE(engine->Submit(Watched(std::move(other), answers[1])).ok());
  engine->RunUntilIdle();
  EXPECT_EQ(answers[0].outcome.reason, FinishReason::kStop);
  EXPECT_EQ(answers[1].outcome.reason, FinishReason::kError);
  ASSERT_TRUE(answers[1].outcome.error.has_value());
  EXPECT_NE(answers[1].outcome.error->message.find("no token of the model's vocabulary"),
            std::string::npos);
  ExpectSound(runner, *engine);
}

}  // namespace
}  // namespace glmocr
