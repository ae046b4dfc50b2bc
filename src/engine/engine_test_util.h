// What the engine's tests share: a request that records its own answer.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/fake_runner.h"

namespace glmocr {

struct Answer {
  std::vector<int32_t> ids;
  std::string text;
  std::vector<float> logprobs;
  Outcome outcome;
  int n_done = 0;
};

// `answer` outlives the request.
inline Request Watched(Request request, Answer& answer) {
  request.on_token = [&answer](const TokenEvent& event) {
    EXPECT_EQ(event.index, static_cast<int64_t>(answer.ids.size()));
    EXPECT_EQ(answer.n_done, 0);
    answer.ids.push_back(event.id);
    answer.text.append(event.bytes);
    answer.logprobs.push_back(event.logprob);
    return OkStatus();
  };
  request.on_done = [&answer](const Outcome& outcome) {
    ++answer.n_done;
    answer.outcome = outcome;
  };
  return request;
}

inline std::unique_ptr<Engine> MakeEngine(ModelRunner& runner, EngineOptions options = {}) {
  Result<std::unique_ptr<Engine>> engine = Engine::Create(runner, std::move(options));
  EXPECT_TRUE(engine.ok());
  return std::move(engine).value();
}

inline void ExpectSound(const FakeRunner& runner, const Engine& engine) {
  EXPECT_EQ(runner.violations, std::vector<std::string>{});
  EXPECT_EQ(engine.stats().blocks_available,
            engine.stats().blocks_total);  // nobody holds a block any more
  EXPECT_EQ(engine.stats().running, 0);
  EXPECT_EQ(engine.stats().waiting, 0);
}

// "a" and the id in decimal. (Appended, because g++ 12 warns falsely about "a" +
// std::to_string(id).)
inline std::string NameOf(int32_t id) { return std::string("a").append(std::to_string(id)); }

// Token id -> NameOf(id), as stable text.
inline std::function<std::string_view(int32_t)> NumberedBytes(int64_t vocab_size) {
  auto names = std::make_shared<std::vector<std::string>>();
  for (int64_t i = 0; i < vocab_size; ++i) names->push_back(NameOf(static_cast<int32_t>(i)));
  return [names](int32_t id) { return std::string_view((*names)[static_cast<size_t>(id)]); };
}

}  // namespace glmocr
