// Pages through the text APIs of a whole server with the starter model, which reads lines: the
// answers are what the program writes of the same files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/file.h"
#include "format/document_writer.h"
#include "layout/geometric.h"
#include "media/decode.h"
#include "pipeline/document_pages.h"
#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kChat[] = "/v1/chat/completions";
// The requests of GLM-OCR's cookbook, word for word.
constexpr char kReadText[] = "Please extract all text from this image.";
constexpr char kReadTable[] =
    "Please extract the table content from this document and format it as markdown.";

std::string SamplePath(const std::string& name) {
  return std::string(GLMOCR_SOURCE_DIR) + "/samples/" + name;
}
std::string SampleBytes(const std::string& name) {
  return ReadFile(SamplePath(name), size_t{64} << 20).value();
}
std::string SampleUri(const std::string& name, const std::string& type) {
  return "data:" + type + ";base64," + EncodeBase64(SampleBytes(name));
}

json Picture(const std::string& uri) {
  return {{"type", "image_url"}, {"image_url", {{"url", uri}}}};
}
json File(const std::string& uri) {
  return {{"type", "file"}, {"file", {{"filename", "a.pdf"}, {"file_data", uri}}}};
}
json Text(const std::string& text) { return {{"type", "text"}, {"text", text}}; }
json Ask(json parts) {
  return {{"model", "glm-ocr"},
          {"messages", json::array({{{"role", "user"}, {"content", std::move(parts)}}})}};
}
json AskToRead(const std::string& uri, const std::string& words = "Text Recognition:") {
  return Ask(json::array({Picture(uri), Text(words)}));
}
std::string Content(const json& answer, size_t choice = 0) {
  return answer.at("choices").at(choice).at("message").at("content");
}
std::string Joined(const std::vector<json>& events, int choice = 0) {
  std::string text;
  for (const json& event : events) {
    for (const json& c : event.at("choices")) {
      if (c.at("index") == choice) text += c.at("delta").value("content", "");
    }
  }
  return text;
}

Image White(int width, int height) {
  Image image(width, height);
  for (int y = 0; y < height; ++y) std::fill_n(image.row(y), image.row_bytes(), uint8_t{255});
  return image;
}

// `inner` with white around it.
Image WithMargins(const Image& inner, int margin) {
  Image out = White(inner.width_px + 2 * margin, inner.height_px + 2 * margin);
  for (int y = 0; y < inner.height_px; ++y)
    std::copy_n(inner.row(y), inner.row_bytes(), out.row(y + margin) + ptrdiff_t{3} * margin);
  return out;
}

// A picture of a thing: dark, without letters.
Image Photo() {
  Image image = White(600, 800);
  for (int y = 150; y < 650; ++y) {
    for (int x = 100; x < 500; ++x) {
      uint8_t* pixel = image.row(y) + ptrdiff_t{3} * x;
      pixel[0] = static_cast<uint8_t>(60 + (x / 5 + y / 7) % 40);
      pixel[1] = static_cast<uint8_t>(40 + y % 50);
      pixel[2] = static_cast<uint8_t>(50 + x % 30);
    }
  }
  return image;
}

