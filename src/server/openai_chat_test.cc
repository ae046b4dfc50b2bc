// POST /v1/chat/completions through a whole server with the starter model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/base64.h"
#include "base/file.h"
#include "server/chat_request.h"
#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kPath[] = "/v1/chat/completions";

json Picture(const std::string& uri) {
  return {{"type", "image_url"}, {"image_url", {{"url", uri}}}};
}
json Text(const std::string& text) { return {{"type", "text"}, {"text", text}}; }
json Ask(json content) {
  return {{"messages", json::array({{{"role", "user"}, {"content", std::move(content)}}})},
          {"max_tokens", 64}};
}
json AskToRead(size_t line) {
  return Ask(json::array({Picture(GoldenLines()[line].uri), Text("Text Recognition:")}));
}

int32_t Token(const std::string& bytes) { return StarterTokenizer().TokenId(bytes).value(); }
json Draw(int max_tokens) {
  return With(Ask("hello"), {{"temperature", 1.5},
                             {"seed", 3},
                             {"max_tokens", max_tokens},
                             {"logit_bias", EndlessBias()}});
}
// Draws the two bytes of "é" in any order: many characters are spread over two tokens, many broken.
json HalfCharacters() {
  return With(Draw(60),
              {{"frequency_penalty", 2},
               {"logit_bias",
                {{std::to_string(Token("\xC3")), 100}, {std::to_string(Token("\xA9")), 100}}}});
}

std::string Content(const json& answer, size_t choice = 0) {
  return answer.at("choices").at(choice).at("message").at("content");
}

// The text of a stream's choice.
std::string Joined(const std::vector<json>& events, int choice = 0) {
  std::string text;
  for (const json& event : events) {
    for (const json& c : event.at("choices")) {
      if (c.at("index") == choice) text += c.at("delta").value("content", "");
    }
  }
  return text;
}

std::string BytesOf(const json& token) {
  std::string bytes;
  for (const json& byte : token.at("bytes")) bytes += static_cast<char>(byte.get<int>());
  return bytes;
}

class OpenAiChat : public testing::Test {
 protected:
  json Good(const json& request) { return server_.Good(kPath, request); }
  json Refused(const json& request, int status = 400) {
    return server_.Refused(kPath, request, status);
  }
  std::vector<json> Stream(const json& request) {
    const HttpReply reply = server_.Post(kPath, With(request, {{"stream", true}}));
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.headers.at("content-type"), "text/event-stream");
    EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n"));
    return reply.Events();
  }

  TestServer server_{[](ServerConfig& config) { config.max_images = 4; }};
};

TEST_F(OpenAiChat, ReadsALine) {
  const json answer = Good(AskToRead(1));
  EXPECT_EQ(Content(answer), GoldenLines()[1].text);
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["choices"][0]["message"]["role"], "assistant");
  EXPECT_TRUE(answer["choices"][0]["logprobs"].is_null());
  const json& usage = answer["usage"];
  EXPECT_EQ(usage["total_tokens"],
            usage["prompt_tokens"].get<int>() + usage["completion_tokens"].get<int>());
}

TEST_F(OpenAiChat, AnswersAQuestionWithoutPictures) {  // the official SDK's start-up "hello"
  EXPECT_EQ(Good(With(Ask("hello"), {{"max_tokens", 10}, {"temperature", 0.1}}))["object"],
            "chat.completion");
}

TEST_F(OpenAiChat, AStreamSaysWhatTheWholeAnswerSays) {
  for (size_t line : {1, 3, 5}) {
    const std::vector<json> events = Stream(AskToRead(line));
    EXPECT_EQ(Joined(events), Content(Good(AskToRead(line))));
    EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
    EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "stop");
    EXPECT_EQ(events.back()["object"], "chat.completion.chunk");
    EXPECT_FALSE(events.back().contains("usage"));
  }
}

TEST_F(OpenAiChat, CharactersSpreadOverTokensStayWhole) {
  const std::string whole = Content(Good(HalfCharacters()));
  EXPECT_THAT(whole, HasSubstr("é"));
  EXPECT_THAT(whole, HasSubstr("\uFFFD"));
  const std::vector<json> events = Stream(HalfCharacters());
  EXPECT_EQ(Joined(events), whole);
  for (const json& event : events) {
    const std::string piece = event["choices"][0]["delta"].value("content", "");
    EXPECT_EQ(piece.find('\xA9') == std::string::npos, piece.find('\xC3') == std::string::npos)
        << piece;
  }
}

