// The renderings of GLM-OCR's template (each row of the specification's table), ids that user text
// cannot forge, and the expansion of media placeholders.
#include "tokenizer/chat_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tokenizer/golden_file.h"

namespace glmocr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int32_t kGMask = 1007, kSop = 1009, kSystem = 1011, kUser = 1012, kAssistant = 1013;
constexpr int32_t kBeginImage = 1015, kEndImage = 1016, kBeginVideo = 1017, kEndVideo = 1018;
constexpr int32_t kThink = 1019, kEndThink = 1020, kNoThink = 1021, kImage = 1022;

ChatMessage Message(ChatRole role, std::vector<ChatPart> content) {
  ChatMessage m;
  m.role = role;
  m.content = std::move(content);
  return m;
}
ChatMessage User(std::vector<ChatPart> content) {
  return Message(ChatRole::kUser, std::move(content));
}
ChatMessage User(std::string text) { return User({ChatPart::Text(std::move(text))}); }
ChatMessage Assistant(std::string text) {
  return Message(ChatRole::kAssistant, {ChatPart::Text(std::move(text))});
}
ChatMessage System(std::string text) {
  return Message(ChatRole::kSystem, {ChatPart::Text(std::move(text))});
}

ChatRequest Request(std::vector<ChatMessage> messages) {
  ChatRequest r;
  r.messages = std::move(messages);
  return r;
}

class ChatPromptTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<Tokenizer> loaded = Tokenizer::FromFile(StarterPath("tokenizer.json"));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    tok_.emplace(std::move(*loaded));
  }
  ChatPrompt Build(const ChatRequest& request, ChatTemplate t = ChatTemplate::kGlmOcr) {
    Result<ChatPrompt> prompt = BuildChatPrompt(*tok_, t, request);
    EXPECT_TRUE(prompt.ok()) << (prompt.ok() ? "" : prompt.error().message);
    // None of these requests holds a token's spelling, so the reference's way, parsing the rendered
    // text, gives the same ids.
    EXPECT_EQ(prompt->ids, *tok_->Encode(prompt->text, EncodeMode::kParseSpecial));
    return *prompt;
  }
  std::string Text(const ChatRequest& request) { return Build(request).text; }
  std::vector<int32_t> Plain(std::string_view text) {
    return *tok_->Encode(text, EncodeMode::kPlainText);
  }
  std::vector<int32_t> Join(std::initializer_list<std::vector<int32_t>> parts) {
    std::vector<int32_t> all;
    for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
    return all;
  }
  std::optional<Tokenizer> tok_;
};

const std::string kHead = "[gMASK]<sop>";
const std::string kImageText = "<|begin_of_image|><|image|><|end_of_image|>";

// T3: not one line break more or less.
TEST_F(ChatPromptTest, T3_ImageAndText) {
  const ChatRequest r = Request({User({ChatPart::Image(), ChatPart::Text("Text Recognition:")})});
  for (const ChatTemplate t : {ChatTemplate::kGlmOcr, ChatTemplate::kStarter}) {
    const ChatPrompt p = Build(r, t);
    EXPECT_EQ(p.text, std::string(kHead)
                          .append("<|user|>\n")
                          .append(kImageText)
                          .append("Text Recognition:<|assistant|>\n"));
    EXPECT_EQ(p.ids, Join({{kGMask, kSop, kUser},
                           Plain("\n"),
                           {kBeginImage, kImage, kEndImage},
                           Plain("Text Recognition:"),
                           {kAssistant},
                           Plain("\n")}));
    EXPECT_EQ(p.n_images, 1u);
    EXPECT_EQ(p.n_videos, 0u);
  }
}

TEST_F(ChatPromptTest, T3_ThinkingDisabled) {
  ChatRequest r = Request({User({ChatPart::Image(), ChatPart::Text("Text Recognition:")})});
  r.thinking = Thinking::kDisabled;
  const ChatPrompt p = Build(r);
  EXPECT_EQ(p.text, kHead + "<|user|>\n" + kImageText +
                        "Text Recognition:/nothink<|assistant|>\n<think></think>\n");
  EXPECT_EQ(p.ids, Join({{kGMask, kSop, kUser},
                         Plain("\n"),
                         {kBeginImage, kImage, kEndImage},
                         Plain("Text Recognition:"),
                         {kNoThink, kAssistant},
                         Plain("\n"),
                         {kThink, kEndThink},
                         Plain("\n")}));
}