class PageAnswers : public testing::Test {
 protected:
  json Good(const json& request) { return server_.Good(kChat, request); }
  json Refused(const json& request, int status = 400) {
    return server_.Refused(kChat, request, status);
  }
  std::vector<json> Stream(const json& request) {
    const HttpReply reply = server_.Post(kChat, With(request, {{"stream", true}}));
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n"));
    return reply.Events();
  }
  // What `glm-ocr parse --to md` prints, without the newline at its end.
  std::string Parsed(const std::string& sample) {
    auto document = OpenDocument({.name = SamplePath(sample)}, {}).value();
    std::vector<ReadPage> pages;
    PageReader reader(server_.recognizer(),
                      {.layout = Layout::kRegions,
                       .layout_engine = MakeGeometricLayout(),
                       .text_layer = TextLayerMode::kAuto},
                      [&](ReadPage page) { pages.push_back(std::move(page)); });
    const auto go_on = [] { return true; };
    for (int i = 1; i <= document->n_pages(); ++i) {
      AddDocumentPage(reader, *document, {sample, i, document->n_pages()},
                      i < document->n_pages() ? i + 1 : 0, go_on);
    }
    reader.Finish(go_on);
    std::string text = DocumentText(pages, DocumentFormat::kMarkdown, {}).value();
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }
  // `glm-ocr parse --layout lines` of the same.
  std::string ParsedLines(const Image& image) {
    std::string text;
    PageReader reader(server_.recognizer(), {.layout = Layout::kLines},
                      [&](const ReadPage& page) { text = PlainText(page, {}); });
    EXPECT_TRUE(reader.Add(image, {}, [] { return true; }).ok());
    reader.Finish([] { return true; });
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  TestServer server_;
};

TEST_F(PageAnswers, APictureOfAPageIsReadAsParseReadsIt) {
  const std::string expected = Parsed("page.png");
  ASSERT_GT(expected.size(), 500u);
  const std::string uri = SampleUri("page.png", "image/png");
  for (const char* words : {"Text Recognition:", kReadText, "What is this?", ""})
    EXPECT_EQ(Content(Good(AskToRead(uri, words))), expected) << words;
  const json answer = Good(AskToRead(uri));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(answer["choices"][0]["stop_reason"].is_null());
  EXPECT_GT(answer["usage"]["prompt_tokens"], 500);
  EXPECT_GT(answer["usage"]["completion_tokens"], 200);
}

TEST_F(PageAnswers, AStreamGrowsBlockByBlock) {
  const std::vector<json> events = Stream(AskToRead(SampleUri("page.png", "image/png")));
  EXPECT_EQ(Joined(events), Parsed("page.png"));
  EXPECT_GT(events.size(), 6u);
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "stop");
}

TEST_F(PageAnswers, PagesOfAFileFollowEachOther) {
  const std::string uri = SampleUri("report.pdf", "application/pdf");
  const std::string expected = Parsed("report.pdf");
  EXPECT_EQ(Content(Good(Ask(json::array({File(uri), Text("x")})))), expected);
  EXPECT_EQ(Joined(Stream(Ask(json::array({File(uri)})))), expected);
  // Several files as parse prints several.
  const json two = Ask(json::array(
      {Picture(SampleUri("page.png", "image/png")), File(uri), Text("Text Recognition:")}));
  EXPECT_EQ(Content(Good(two)), Parsed("page.png") + "\n\n" + expected);
}