// Text and logprobs of an answer that goes round in circles end with the first round.
TEST_F(OpenAiChat, OfALoopOneInstanceIsLeft) {
  const json answer =
      Good(With(Ask("hello"), {{"max_tokens", 500},
                               {"temperature", 0},
                               {"logprobs", true},
                               {"logit_bias", {{std::to_string(Token("x")), 100}}}}));
  EXPECT_EQ(Content(answer), "x");
  EXPECT_EQ(answer["choices"][0]["logprobs"]["content"].size(), 1u);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_GT(answer["usage"]["completion_tokens"], 300) << "all that was computed counts";
}

TEST_F(OpenAiChat, SeveralChoicesDrawWithSeedsOfTheirOwn) {
  const json request = With(Draw(24), {{"n", 3}, {"seed", 11}});
  const json first = Good(request), second = Good(request);
  ASSERT_EQ(first["choices"].size(), 3u);
  std::set<std::string> different;
  const std::vector<json> events = Stream(request);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(first["choices"][c]["index"], c);
    EXPECT_EQ(Content(first, c), Content(second, c)) << "the seed decides";
    EXPECT_EQ(Joined(events, static_cast<int>(c)), Content(first, c));
    different.insert(Content(first, c));
  }
  EXPECT_EQ(different.size(), 3u);
  const json alone = Good(With(request, {{"n", 1}}));
  EXPECT_EQ(first["usage"]["prompt_tokens"], alone["usage"]["prompt_tokens"])
      << "the prompt counts once";
  EXPECT_EQ(first["usage"]["completion_tokens"], 3 * 24);
  // Choice 1 is what the next seed gives alone.
  EXPECT_EQ(Content(Good(With(request, {{"n", 1}, {"seed", 12}}))), Content(first, 1));
}

TEST_F(OpenAiChat, WithoutASeedAnswersDiffer) {
  json request = Draw(24);
  request.erase("seed");
  EXPECT_NE(Content(Good(request)), Content(Good(request)));
}

TEST_F(OpenAiChat, StopStringsEndTheAnswerAlsoAcrossTokens) {
  const json whole = Good(With(AskToRead(1), {{"logprobs", true}}));
  const std::string text = Content(whole);
  const json& tokens = whole["choices"][0]["logprobs"]["content"];
  ASSERT_GE(tokens.size(), 6u);
  size_t border = 0;
  for (size_t i = 0; i < 4; ++i) border += BytesOf(tokens[i]).size();
  const std::string stop = text.substr(border - 1, 2);
  const json request = With(AskToRead(1), {{"stop", json::array({"never seen", stop})}});
  const json cut = Good(request);
  EXPECT_EQ(Content(cut), text.substr(0, text.find(stop)));
  EXPECT_EQ(cut["choices"][0]["finish_reason"], "stop");
  for (const char* name : {"stop_reason", "matched_stop"}) {
    EXPECT_EQ(cut["choices"][0][name], stop) << name;
    EXPECT_TRUE(whole["choices"][0][name].is_null()) << name;
    EXPECT_EQ(Stream(request).back()["choices"][0][name], stop) << name;
  }
  EXPECT_EQ(Joined(Stream(request)), Content(cut));
  EXPECT_EQ(Content(Good(With(AskToRead(1), {{"stop", stop}}))), Content(cut));
}

// Of tokens that come faster than the interval the first goes out at once, the rest together.
TEST(OpenAiChatInterval, TokensThatComeFastGoOutTogether) {
  TestServer server([](ServerConfig& config) { config.stream_interval_s = 60; });
  const json request = With(AskToRead(1), {{"logprobs", true}});
  const json whole = server.Post(kPath, request).Json();
  const std::vector<json> events = server.Post(kPath, With(request, {{"stream", true}})).Events();
  ASSERT_EQ(events.size(), 4u);  // the role, two pieces, the end
  EXPECT_EQ(Joined(events), Content(whole));
  EXPECT_EQ(events[1]["choices"][0]["logprobs"]["content"].size(), 1u);
  json tokens = json::array();
  for (const size_t i : {1, 2}) {
    for (const json& token : events[i]["choices"][0]["logprobs"]["content"])
      tokens.push_back(token);
  }
  EXPECT_EQ(tokens, whole["choices"][0]["logprobs"]["content"]);
}