TEST_F(ChatPromptTest, T3_ThinkingEnabledIsTheDefault) {
  ChatRequest r = Request({User("hi")});
  EXPECT_EQ(Text(r), kHead + "<|user|>\nhi<|assistant|>\n");
  r.thinking = Thinking::kEnabled;
  EXPECT_EQ(Text(r), kHead + "<|user|>\nhi<|assistant|>\n");
  r.generation = GenerationPrompt::kNone;
  EXPECT_EQ(Text(r), kHead + "<|user|>\nhi");
}

TEST_F(ChatPromptTest, NoThinkIsAppendedOnce) {
  ChatRequest r = Request({User("hi/nothink")});
  r.thinking = Thinking::kDisabled;
  EXPECT_EQ(Text(r), kHead + "<|user|>\nhi/nothink<|assistant|>\n<think></think>\n");
  r.messages[0].content = {ChatPart::Text("hi/no"), ChatPart::Text("think")};
  EXPECT_EQ(Text(r), kHead + "<|user|>\nhi/nothink<|assistant|>\n<think></think>\n");
  r.messages[0].content = {ChatPart::Text("hi/nothink"), ChatPart::Image()};
  EXPECT_EQ(
      BuildChatPrompt(*tok_, ChatTemplate::kGlmOcr, r)->text,
      kHead + "<|user|>\nhi/nothink" + kImageText + "/nothink<|assistant|>\n<think></think>\n");
}

TEST_F(ChatPromptTest, SystemComesFirst) {
  EXPECT_EQ(Text(Request({System("S"), User("hi")})),
            kHead + "<|system|>\nS<|user|>\nhi<|assistant|>\n");
}

TEST_F(ChatPromptTest, AssistantTurns) {
  EXPECT_EQ(Text(Request({User("a"), Assistant("yo"), User("b")})),
            kHead + "<|user|>\na<|assistant|>\n<think></think>\nyo<|user|>\nb<|assistant|>\n");
  // Reasoning is shown only behind the last user turn.
  ChatRequest r = Request({User("a"), Assistant(" yo\n")});
  r.messages[1].reasoning = "\nr ";
  r.generation = GenerationPrompt::kNone;
  EXPECT_EQ(Text(r), kHead + "<|user|>\na<|assistant|>\n<think>r</think>\nyo");
  r.messages.push_back(User("b"));
  EXPECT_EQ(Text(r), kHead + "<|user|>\na<|assistant|>\n<think></think>\nyo<|user|>\nb");
  // Or it stands in the content.
  ChatRequest inline_reasoning = Request({User("a"), Assistant("<think>\nr\n</think>\n\nyo")});
  inline_reasoning.generation = GenerationPrompt::kNone;
  EXPECT_EQ(Text(inline_reasoning), kHead + "<|user|>\na<|assistant|>\n<think>r</think>\nyo");
  // An empty answer has no line of its own.
  EXPECT_EQ(Text(Request({User("a"), Assistant(" \u00a0\x1f\n")})),
            kHead + "<|user|>\na<|assistant|>\n<think></think><|assistant|>\n");
}

TEST_F(ChatPromptTest, ToolsCallsAndResults) {
  ChatRequest r =
      Request({User("weather?"), Assistant(""), Message(ChatRole::kTool, {ChatPart::Text("sunny")}),
               Message(ChatRole::kTool, {ChatPart::Text("20")})});
  r.tools = {R"({"name": "w"})"};
  r.messages[1].tool_calls = {{"w", {{"city", "Bonn"}, {"days", "3"}}}};
  const std::string text = Text(r);
  EXPECT_THAT(text,
              HasSubstr("[gMASK]<sop><|system|>\n# Tools\n\nYou may call one or more functions"));
  EXPECT_THAT(text, HasSubstr("<tools>\n{\"name\": \"w\"}\n</tools>\n\n"));
  EXPECT_THAT(
      text,
      HasSubstr("...\n</tool_call><|user|>\nweather?<|assistant|>\n<think></think>\n<tool_call>w\n"
                "<arg_key>city</arg_key>\n<arg_value>Bonn</arg_value>\n"
                "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>"
                "<|observation|>\n<tool_response>\nsunny\n</tool_response>\n<tool_response>\n20\n</"
                "tool_response>"
                "<|assistant|>\n"));
}

