// POST /v1/completions through a whole server with the starter model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

using nlohmann::json;

constexpr char kPath[] = "/v1/completions";

// Letters that the model draws.
json Draw(const json& prompt) {
  return {{"prompt", prompt}, {"temperature", 1.5}, {"seed", 2}, {"logit_bias", EndlessBias()}};
}

class OpenAiCompletions : public testing::Test {
 protected:
  json Good(const json& request) { return server_.Good(kPath, request); }
  std::string Param(const json& request) {
    return server_.Refused(kPath, request).value("param", "");
  }
  TestServer server_;
};

TEST_F(OpenAiCompletions, GoesOnWithSixteenTokensOfItsOwn) {
  const json answer = Good(Draw("Hello"));
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["usage"]["completion_tokens"], 16);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_FALSE(answer["choices"][0]["text"].get<std::string>().empty());
  EXPECT_TRUE(answer["choices"][0]["logprobs"].is_null());
}

TEST_F(OpenAiCompletions, TokenIdsAreThePrompt) {
  std::vector<int32_t> ids =
      StarterTokenizer().Encode("Hello there", EncodeMode::kPlainText).value();
  const auto prefix = StarterTokenizer().template_prefix();
  ids.insert(ids.begin(), prefix.begin(), prefix.end());
  const json by_text = Good(Draw("Hello there"));
  EXPECT_EQ(Good(Draw(ids))["choices"], by_text["choices"]);
  EXPECT_EQ(Good(Draw(json::array({ids})))["choices"], by_text["choices"]);
}

TEST_F(OpenAiCompletions, SeveralPromptsAreAnsweredInOrder) {
  const json request = With(Draw({"Hello", "Good night"}), {{"n", 2}, {"echo", true}});
  const json both = Good(request);
  ASSERT_EQ(both["choices"].size(), 4u);
  int tokens = 0;
  for (const size_t p : {0, 1}) {
    const json alone = Good(With(request, {{"prompt", request["prompt"][p]}}));
    tokens += alone["usage"]["prompt_tokens"].get<int>();
    for (const size_t c : {0, 1}) {
      EXPECT_EQ(both["choices"][2 * p + c]["index"], 2 * p + c);
      EXPECT_EQ(both["choices"][2 * p + c]["text"], alone["choices"][c]["text"]);
      EXPECT_TRUE(both["choices"][2 * p + c]["text"].get<std::string>().starts_with(
          request["prompt"][p].get<std::string>()));
    }
  }
  EXPECT_EQ(both["usage"]["prompt_tokens"], tokens);
  EXPECT_EQ(both["usage"]["completion_tokens"], 64);

  const HttpReply reply = server_.Post(
      kPath, With(request, {{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  std::vector<std::string> texts(4);
  for (const json& event : reply.Events()) {
    for (const json& choice : event["choices"])
      texts[choice["index"].get<size_t>()] += choice["text"].get<std::string>();
  }
  for (size_t c = 0; c < 4; ++c) EXPECT_EQ(texts[c], both["choices"][c]["text"]);
  EXPECT_EQ(reply.Events().back()["usage"]["completion_tokens"], 64);
}

TEST_F(OpenAiCompletions, LogprobsSayWhereEachTokenStands) {
  const json request = With(Draw("Hello"), {{"logprobs", 2}});
  const json answer = Good(request);
  const std::string text = answer["choices"][0]["text"];
  const json& logprobs = answer["choices"][0]["logprobs"];
  ASSERT_EQ(logprobs["tokens"].size(), 16u);
  ASSERT_EQ(logprobs["text_offset"].size(), 16u);
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_LE(logprobs["token_logprobs"][i], 0);
    EXPECT_LE(logprobs["top_logprobs"][i].size(), 2u);
    EXPECT_GE(logprobs["top_logprobs"][i].size(), 1u);
  }
  // A greedy answer is all ASCII here: offsets are bytes.
  json greedy = With(request, {{"temperature", 0}});
  const json plain = Good(greedy);
  const std::string joined = plain["choices"][0]["text"];
  size_t at = 0;
  for (size_t i = 0; i < plain["choices"][0]["logprobs"]["tokens"].size(); ++i) {
    const std::string token = plain["choices"][0]["logprobs"]["tokens"][i];
    EXPECT_EQ(plain["choices"][0]["logprobs"]["text_offset"][i], at);
    EXPECT_EQ(joined.substr(at, token.size()), token);
    at += token.size();
  }
  json streamed = json::array();
  for (const json& event : server_.Post(kPath, With(request, {{"stream", true}})).Events()) {
    const json& some = event["choices"][0]["logprobs"];
    if (some.is_null()) continue;
    for (const json& offset : some["text_offset"]) streamed.push_back(offset);
  }
  EXPECT_EQ(streamed, logprobs["text_offset"]);
}

TEST_F(OpenAiCompletions, WhatCannotBeDoneIsRefusedByName) {
  EXPECT_EQ(Param(json::object()), "prompt");
  EXPECT_EQ(Param({{"prompt", 5}}), "prompt");
  EXPECT_EQ(Param({{"prompt", json::array()}}), "prompt");
  EXPECT_EQ(Param({{"prompt", {"a", 5}}}), "prompt");
  EXPECT_EQ(Param({{"prompt", {-1}}}), "prompt");
  EXPECT_EQ(Param({{"prompt", {999999}}}), "prompt");
  EXPECT_EQ(Param({{"prompt", json::array({json::array({1, "a"})})}}), "prompt");
  EXPECT_EQ(Param({{"prompt", "a"}, {"suffix", "b"}}), "suffix");
  EXPECT_EQ(Param({{"prompt", "a"}, {"logprobs", true}}), "logprobs");
  EXPECT_EQ(Param({{"prompt", "a"}, {"logprobs", 2}, {"echo", true}}), "echo");
  EXPECT_EQ(Param({{"prompt", "a"}, {"n", 1}, {"best_of", 3}}), "best_of");
  EXPECT_EQ(Param({{"prompt", "a"}, {"max_tokens", 0}}), "max_tokens");
  EXPECT_EQ(Param({{"prompt", "a"}, {"response_format", {{"type", "json"}}}}),
            "response_format.type");
  EXPECT_EQ(Param({{"prompt", std::vector<std::string>(200, "a")}}), "prompt");
}

}  // namespace
}  // namespace glmocr::server