TEST_F(OpenAiChat, LogprobsAreOfTheTextsTokens) {
  const json request = With(AskToRead(1), {{"logprobs", true}, {"top_logprobs", 3}});
  const json answer = Good(request);
  std::string joined;
  for (const json& token : answer["choices"][0]["logprobs"]["content"]) {
    joined += BytesOf(token);
    EXPECT_LE(token["logprob"], 0);
    ASSERT_EQ(token["top_logprobs"].size(), 3u);
    // Greedy: the token is the likeliest one.
    EXPECT_EQ(token["top_logprobs"][0]["bytes"], token["bytes"]);
    EXPECT_FLOAT_EQ(token["top_logprobs"][0]["logprob"], token["logprob"]);
    EXPECT_GE(token["top_logprobs"][1]["logprob"], token["top_logprobs"][2]["logprob"]);
  }
  EXPECT_EQ(joined, Content(answer));

  json streamed = json::array();
  for (const json& event : Stream(request)) {
    const json& choice = event["choices"][0];
    if (choice["logprobs"].is_null()) continue;
    for (const json& token : choice["logprobs"]["content"]) streamed.push_back(token);
  }
  EXPECT_EQ(streamed, answer["choices"][0]["logprobs"]["content"]);
  EXPECT_EQ(
      Good(With(AskToRead(1),
                {{"logprobs", true}}))["choices"][0]["logprobs"]["content"][0]["top_logprobs"],
      json::array());
}

TEST_F(OpenAiChat, LogprobsOfHalfCharactersAreTheirBytes) {
  const json answer = Good(With(HalfCharacters(), {{"logprobs", true}}));
  const json& tokens = answer["choices"][0]["logprobs"]["content"];
  EXPECT_EQ(tokens.size(), 60u);
  for (const json& token : tokens) {
    EXPECT_EQ(token["bytes"].size(), 1u);
    EXPECT_EQ(token["token"], "\uFFFD");
  }
}

TEST_F(OpenAiChat, TheLengthLimitIsNamed) {
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    json request = AskToRead(1);
    request.erase("max_tokens");
    request[name] = 3;
    const json answer = Good(request);
    EXPECT_EQ(answer["choices"][0]["finish_reason"], "length") << name;
    EXPECT_EQ(answer["usage"]["completion_tokens"], 3) << name;
    EXPECT_EQ(Stream(request).back()["choices"][0]["finish_reason"], "length") << name;
  }
}

TEST_F(OpenAiChat, AStreamTellsItsUsageWhenAsked) {
  const std::vector<json> events =
      Stream(With(AskToRead(1), {{"stream_options", {{"include_usage", true}}}}));
  ASSERT_GT(events.size(), 2u);
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_TRUE(events[i].contains("usage") && events[i]["usage"].is_null());
  }
  EXPECT_EQ(events.back()["choices"], json::array());
  const json whole = Good(AskToRead(1))["usage"];
  EXPECT_EQ(events.back()["usage"]["prompt_tokens"], whole["prompt_tokens"]);
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], whole["completion_tokens"]);
}

TEST_F(OpenAiChat, WrongTypesAreRefusedByName) {
  const std::vector<std::pair<const char*, json>> wrong = {
      {"model", 5},
      {"messages", "hi"},
      {"messages", json::array()},
      {"temperature", "hot"},
      {"temperature", 3},
      {"top_p", -1},
      {"top_k", 1.5},
      {"min_p", 1},
      {"repetition_penalty", 0},
      {"presence_penalty", 9},
      {"frequency_penalty", json::array()},
      {"seed", "x"},
      {"stop", 5},
      {"stop", json::array({1})},
      {"stop", ""},
      {"n", 0},
      {"n", 1000},
      {"logprobs", 3},
      {"top_logprobs", 30},
      {"max_tokens", 0},
      {"max_tokens", "8"},
      {"max_tokens", json::parse("99999999999999999999")},
      {"stream", "yes"},
      {"stream_options", {{"include_usage", true}}},
      {"logit_bias", {{"x", 1}}},
      {"logit_bias", {{"1", 500}}},
      {"response_format", "json"},
      {"chat_template_kwargs", 3},
      {"tools", json::array({json::object()})},
  };
  for (const auto& [name, value] : wrong) {
    const json error = Refused(With(Ask("hi"), {{name, value}}));
    EXPECT_EQ(error["param"], name) << value;
    EXPECT_EQ(error["type"], "invalid_request_error");
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(name));
  }
  EXPECT_EQ(Refused(With(Ask("hi"), {{"response_format", {{"type", 5}}}}))["param"],
            "response_format.type");
  EXPECT_EQ(Refused(With(Ask("hi"), {{"response_format", {{"type", "json_schema"}}}}))["param"],
            "response_format.json_schema");
  EXPECT_EQ(Refused(With(Ask("hi"), {{"guided_json", json::object()}}))["param"], "guided_json");
  EXPECT_EQ(Refused(With(Ask("hi"), {{"chat_template_kwargs", {{"enable_thinking", 1}}}}))["param"],
            "chat_template_kwargs.enable_thinking");
  EXPECT_EQ(Refused(json::object())["param"], "messages");
}

