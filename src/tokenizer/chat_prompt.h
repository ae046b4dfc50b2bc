// Chat prompts of GLM-OCR and its kin: messages to token ids, without running the model's Jinja
// template.
//
// Why native: a template is a program from a downloaded file, and rendering user text into a string
// that is then parsed for special tokens would let a document write control tokens. Here the frame
// (<|user|>, <|image|>, ...) becomes tokens and everything the messages hold is encoded as plain
// text, whatever it looks like. How:
//   ChatRequest request{.messages = {{.role = ChatRole::kUser,
//                                     .content = {ChatPart::Image(), ChatPart::Text("Text
//                                     Recognition:")}}}};
//   GLM_ASSIGN(ChatPrompt prompt, BuildChatPrompt(tokenizer, ChatTemplate::kGlmOcr, request));
//   GLM_ASSIGN(auto ids, ExpandMedia(tokenizer, prompt.ids, {.image_tokens = {144}}));
// Ref: the renderings of GLM-OCR's chat_template.jinja (trim_blocks, lstrip_blocks), each of them a
// case of chat_prompt_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/tokenizer.h"

namespace glmocr {

enum class ChatRole { kSystem, kUser, kAssistant, kTool };

struct ChatPart {
  enum class Kind { kText, kImage, kVideo };
  Kind kind = Kind::kText;
  std::string text;  // of kText, UTF-8

  static ChatPart Text(std::string text) { return {Kind::kText, std::move(text)}; }
  static ChatPart Image() { return {Kind::kImage, {}}; }
  static ChatPart Video() { return {Kind::kVideo, {}}; }
};

struct ToolArgument {
  std::string name;
  std::string value;  // a string as it is, anything else as JSON
};
struct ToolCall {
  std::string name;
  std::vector<ToolArgument> arguments;
};

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::vector<ChatPart> content;
  // Of an assistant turn; unset: taken from <think>...</think> in the content, if there.
  std::optional<std::string> reasoning;
  std::vector<ToolCall> tool_calls;  // of an assistant turn
};

enum class Thinking { kDefault, kEnabled, kDisabled };  // enable_thinking: undefined, true, false
enum class GenerationPrompt { kAdd, kNone };            // end with <|assistant|> or not

struct ChatRequest {
  std::vector<ChatMessage> messages;
  std::vector<std::string> tools;  // one JSON object each, as it shall stand in the prompt
  Thinking thinking = Thinking::kDefault;
  GenerationPrompt generation = GenerationPrompt::kAdd;
};

// The known templates.
enum class ChatTemplate {
  kGlmOcr,   // GLM-OCR, GLM-4.5V, GLM-4.6V: thinking, tools, videos
  kStarter,  // models/starter: text and images only; thinking is ignored
};

// Which known template a model's chat_template.jinja is, by content; nullopt when it is none (it is
// never run: the caller reports that and falls back on kGlmOcr). Line ends and trailing white space
// do not matter.
std::optional<ChatTemplate> IdentifyChatTemplate(std::string_view jinja);

struct ChatPrompt {
  std::string text;          // as the template renders it; for logs and tests
  std::vector<int32_t> ids;  // with one placeholder id for every image and video
  size_t n_images = 0, n_videos = 0;
};

// kUnsupported: the template or the vocabulary lacks something the request uses (images, videos,
// tools). kInvalidArgument: a text is not UTF-8; there is no message. Frame tokens that are not in
// the vocabulary (<think>, /nothink, <tool_call>, ...) are ordinary text, as in the reference.
Result<ChatPrompt> BuildChatPrompt(const Tokenizer& tokenizer, ChatTemplate chat_template,
                                   const ChatRequest& request);

// The size of one video in the prompt: every temporal patch becomes <|begin_of_image|>,
// `tokens_per_frame` image tokens,
// <|end_of_image|> and its timestamp's text, e.g. "3.2 seconds" (GLM-4.6V, GLM-OCR) or "3"
// (GLM-4.1V, GLM-4.5V).
struct VideoTokens {
  size_t tokens_per_frame = 0;
  std::vector<std::string> timestamps;  // one per temporal patch
};
struct MediaTokens {
  std::vector<size_t> image_tokens;  // image tokens of the i-th image, at least 1
  std::vector<VideoTokens> videos;
};

// `ids` with the i-th <|image|> replaced by image_tokens[i] copies of it and the i-th <|video|> by
// its frames, in one pass over the input: what is written is never read again. kInvalidArgument
// when the counts and the placeholders differ in number.
Result<std::vector<int32_t>> ExpandMedia(const Tokenizer& tokenizer, std::span<const int32_t> ids,
                                         const MediaTokens& media);

}  // namespace glmocr