TEST_F(PageAnswers, TheCookbooksRequestsWordForWord) {
  const auto ask = [](const std::string& words, const std::string& uri) {
    return json(
        {{"model", "zai-org/GLM-OCR"},
         {"messages", json::array({{{"role", "user"},
                                    {"content", json::array({Picture(uri), Text(words)})}}})}});
  };
  const std::string uri = SampleUri("page.png", "image/png");
  const HttpReply reply =
      server_.Send("POST", kChat, ask(kReadText, uri).dump(),
                   {{"Content-Type", "application/json"}, {"Authorization", "Bearer EMPTY"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(Content(reply.Json()), Parsed("page.png"));
  EXPECT_EQ(reply.Json()["model"], "zai-org/GLM-OCR");
  EXPECT_EQ(Content(Good(ask(kReadTable, uri))), Parsed("page.png")) << "no task prompt";
}

TEST_F(PageAnswers, WhatTheModelCannotDoIsRefused) {
  const std::string uri = SampleUri("page.png", "image/png");
  for (const char* words : {"Table Recognition:", "Formula Recognition:", " table recognition"}) {
    for (const json& more : {json::object(), json({{"glmocr", {{"layout", false}}}})}) {
      const json error = Refused(With(AskToRead(uri, words), more));
      EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("/v1/documents")) << words;
      EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("Text Recognition:"));
    }
  }
  EXPECT_EQ(Refused(With(AskToRead(uri), {{"logprobs", true}}))["param"], "logprobs");
  EXPECT_EQ(
      Refused(With(AskToRead(uri), {{"response_format", {{"type", "json_object"}}}}))["param"],
      "response_format");
  EXPECT_EQ(Refused(With(AskToRead(uri), {{"logit_bias", {{"5", 1}}}}))["param"], "logit_bias");
  EXPECT_EQ(Refused(With(AskToRead(uri), {{"glmocr", {{"layuot", true}}}}))["param"],
            "glmocr.layuot");
  EXPECT_EQ(Refused(With(AskToRead(uri), {{"glmocr", {{"layout", 1}}}}))["param"], "glmocr.layout");
}

TEST_F(PageAnswers, ALineWithAnyMarginsReadsAsParsesLines) {
  for (const size_t i : {1, 3}) {
    for (const int margin : {3, 9, 30, 150}) {
      const Image image = WithMargins(GoldenLines()[i].image, margin);
      const std::string expected = ParsedLines(image);
      EXPECT_EQ(Content(Good(AskToRead(PngUri(image), kReadText))), expected) << margin;
      EXPECT_THAT(expected, Not(HasSubstr("\n")));
      EXPECT_GT(expected.size(), 5u);
    }
  }
  // Wider than what the model sees at once: several pieces, one line.
  const Image& line = GoldenLines()[1].image;
  Image wide = White(3 * line.width_px + 80, 60);
  for (int copy = 0; copy < 3; ++copy) {
    for (int y = 0; y < line.height_px; ++y) {
      std::copy_n(line.row(y), line.row_bytes(),
                  wide.row(y + 16) + ptrdiff_t{3} * (20 + copy * (line.width_px + 20)));
    }
  }
  EXPECT_EQ(Content(Good(AskToRead(PngUri(wide)))), ParsedLines(wide));
}

TEST_F(PageAnswers, LinesFollowEachOther) {
  const json request = Ask(json::array(
      {Picture(GoldenLines()[1].uri), Picture(GoldenLines()[3].uri), Text("Text Recognition:")}));
  EXPECT_EQ(Content(Good(request)),
            ParsedLines(GoldenLines()[1].image) + "\n\n" + ParsedLines(GoldenLines()[3].image));
}

TEST_F(PageAnswers, InkWithoutTextIsAnErrorAndABlankPageIsEmpty) {
  const json error = Refused(AskToRead(PngUri(Photo())));
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("No text was found"));
  const std::vector<json> events = [&] {
    const HttpReply reply =
        server_.Post(kChat, With(AskToRead(PngUri(Photo())), {{"stream", true}}));
    return reply.Events();
  }();
  EXPECT_TRUE(std::any_of(events.begin(), events.end(),
                          [](const json& event) { return event.contains("error"); }));
  // Writing that the layout does not see is ink all the same.
  Image pale = White(600, 800);
  for (int y = 300; y < 312; ++y) {
    for (int x = 200; x < 204; ++x) pale.row(y)[3 * x] = 150;
  }
  Refused(AskToRead(PngUri(pale)));
  const json blank = Good(AskToRead(PngUri(White(600, 800))));
  EXPECT_EQ(Content(blank), "");
  EXPECT_EQ(blank["choices"][0]["finish_reason"], "stop");
}

TEST_F(PageAnswers, WhatWasNotReadIsSaidBesideTheText) {
  const json request = Ask(json::array(
      {Picture(SampleUri("page.png", "image/png")), Picture(PngUri(Photo())), Text("x")}));
  const json answer = Good(request);
  EXPECT_EQ(Content(answer), Parsed("page.png"));
  const json warnings = answer["glmocr"]["warnings"];
  ASSERT_GE(warnings.size(), 1u) << answer.dump().substr(0, 300);
  EXPECT_EQ(warnings[0]["kind"], "no_text");
  EXPECT_EQ(warnings[0]["page"], 2);
  EXPECT_EQ(Stream(request).back()["glmocr"]["warnings"], warnings);
  EXPECT_FALSE(Good(AskToRead(SampleUri("page.png", "image/png"))).contains("glmocr"));
}

TEST_F(PageAnswers, ChoicesAreEqualAndReadOnce) {
  const std::string uri = SampleUri("page.png", "image/png");
  const json answer = Good(With(AskToRead(uri), {{"n", 2}, {"temperature", 1.0}}));
  ASSERT_EQ(answer["choices"].size(), 2u);
  EXPECT_EQ(Content(answer, 1), Content(answer, 0));
  EXPECT_EQ(answer["usage"]["completion_tokens"],
            Good(AskToRead(uri))["usage"]["completion_tokens"]);
  EXPECT_EQ(Joined(Stream(With(AskToRead(uri), {{"n", 2}})), 1), Content(answer, 0));
}