TEST_F(OpenAiChat, WrongMessagesAreRefusedByPlace) {
  const auto param = [&](json message) {
    return Refused(
               {{"messages", json::array({Ask("x")["messages"][0], std::move(message)})}})["param"]
        .get<std::string>();
  };
  EXPECT_EQ(param(5), "messages[1]");
  EXPECT_EQ(param(json::object()), "messages[1].role");
  EXPECT_EQ(param({{"role", "cat"}, {"content", "x"}}), "messages[1].role");
  EXPECT_EQ(param({{"role", "user"}}), "messages[1].content");
  EXPECT_EQ(param({{"role", "user"}, {"content", 5}}), "messages[1].content");
  EXPECT_EQ(param({{"role", "user"}, {"content", {5}}}), "messages[1].content[0]");
  EXPECT_EQ(param({{"role", "assistant"}, {"content", "x"}, {"reasoning_content", 1}}),
            "messages[1].reasoning_content");
  const auto part = [&](json p) {
    return param({{"role", "user"}, {"content", json::array({std::move(p)})}});
  };
  EXPECT_EQ(part(json::object()), "messages[1].content[0].type");
  EXPECT_EQ(part({{"type", "video_url"}}), "messages[1].content[0].type");
  EXPECT_EQ(part({{"type", "text"}}), "messages[1].content[0].text");
  EXPECT_EQ(part({{"type", "image_url"}}), "messages[1].content[0].image_url");
  EXPECT_EQ(part({{"type", "image_url"}, {"image_url", 3}}), "messages[1].content[0].image_url");
  EXPECT_EQ(part({{"type", "image_url"}, {"image_url", json::object()}}),
            "messages[1].content[0].image_url.url");
  EXPECT_EQ(part(Picture("data:image/png;base64,AAAA")), "messages[1].content[0].image_url.url");
  EXPECT_EQ(part(Picture("http://127.0.0.1/x.png")), "messages[1].content[0].image_url.url");
  EXPECT_EQ(part(Picture("/etc/passwd")), "messages[1].content[0].image_url.url");
  EXPECT_EQ(part(Picture("file:///etc/passwd")), "messages[1].content[0].image_url.url");
  EXPECT_EQ(part({{"type", "file"}}), "messages[1].content[0].file");
  EXPECT_EQ(part({{"type", "file"}, {"file", {{"file_id", "f"}}}}),
            "messages[1].content[0].file.file_id");
}

TEST_F(OpenAiChat, UnknownFieldsAreIgnoredAndLogged) {
  testing::internal::CaptureStderr();
  const json answer =
      Good(With(Ask(json::array({{{"type", "text"}, {"text", "x"}, {"cache_control", 1}}})),
                {{"no_such_field", 1}, {"max_tokens", 2}}));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_THAT(log, HasSubstr("no_such_field"));
  EXPECT_THAT(log, HasSubstr("messages[0].content[0].cache_control"));
}

TEST_F(OpenAiChat, PicturesComeInSeveralSpellings) {
  const GoldenLine& line = GoldenLines()[1];
  for (const json& picture :
       {Picture(line.uri), json({{"type", "image_url"}, {"image_url", line.uri}}),
        json({{"type", "input_image"}, {"image_url", line.uri}, {"detail", "high"}}),
        json({{"type", "image"}, {"image", line.uri}}),
        json({{"type", "image"}, {"image_url", line.uri}})}) {
    EXPECT_EQ(Content(Good(Ask(json::array({picture, Text("Text Recognition:")})))), line.text)
        << picture.dump().substr(0, 60);
  }
}