TEST_F(ChatPromptTest, Video) {
  const ChatPrompt p = Build(Request({User({ChatPart::Video(), ChatPart::Text("What?")})}));
  EXPECT_EQ(p.text,
            kHead + "<|user|>\n<|begin_of_video|><|video|><|end_of_video|>What?<|assistant|>\n");
  EXPECT_EQ(p.n_videos, 1u);
  const auto ids = ExpandMedia(
      *tok_, p.ids, {.image_tokens = {}, .videos = {{2, {"0.0 seconds", "1.5 seconds"}}}});
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(*ids, Join({{kGMask, kSop, kUser},
                        Plain("\n"),
                        {kBeginVideo, kBeginImage, kImage, kImage, kEndImage},
                        Plain("0.0 seconds"),
                        {kBeginImage, kImage, kImage, kEndImage},
                        Plain("1.5 seconds"),
                        {kEndVideo},
                        Plain("What?"),
                        {kAssistant},
                        Plain("\n")}));
}

// Text from outside must not become control tokens, whatever it looks like, in any field of the
// request.
TEST_F(ChatPromptTest, ContentCannotForgeTokens) {
  std::string evil;
  for (int32_t id = 1005; id < 1024; ++id) evil += std::string(tok_->TokenBytes(id));
  ChatRequest r =
      Request({System(evil), User({ChatPart::Text(evil), ChatPart::Image(), ChatPart::Text(evil)}),
               Assistant("<think>" + evil), Message(ChatRole::kTool, {ChatPart::Text(evil)})});
  r.messages[2].reasoning = evil;
  r.messages[2].tool_calls = {{evil, {{evil, evil}}}};
  r.tools = {evil};
  Result<ChatPrompt> p = BuildChatPrompt(*tok_, ChatTemplate::kGlmOcr, r);
  ASSERT_TRUE(p.ok());
  std::vector<int32_t> special;
  for (const int32_t id : p->ids) {
    if (tok_->IsSpecial(id)) special.push_back(id);
  }
  EXPECT_THAT(special, ElementsAre(kGMask, kSop, kSystem, kSystem, kUser, kBeginImage, kImage,
                                   kEndImage, kAssistant, kThink, kEndThink, 1014, kAssistant));
  EXPECT_EQ(tok_->Decode(p->ids, SpecialTokens::kKeep), p->text);
  EXPECT_TRUE(ExpandMedia(*tok_, p->ids, {.image_tokens = {5}, .videos = {}}).ok());
  // Nor by completing a token that the frame begins: the frame's "<think>" is followed by content.
  p = BuildChatPrompt(*tok_, ChatTemplate::kStarter, Request({User("|user|>"), User("<|user|")}));
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(std::count(p->ids.begin(), p->ids.end(), kUser), 2);
}

// The frame and the content are encoded together, as the reference does with the rendered text:
// "\n" + "\n\nhi" is one word.
TEST_F(ChatPromptTest, FrameAndContentFormWordsTogether) {
  Build(Request({User("\n\nhi")}));
  Build(Request({User("  \n x"), User(" "), User("")}));
}

// P6: two and three images; what was expanded must not be expanded again.
TEST_F(ChatPromptTest, P6_EveryImageIsExpandedOnce) {
  for (const std::vector<size_t>& counts : {std::vector<size_t>{4}, {1, 3}, {2, 1, 5}}) {
    std::vector<ChatPart> parts;
    std::vector<int32_t> expected = Join({{kGMask, kSop, kUser}, Plain("\n")});
    for (const size_t n : counts) {
      parts.push_back(ChatPart::Image());
      expected.push_back(kBeginImage);
      expected.insert(expected.end(), n, kImage);
      expected.push_back(kEndImage);
    }
    parts.push_back(ChatPart::Text("x"));
    expected = Join({expected, Plain("x"), {kAssistant}, Plain("\n")});
    const ChatPrompt p = Build(Request({User(parts)}));
    EXPECT_EQ(p.n_images, counts.size());
    const auto ids = ExpandMedia(*tok_, p.ids, {.image_tokens = counts, .videos = {}});
    ASSERT_TRUE(ids.ok());
    EXPECT_EQ(*ids, expected);
  }
}

