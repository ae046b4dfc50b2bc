// Ollama's API through a whole server with the starter model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "base/base64.h"
#include "media/encode.h"
#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string Base64Of(size_t line) {
  return EncodeBase64(EncodePng(GoldenLines()[line].image).value());
}
json Generate(size_t line) {
  return {{"model", "glm-ocr"},
          {"prompt", "Text Recognition:"},
          {"images", {Base64Of(line)}},
          {"options", {{"num_predict", 64}, {"temperature", 0}}}};
}
json Chat(size_t line) {
  return {
      {"model", "glm-ocr"},
      {"messages",
       json::array(
           {{{"role", "user"}, {"content", "Text Recognition:"}, {"images", {Base64Of(line)}}}})}};
}

class Ollama : public testing::Test {
 protected:
  std::string Refused(const std::string& path, const json& request) {
    const json error = server_.Refused(path, request);
    EXPECT_TRUE(error.is_string());
    return error.is_string() ? error.get<std::string>() : "";
  }
  TestServer server_;
};

TEST_F(Ollama, GenerateStreamsLinesUnlessToldOtherwise) {
  const HttpReply reply = server_.Post("/api/generate", Generate(1));
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.headers.at("content-type"), "application/x-ndjson");
  const std::vector<json> lines = reply.Lines();
  ASSERT_GT(lines.size(), 3u);
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    text += lines[i]["response"].get<std::string>();
    EXPECT_EQ(lines[i]["done"], i + 1 == lines.size());
    EXPECT_EQ(lines[i]["model"], "glm-ocr");
    // Not gtest's ContainsRegex: Oniguruma exports a regcomp of its own, which does not fit the C
    // library's regexec.
    EXPECT_TRUE(
        std::regex_match(lines[i]["created_at"].get<std::string>(),
                         std::regex("20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{9}Z")));
  }
  EXPECT_EQ(text, GoldenLines()[1].text);

  const json whole = server_.Post("/api/generate", With(Generate(1), {{"stream", false}})).Json();
  EXPECT_EQ(whole["response"], text);
  EXPECT_EQ(whole["done"], true);
  for (const json& last : {whole, lines.back()}) {
    EXPECT_EQ(last["done_reason"], "stop");
    EXPECT_GT(last["prompt_eval_count"], 16);
    EXPECT_EQ(last["eval_count"], whole["eval_count"]);
    EXPECT_GT(last["eval_duration"], 0);
    EXPECT_GT(last["prompt_eval_duration"], 0);
    EXPECT_GE(last["total_duration"].get<int64_t>(),
              last["eval_duration"].get<int64_t>() + last["prompt_eval_duration"].get<int64_t>());
  }
}

TEST_F(Ollama, ChatStreamsMessages) {
  std::string text;
  for (const json& line : server_.Post("/api/chat", Chat(1)).Lines()) {
    EXPECT_EQ(line["message"]["role"], "assistant");
    text += line["message"]["content"].get<std::string>();
  }
  EXPECT_EQ(text, GoldenLines()[1].text);
  EXPECT_EQ(
      server_.Post("/api/chat", With(Chat(1), {{"stream", false}})).Json()["message"]["content"],
      text);
}

TEST_F(Ollama, OptionsCount) {
  const json cut =
      server_
          .Post("/api/generate",
                With(Generate(1), {{"stream", false}, {"options", {{"num_predict", 3}}}}))
          .Json();
  EXPECT_EQ(cut["done_reason"], "length");
  EXPECT_EQ(cut["eval_count"], 3);
  const std::string text = GoldenLines()[1].text;
  const json stopped =
      server_
          .Post("/api/generate", With(Generate(1), {{"stream", false},
                                                    {"options", {{"stop", {text.substr(8, 3)}}}}}))
          .Json();
  EXPECT_EQ(stopped["response"], text.substr(0, 8));
}

TEST_F(Ollama, AnEmptyRequestLoadsTheModel) {
  const json loaded = server_.Post("/api/generate", {{"model", "glm-ocr"}}).Lines().at(0);
  EXPECT_EQ(loaded["done_reason"], "load");
  EXPECT_EQ(loaded["done"], true);
}

// `curl -d` says that it sends a form.
TEST_F(Ollama, TakesJsonUnderAnyName) {
  const HttpReply reply = server_.Send("POST", "/api/generate", Generate(1).dump(),
                                       {{"Content-Type", "application/x-www-form-urlencoded"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(server_
                .Send("POST", "/api/generate", Generate(1).dump(),
                      {{"Content-Type", "text/plain"}, {"Origin", "http://evil.example"}})
                .status,
            403);
}

TEST_F(Ollama, WhatIsWrongIsNamed) {
  EXPECT_THAT(Refused("/api/generate", json::object()), HasSubstr("'model'"));
  const auto generate = [&](const json& more) {
    return Refused("/api/generate", With(Generate(1), more));
  };
  EXPECT_THAT(generate({{"stream", 1}}), HasSubstr("'stream'"));
  EXPECT_THAT(generate({{"options", {{"temperature", "x"}}}}), HasSubstr("options.temperature"));
  EXPECT_THAT(generate({{"options", {{"num_predict", "x"}}}}), HasSubstr("options.num_predict"));
  EXPECT_THAT(generate({{"images", {"@@@"}}}), HasSubstr("images[0]"));
  EXPECT_THAT(generate({{"images", {"http://127.0.0.1/"}}}), HasSubstr("web addresses"));
  EXPECT_THAT(generate({{"images", {5}}}), HasSubstr("images[0]"));
  EXPECT_THAT(generate({{"suffix", "x"}}), HasSubstr("suffix"));
  EXPECT_THAT(generate({{"format", "yaml"}}), HasSubstr("format"));
  EXPECT_THAT(generate({{"raw", true}}), HasSubstr("raw"));
  EXPECT_THAT(Refused("/api/chat", With(Chat(1), {{"tools", {1}}})), HasSubstr("tools"));
  EXPECT_THAT(Refused("/api/chat", {{"model", "m"}, {"messages", {1}}}), HasSubstr("messages[0]"));
}

TEST_F(Ollama, SaysWhatItServes) {
  EXPECT_EQ(server_.Get("/api/tags").Json()["models"][0]["name"], "glm-ocr");
  EXPECT_EQ(server_.Get("/api/ps").Json()["models"][0]["model"], "glm-ocr");
  EXPECT_TRUE(server_.Get("/api/version").Json()["version"].is_string());
  const json show = server_.Post("/api/show", {{"model", "glm-ocr"}}).Json();
  EXPECT_THAT(show["capabilities"], testing::Contains("vision"));
  EXPECT_GT(show["model_info"]["glmocr.context_length"], 0);
  EXPECT_EQ(server_.Post("/api/show", {{"model", "llama"}}).status, 404);
}

}  // namespace
}  // namespace glmocr::server