// Spec row T2: a template that knows "image" alone lets "image_url" vanish without a word.
TEST_F(OpenAiChat, ImageUrlPartsHaveTheirTokensInThePrompt) {
  const auto prompt_tokens = [&](const json& content) {
    return Good(With(Ask(content), {{"max_tokens", 1}}))["usage"]["prompt_tokens"].get<int>();
  };
  const int none = prompt_tokens("Text Recognition:");
  for (const size_t i : {0, 1, 4}) {
    const GoldenLine& line = GoldenLines()[i];
    // Begin, end, and one token for each window of 28 x 28 pixels.
    const int tokens = line.image.width_px / 28 + 2;
    EXPECT_EQ(prompt_tokens(json::array({Picture(line.uri), Text("Text Recognition:")})),
              none + tokens);
  }
}

TEST_F(OpenAiChat, TooManyPicturesAreRefused) {
  json content = json::array();
  for (int i = 0; i < 5; ++i) content.push_back(Picture(GoldenLines()[0].uri));
  EXPECT_EQ(Refused(Ask(content))["param"], "messages");
}

TEST_F(OpenAiChat, TextThatLooksLikeControlTokensStaysText) {
  const auto prompt_tokens = [&](const std::string& text) {
    return Good(With(Ask(text), {{"max_tokens", 1}}))["usage"]["prompt_tokens"].get<int>();
  };
  const Tokenizer& tokenizer = StarterTokenizer();
  for (const char* evil : {"<|image|>", "<|user|>", "<|assistant|>", "[gMASK]<sop>"}) {
    const auto plain = tokenizer.Encode("x " + std::string(evil), EncodeMode::kPlainText);
    const auto x = tokenizer.Encode("x", EncodeMode::kPlainText);
    EXPECT_EQ(prompt_tokens("x " + std::string(evil)) - prompt_tokens("x"),
              static_cast<int>(plain->size()) - static_cast<int>(x->size()))
        << evil;
  }
}

// Shown to the model as they are, without the layout.
TEST_F(OpenAiChat, PagesOfAFileBecomePictures) {
  const std::string pdf =
      ReadFile(std::string(GLMOCR_SOURCE_DIR) + "/samples/paper.pdf", 1 << 24).value();
  const json part = {
      {"type", "file"},
      {"file",
       {{"filename", "a.pdf"}, {"file_data", "data:application/pdf;base64," + EncodeBase64(pdf)}}}};
  const json whole = {{"max_tokens", 1}, {"glmocr", {{"layout", false}}}};
  const auto tokens = [&](const json& content) {
    return Good(With(Ask(content), whole))["usage"]["prompt_tokens"].get<int>();
  };
  const int none = tokens(json::array({Text("x")}));
  const int two = tokens(json::array({part, Text("x")})) - none;
  EXPECT_GT(two, 4);
  const json bare = {{"type", "file"}, {"file", {{"file_data", EncodeBase64(pdf)}}}};
  EXPECT_EQ(tokens(json::array({bare, Text("x")})) - none, two);
  // As many again.
  EXPECT_EQ(tokens(json::array({part, part, Text("x")})) - none, 2 * two);
  const json error = Refused(With(Ask(json::array({part, part, part})), whole));
  EXPECT_EQ(error["param"], "messages[0].content[2].file.file_data");
  // As a picture it is refused: nobody would know which page was read.
  const json url = Picture("data:application/pdf;base64," + EncodeBase64(pdf));
  EXPECT_THAT(Refused(Ask(json::array({url})))["message"].get<std::string>(), HasSubstr("2 pages"));
}

TEST_F(OpenAiChat, PicturesInWaitingAreBounded) {
  TestServer small([](ServerConfig& config) { config.max_prepared_bytes = 1000; });
  const HttpReply reply = small.Post(kPath, AskToRead(0));
  EXPECT_EQ(reply.status, 429);
  EXPECT_NE(reply.headers.count("retry-after"), 0u);
  EXPECT_EQ(small.Post(kPath, With(Ask("x"), {{"max_tokens", 1}})).status, 200);
}

TEST_F(OpenAiChat, ChoicesCountAgainstTheQueue) {
  TestServer small([](ServerConfig& config) { config.max_queue = 2; });
  const json request = With(Ask("x"), {{"max_tokens", 1}, {"n", 3}});
  EXPECT_EQ(small.Post(kPath, request).status, 429);
  EXPECT_EQ(small.Post(kPath, With(request, {{"n", 2}})).status, 200);
  EXPECT_EQ(small.Post(kPath, With(request, {{"n", 2}})).status, 200) << "places come back";
}