TEST_F(PageAnswers, StopStringsAndLengthCutTheText) {
  const std::string uri = SampleUri("page.png", "image/png");
  const std::string whole = Content(Good(AskToRead(uri)));
  const size_t border = whole.find("\n\n", 100);
  ASSERT_NE(border, std::string::npos);
  const std::string stop = whole.substr(border - 3, 7);  // over a border of two blocks
  const json request = With(AskToRead(uri), {{"stop", {"never seen", stop}}});
  const json cut = Good(request);
  EXPECT_EQ(Content(cut), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(cut["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(cut["choices"][0]["stop_reason"], stop);
  EXPECT_EQ(cut["choices"][0]["matched_stop"], stop);
  EXPECT_LT(cut["usage"]["completion_tokens"].get<size_t>(), Content(cut).size());
  const std::vector<json> events = Stream(request);
  EXPECT_EQ(Joined(events), Content(cut));
  EXPECT_EQ(events.back()["choices"][0]["stop_reason"], stop);

  for (const int n : {1, 40, 300}) {
    const json shorter = Good(With(AskToRead(uri), {{"max_tokens", n}}));
    const std::string text = Content(shorter);
    EXPECT_EQ(shorter["choices"][0]["finish_reason"], "length");
    EXPECT_TRUE(whole.starts_with(text)) << text;
    EXPECT_FALSE(text.empty());
    const auto ids = StarterTokenizer().Encode(text, EncodeMode::kPlainText).value();
    EXPECT_LE(static_cast<int>(ids.size()), n + 1);
    EXPECT_EQ(shorter["usage"]["completion_tokens"], n) << "of the text that was returned";
    EXPECT_EQ(Joined(Stream(With(AskToRead(uri), {{"max_tokens", n}}))), text) << n;
  }
  EXPECT_TRUE(server_.BecomesIdle(20));
}

TEST_F(PageAnswers, TheOtherTextApisReadPagesToo) {
  const std::string expected = Parsed("page.png");
  const std::string uri = SampleUri("page.png", "image/png");
  const json input = {
      {"input",
       json::array({{{"role", "user"},
                     {"content", json::array({{{"type", "input_image"}, {"image_url", uri}},
                                              {{"type", "input_text"}, {"text", "Read"}}})}}})}};
  EXPECT_EQ(server_.Good("/v1/responses", input)["output"][0]["content"][0]["text"], expected);
  const HttpReply events = server_.Post("/v1/responses", With(input, {{"stream", true}}));
  EXPECT_EQ(events.Events().back()["response"]["output"][0]["content"][0]["text"], expected);

  const std::string base64 = EncodeBase64(SampleBytes("page.png"));
  const json generate = {
      {"model", "glm-ocr"}, {"prompt", "OCR"}, {"images", {base64}}, {"stream", false}};
  const json generated = server_.Good("/api/generate", generate);
  EXPECT_EQ(generated["response"], expected);
  EXPECT_GT(generated["eval_count"], 200);
  EXPECT_GE(generated["eval_duration"], 0);
  const json chat = {
      {"model", "glm-ocr:latest"},
      {"messages", json::array({{{"role", "user"}, {"content", "OCR"}, {"images", {base64}}}})}};
  std::string text;
  for (const json& line : server_.Post("/api/chat", chat).Lines())
    text += line["message"]["content"].get<std::string>();
  EXPECT_EQ(text, expected);
}

TEST_F(PageAnswers, OnlyPicturesSinceTheLastAnswerAreRead) {
  json request = AskToRead(SampleUri("page.png", "image/png"));
  request["messages"].push_back({{"role", "assistant"}, {"content", "a page"}});
  json question = request;
  question["messages"].push_back({{"role", "user"}, {"content", "And the total?"}});
  EXPECT_THAT(Refused(question)["message"].get<std::string>(), HasSubstr("picture"));
  request["messages"].push_back(AskToRead(GoldenLines()[1].uri)["messages"][0]);
  EXPECT_EQ(Content(Good(request)), GoldenLines()[1].text);
}

TEST_F(PageAnswers, AClientThatLeavesEndsTheReading) {
  for (const bool stream : {true, false}) {
    auto call = server_.Open(
        kChat, With(Ask(json::array({File(SampleUri("report.pdf", "application/pdf"))})),
                    {{"stream", stream}}));
    while (server_.recognizer().stats().running == 0) std::this_thread::yield();
    call.reset();
    EXPECT_TRUE(server_.BecomesIdle(20));
    EXPECT_EQ(server_.recognizer().stats().blocks_available,
              server_.recognizer().stats().blocks_total);
  }
}

TEST(PageAnswerLimits, PagesBytesAndTime) {
  const json report = Ask(json::array({File(SampleUri("report.pdf", "application/pdf"))}));
  {
    TestServer server([](ServerConfig& config) { config.max_pages = 2; });
    const json error = server.Refused(kChat, report);
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("the limit is 2"));
    EXPECT_EQ(error["param"], "messages[0].content[0].file.file_data");
  }
  {
    TestServer server([](ServerConfig& config) { config.max_pages = 4; });
    const json part = report["messages"][0]["content"][0];
    const json error = server.Refused(kChat, Ask(json::array({part, part})));
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("4 pages"));
    EXPECT_EQ(error["param"], "messages[0].content[1].file.file_data");
  }
  {
    TestServer server([](ServerConfig& config) { config.max_prepared_bytes = 1000; });
    EXPECT_EQ(server.Post(kChat, report).status, 429);
    EXPECT_EQ(server.Post(kChat, AskToRead(SampleUri("page.png", "image/png"))).status, 429);
  }
  {
    TestServer server([](ServerConfig& config) { config.request_timeout_s = 0.1; });
    const json answer = server.Good(kChat, report);
    EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  }
}

TEST(PageAnswerLimits, PicturesAreShownAsTheyAreWhereThatIsAskedFor) {
  TestServer server;
  // As before: the model alone, which sees a page as noise.
  const json answer =
      server.Good(kChat, With(AskToRead(SampleUri("page.png", "image/png")),
                              {{"glmocr", {{"layout", false}}}, {"max_tokens", 32}}));
  EXPECT_LT(Content(answer).size(), 200u);
  // A single line goes through the layout where that is asked for: Markdown.
  EXPECT_FALSE(
      Content(server.Good(kChat, With(AskToRead(PngUri(WithMargins(GoldenLines()[1].image, 40))),
                                      {{"glmocr", {{"layout", true}}}})))
          .empty());
}

TEST(ModelNames, AnUnknownOneIsNotFound) {
  TestServer server([](ServerConfig& config) { config.served_model_name = "ours"; });
  const std::string uri = GoldenLines()[1].uri;
  const std::string page = SampleUri("page.png", "image/png");
  const json ollama = {{"model", "gpt-4o"}, {"prompt", "x"}};
  for (const auto& [path, body] : std::vector<std::pair<const char*, json>>{
           {kChat, With(AskToRead(uri), {{"model", "gpt-4o"}})},
           {"/v1/completions", {{"model", "gpt-4o"}, {"prompt", "x"}}},
           {"/v1/responses", {{"model", "gpt-4o"}, {"input", "x"}}},
           {"/v1/ocr",
            {{"model", "gpt-4o"}, {"document", {{"type", "image_url"}, {"image_url", page}}}}}}) {
    const json error = server.Refused(path, body, 404);
    EXPECT_EQ(error["code"], "model_not_found") << path;
    EXPECT_EQ(error["param"], "model") << path;
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("'ours'")) << path;
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("'zai-org/GLM-OCR'")) << path;
  }
  for (const char* path : {"/api/generate", "/api/chat", "/api/show"}) {
    json body = ollama;
    if (path == std::string("/api/chat")) body = {{"model", "gpt-4o"}, {"messages", json::array()}};
    EXPECT_THAT(server.Refused(path, body, 404).get<std::string>(), HasSubstr("'gpt-4o'")) << path;
  }
  const json cloud =
      server.Refused("/api/paas/v4/layout_parsing", {{"model", "gpt-4o"}, {"file", page}}, 404);
  EXPECT_EQ(cloud["code"], "model_not_found");
  for (const char* name :
       {"ours", "ours:latest", "glm-ocr", "glm-ocr:latest", "zai-org/GLM-OCR", ""})
    EXPECT_EQ(server.Post(kChat, With(AskToRead(uri), {{"model", name}})).status, 200) << name;
  EXPECT_EQ(server.Get("/v1/models/gpt-4o").status, 404);
}

TEST(ModelNames, AnAliasForAllNames) {
  TestServer server([](ServerConfig& config) { config.model_aliases = {"*"}; });
  EXPECT_EQ(server.Post(kChat, With(AskToRead(GoldenLines()[1].uri), {{"model", "gpt-4o"}})).status,
            200);
}

}  // namespace
}  // namespace glmocr::server
