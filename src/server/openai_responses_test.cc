// POST /v1/responses through a whole server with the starter model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

using nlohmann::json;

constexpr char kPath[] = "/v1/responses";

json AskToRead(size_t line) {
  return {{"input", json::array({{{"role", "user"},
                                  {"content", json::array({{{"type", "input_image"},
                                                            {"image_url", GoldenLines()[line].uri},
                                                            {"detail", "auto"}},
                                                           {{"type", "input_text"},
                                                            {"text", "Text Recognition:"}}})}}})},
          {"max_output_tokens", 64}};
}

class OpenAiResponses : public testing::Test {
 protected:
  json Good(const json& request) { return server_.Good(kPath, request); }
  std::string Param(const json& request) {
    return server_.Refused(kPath, request).value("param", "");
  }
  TestServer server_;
};

TEST_F(OpenAiResponses, ReadsALine) {
  const json answer = Good(With(
      AskToRead(1), {{"metadata", {{"a", "b"}}}, {"store", true}, {"model", "glm-ocr:latest"}}));
  EXPECT_EQ(answer["object"], "response");
  EXPECT_EQ(answer["status"], "completed");
  EXPECT_EQ(answer["model"], "glm-ocr:latest");
  EXPECT_EQ(answer["store"], false);
  EXPECT_EQ(answer["metadata"]["a"], "b");
  ASSERT_EQ(answer["output"].size(), 1u);
  EXPECT_EQ(answer["output"][0]["role"], "assistant");
  EXPECT_EQ(answer["output"][0]["content"][0]["type"], "output_text");
  EXPECT_EQ(answer["output"][0]["content"][0]["text"], GoldenLines()[1].text);
  EXPECT_EQ(answer["usage"]["total_tokens"], answer["usage"]["input_tokens"].get<int>() +
                                                 answer["usage"]["output_tokens"].get<int>());
}

TEST_F(OpenAiResponses, InstructionsAndTurnsStandInThePrompt) {
  const auto tokens = [&](const json& request) {
    return Good(With(request, {{"max_output_tokens", 1}}))["usage"]["input_tokens"].get<int>();
  };
  const int bare = tokens({{"input", "x"}});
  EXPECT_GT(tokens({{"input", "x"}, {"instructions", "Be brief."}}), bare);
  const json turns = json::array(
      {{{"role", "user"}, {"content", "x"}},
       {{"type", "message"},
        {"role", "assistant"},
        {"id", "msg_1"},
        {"status", "completed"},
        {"content", json::array({{{"type", "output_text"}, {"text", "y"}, {"annotations", {}}}})}},
       {{"role", "user"}, {"content", "z"}}});
  EXPECT_GT(tokens({{"input", turns}}), bare);
}

TEST_F(OpenAiResponses, TheLengthLimitMakesItIncomplete) {
  const json answer = Good(With(AskToRead(1), {{"max_output_tokens", 3}}));
  EXPECT_EQ(answer["status"], "incomplete");
  EXPECT_EQ(answer["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(answer["output"][0]["status"], "incomplete");
}

TEST_F(OpenAiResponses, StreamsEventsInTheOfficialOrder) {
  const HttpReply reply = server_.Post(kPath, With(AskToRead(1), {{"stream", true}}));
  std::vector<std::string> names = reply.EventNames();
  const auto is_delta = [](const std::string& n) { return n == "response.output_text.delta"; };
  EXPECT_GT(std::count_if(names.begin(), names.end(), is_delta), 3);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_THAT(names, testing::ElementsAre(
                         "response.created", "response.in_progress", "response.output_item.added",
                         "response.content_part.added", "response.output_text.delta",
                         "response.output_text.done", "response.content_part.done",
                         "response.output_item.done", "response.completed"));
  const std::vector<json> events = reply.Events();
  std::string text;
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    if (is_delta(events[i]["type"])) text += events[i]["delta"].get<std::string>();
  }
  EXPECT_EQ(text, GoldenLines()[1].text);
  json last = events.back()["response"];
  EXPECT_EQ(last["output"][0]["content"][0]["text"], text);
  EXPECT_EQ(events[0]["response"]["id"], last["id"]);
  EXPECT_EQ(events[0]["response"]["status"], "in_progress");
  json whole = Good(AskToRead(1));
  EXPECT_EQ(last["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
  const HttpReply cut =
      server_.Post(kPath, With(AskToRead(1), {{"stream", true}, {"max_output_tokens", 3}}));
  EXPECT_EQ(cut.EventNames().back(), "response.incomplete");
}

TEST_F(OpenAiResponses, LogprobsWhereAskedFor) {
  EXPECT_EQ(Good(AskToRead(1))["output"][0]["content"][0]["logprobs"], json::array());
  const json request =
      With(AskToRead(1), {{"include", {"message.output_text.logprobs"}}, {"top_logprobs", 2}});
  const json answer = Good(request);
  const json& tokens = answer["output"][0]["content"][0]["logprobs"];
  std::string text;
  for (const json& token : tokens) {
    text += token["token"].get<std::string>();
    EXPECT_EQ(token["top_logprobs"].size(), 2u);
  }
  EXPECT_EQ(text, GoldenLines()[1].text);
  EXPECT_EQ(server_.Post(kPath, With(request, {{"stream", true}}))
                .Events()
                .back()["response"]["output"][0]["content"][0]["logprobs"],
            tokens);
}

TEST_F(OpenAiResponses, WhatCannotBeDoneIsRefusedByName) {
  EXPECT_EQ(Param(json::object()), "input");
  EXPECT_EQ(Param({{"input", 5}}), "input");
  const json x = {{"input", "x"}};
  EXPECT_EQ(Param(With(x, {{"previous_response_id", "resp_1"}})), "previous_response_id");
  EXPECT_EQ(Param(With(x, {{"conversation", "c"}})), "conversation");
  EXPECT_EQ(Param(With(x, {{"background", true}})), "background");
  EXPECT_EQ(Param(With(x, {{"tools", {{{"type", "web_search"}}}}})), "tools");
  EXPECT_EQ(Param(With(x, {{"tool_choice", "required"}})), "tool_choice");
  EXPECT_EQ(Param(With(x, {{"store", "yes"}})), "store");
  EXPECT_EQ(Param(With(x, {{"text", {{"format", {{"type", "xml"}}}}}})), "text.format.type");
  EXPECT_EQ(Param(With(x, {{"text", {{"format", {{"type", "json_schema"}}}}}})),
            "text.format.schema");
  EXPECT_EQ(Param({{"input", json::array({{{"type", "function_call_output"}}})}}), "input[0].type");
  EXPECT_EQ(Param({{"input", json::array({{{"role", "user"},
                                           {"content", json::array({{{"type", "input_image"},
                                                                     {"file_id", "f"}}})}}})}}),
            "input[0].content[0].file_id");
}

}  // namespace
}  // namespace glmocr::server