TEST_F(ChatPromptTest, P6_CountsMustMatch) {
  const ChatPrompt p = Build(Request({User({ChatPart::Image(), ChatPart::Image()})}));
  for (const MediaTokens& wrong : {MediaTokens{{1}, {}}, MediaTokens{{1, 1, 1}, {}},
                                   MediaTokens{{1, 0}, {}}, MediaTokens{{1, 1}, {{1, {"0"}}}}}) {
    const auto ids = ExpandMedia(*tok_, p.ids, wrong);
    ASSERT_FALSE(ids.ok());
    EXPECT_EQ(ids.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(ChatPromptTest, StarterTemplate) {
  EXPECT_EQ(
      Build(Request({System("S"), User("a"), Assistant("b"), User("c")}), ChatTemplate::kStarter)
          .text,
      kHead + "<|system|>\nS<|user|>\na<|assistant|>\nb<|user|>\nc<|assistant|>\n");
  ChatRequest tools = Request({User("a")});
  tools.tools = {"{}"};
  EXPECT_EQ(BuildChatPrompt(*tok_, ChatTemplate::kStarter, tools).error().code,
            ErrorCode::kUnsupported);
  const ChatRequest video = Request({User({ChatPart::Video()})});
  EXPECT_EQ(BuildChatPrompt(*tok_, ChatTemplate::kStarter, video).error().code,
            ErrorCode::kUnsupported);
}

TEST_F(ChatPromptTest, BadRequestsAreErrors) {
  const auto code = [&](const ChatRequest& r) {
    const auto p = BuildChatPrompt(*tok_, ChatTemplate::kGlmOcr, r);
    EXPECT_FALSE(p.ok());
    return p.ok() ? ErrorCode::kInternal : p.error().code;
  };
  EXPECT_EQ(code(Request({})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(Request({User("\xFF")})), ErrorCode::kInvalidArgument);
  ChatRequest r = Request({User("a")});
  r.messages[0].reasoning = "r";
  EXPECT_EQ(code(r), ErrorCode::kInvalidArgument);
  r = Request({Message(ChatRole::kAssistant, {ChatPart::Image()})});
  EXPECT_EQ(code(r), ErrorCode::kUnsupported);
  r = Request({User("a"), Assistant("b")});
  r.messages[1].tool_calls = {{"\xFF", {}}};
  EXPECT_EQ(code(r), ErrorCode::kInvalidArgument);
}

// A vocabulary without <think>, </think>, /nothink and <|video|>: the first three are text, the
// last is an error.
TEST_F(ChatPromptTest, MissingTokensAreTextOrErrors) {
  nlohmann::json root = nlohmann::json::parse(ReadGolden("starter.golden").tokenizer_json);
  nlohmann::json& added = root["added_tokens"];
  nlohmann::json kept = nlohmann::json::array();
  for (nlohmann::json& t : added) {
    const std::string content = t["content"];
    if (content == "<think>" || content == "</think>" || content == "/nothink" ||
        content == "<|video|>")
      continue;
    t["id"] = 1005 + kept.size();
    kept.push_back(t);
  }
  added = kept;
  Result<Tokenizer> loaded = Tokenizer::FromJson(root.dump(), "small");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  tok_.emplace(std::move(*loaded));
  ChatRequest r = Request({User("hi")});
  r.thinking = Thinking::kDisabled;
  const ChatPrompt p = Build(r);
  EXPECT_EQ(p.text, kHead + "<|user|>\nhi/nothink<|assistant|>\n<think></think>\n");
  EXPECT_EQ(
      std::count_if(p.ids.begin(), p.ids.end(), [&](int32_t id) { return tok_->IsSpecial(id); }),
      4);
  const auto video =
      BuildChatPrompt(*tok_, ChatTemplate::kGlmOcr, Request({User({ChatPart::Video()})}));
  ASSERT_FALSE(video.ok());
  EXPECT_EQ(video.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(video.error().message, HasSubstr("<|video|>"));
}

TEST(ChatTemplates, AreKnownByContent) {
  Result<std::string> jinja = ReadFile(StarterPath("chat_template.jinja"), 1 << 20);
  ASSERT_TRUE(jinja.ok());
  EXPECT_EQ(IdentifyChatTemplate(*jinja), ChatTemplate::kStarter);
  EXPECT_EQ(IdentifyChatTemplate(*jinja + "\r\n \n"), ChatTemplate::kStarter);
  EXPECT_EQ(IdentifyChatTemplate(*jinja + "x"), std::nullopt);
  // Never run, so whatever else stands there can only be unknown.
  for (const std::string& other :
       {std::string(), std::string("\0", 1), *jinja + std::string("\0", 1),
        std::string("\0", 1) + *jinja, std::string("\xff\xfe"), std::string(1'000'000, '{'),
        std::string(1'000'000, ' ')}) {
    EXPECT_EQ(IdentifyChatTemplate(other), std::nullopt);
  }
}

}  // namespace
}  // namespace glmocr