TEST_F(OpenAiChat, AClientThatLeavesEndsItsWork) {
  for (const bool stream : {true, false}) {
    auto call = server_.Open(kPath, With(Draw(1500), {{"stream", stream}, {"n", 2}}));
    if (stream) {
      for (int i = 0; i < 5; ++i) ASSERT_TRUE(call->Read());
    } else {
      while (server_.recognizer().stats().running < 2) std::this_thread::yield();
    }
    const int64_t before = server_.recognizer().stats().generated_tokens;
    call.reset();
    ASSERT_TRUE(server_.BecomesIdle(20));
    // 2 x 1,500 tokens were asked for.
    EXPECT_LT(server_.recognizer().stats().generated_tokens - before, 1000);
    EXPECT_EQ(server_.recognizer().stats().blocks_available,
              server_.recognizer().stats().blocks_total);
  }
}

TEST_F(OpenAiChat, ToolMessagesNeedATemplateThatHasThem) {
  // The starter model's has none; what a template cannot say is never left out in silence.
  json request = Ask("x");
  request["messages"].push_back({{"role", "tool"}, {"content", "42"}, {"tool_call_id", "1"}});
  EXPECT_THAT(Refused(request)["message"].get<std::string>(), HasSubstr("tools"));
}

// --- How requests are rendered for GLM-OCR itself (spec 9.2) ---

std::string Rendered(const json& request) {
  auto parsed = ParseChatRequest(request, ServerConfig());
  if (auto* error = std::get_if<ApiError>(&parsed)) return "error: " + error->message;
  return BuildChatPrompt(StarterTokenizer(), ChatTemplate::kGlmOcr,
                         std::get<TextRequest>(parsed).chat)
      .value()
      .text;
}

TEST(OpenAiChatTemplate, ThinkingIsSwitchedAsTheTemplateDoes) {
  const json request = Ask(json::array({Picture("data:,"), Text("Text Recognition:")}));
  const std::string image = "<|begin_of_image|><|image|><|end_of_image|>";
  const std::string on = "[gMASK]<sop><|user|>\n" + image + "Text Recognition:<|assistant|>\n";
  EXPECT_EQ(Rendered(request), on);
  const auto with = [&](bool thinking) {
    return With(request, {{"chat_template_kwargs", {{"enable_thinking", thinking}}}});
  };
  EXPECT_EQ(Rendered(with(true)), on);
  EXPECT_EQ(Rendered(with(false)), "[gMASK]<sop><|user|>\n" + image +
                                       "Text Recognition:/nothink<|assistant|>\n<think></think>\n");
}

TEST(OpenAiChatTemplate, ToolTurns) {
  json request = Ask("hi");
  request["messages"].push_back(
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls",
        json::array({{{"id", "1"},
                      {"type", "function"},
                      {"function", {{"name", "f"}, {"arguments", R"({"a":"b","c":[1]})"}}}}})}});
  request["messages"].push_back({{"role", "tool"}, {"content", "42"}, {"tool_call_id", "1"}});
  EXPECT_EQ(Rendered(request),
            "[gMASK]<sop><|user|>\nhi<|assistant|>\n<think></think>\n<tool_call>f\n"
            "<arg_key>a</arg_key>\n<arg_value>b</arg_value>\n"
            "<arg_key>c</arg_key>\n<arg_value>[1]</arg_value>\n</tool_call>"
            "<|observation|>\n<tool_response>\n42\n</tool_response><|assistant|>\n");
  request["messages"][1]["tool_calls"][0]["function"]["arguments"] = "no json";
  EXPECT_THAT(Rendered(request), HasSubstr("messages[1].tool_calls[0].function.arguments"));
}

TEST(OpenAiChatTemplate, EarlierTurnsAndSystem) {
  const json request = {
      {"messages",
       json::array({{{"role", "developer"}, {"content", "S"}},
                    {{"role", "user"}, {"content", "hi"}},
                    {{"role", "assistant"}, {"content", "yo"}, {"reasoning_content", "r"}}})}};
  EXPECT_EQ(Rendered(request),
            "[gMASK]<sop><|system|>\nS<|user|>\nhi<|assistant|>\n<think>r</think>\nyo"
            "<|assistant|>\n");
}

}  // namespace
}  // namespace glmocr::server
