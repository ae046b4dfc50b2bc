#include "tokenizer/chat_prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

constexpr std::string_view kImageToken = "<|image|>";
constexpr std::string_view kVideoToken = "<|video|>";
constexpr std::string_view kNoThink = "/nothink";

// White space of Python's str.strip, which the templates use: \s plus the four ASCII separators.
bool IsStripped(std::string_view text, size_t at) {
  const char c = text[at];
  return (c >= 0x1C && c <= 0x1F) || IsSpace(ClassifyUtf8(text.data() + at).char_class);
}

std::string_view StripLeft(std::string_view text) {
  while (!text.empty() && IsStripped(text, 0))
    text.remove_prefix(ClassifyUtf8(text.data()).size_bytes);
  return text;
}

std::string_view StripRight(std::string_view text) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!IsStripped(text, start)) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string_view Strip(std::string_view text) { return StripLeft(StripRight(text)); }

std::string_view StripNewlinesLeft(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
}
std::string_view StripNewlinesRight(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

// The rendered text, with its trusted parts marked.
class Prompt {
 public:
  // Text of the template: tokens in it count.
  void Frame(std::string_view text) {
    if (text.empty()) return;
    if (!trusted_.empty() && trusted_.back().end == text_.size()) {
      trusted_.back().end += text.size();
    } else {
      trusted_.push_back({text_.size(), text_.size() + text.size()});
    }
    text_ += text;
  }
  // Text of the request: never a token.
  void Content(std::string_view text) { text_ += text; }

  const std::string& text() const { return text_; }
  std::span<const TextRange> trusted() const { return trusted_; }

 private:
  std::string text_;
  std::vector<TextRange> trusted_;
};

// A message's content as the template sees it: text of the request and media markers of the frame.
struct Piece {
  bool is_frame;
  std::string text;
};

std::vector<Piece> VisibleContent(const ChatMessage& message) {
  std::vector<Piece> pieces;
  for (const ChatPart& part : message.content) {
    switch (part.kind) {
      case ChatPart::Kind::kText:
        if (pieces.empty() || pieces.back().is_frame) pieces.push_back({false, {}});
        pieces.back().text += part.text;
        break;
      case ChatPart::Kind::kImage:
        pieces.push_back({true, "<|begin_of_image|><|image|><|end_of_image|>"});
        break;
      case ChatPart::Kind::kVideo:
        pieces.push_back({true, "<|begin_of_video|><|video|><|end_of_video|>"});
        break;
    }
  }
  return pieces;
}

void Write(const std::vector<Piece>& pieces, Prompt* prompt) {
  for (const Piece& piece : pieces)
    piece.is_frame ? prompt->Frame(piece.text) : prompt->Content(piece.text);
}

std::string JoinText(const ChatMessage& message) {
  std::string text;
  for (const ChatPart& part : message.content) text += part.text;
  return text;
}

std::string_view RoleName(ChatRole role) {
  switch (role) {
    case ChatRole::kSystem:
      return "system";
    case ChatRole::kUser:
      return "user";
    case ChatRole::kAssistant:
      return "assistant";
    case ChatRole::kTool:
      return "tool";
  }
  return "unknown";
}

void WriteTools(const std::vector<std::string>& tools, Prompt* prompt) {
  prompt->Frame(
      "<|system|>\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n");
  for (const std::string& tool : tools) {
    prompt->Content(tool);
    prompt->Frame("\n");
  }
  prompt->Frame(
      "</tools>\n\nFor each function call, output the function name and arguments within the "
      "following XML format:\n"
      "<tool_call>{function-name}\n<arg_key>{arg-key-1}</arg_key>\n<arg_value>{arg-value-1}</"
      "arg_value>\n"
      "<arg_key>{arg-key-2}</arg_key>\n<arg_value>{arg-value-2}</arg_value>\n...\n</tool_call>");
}

void WriteUser(const ChatMessage& message, Thinking thinking, Prompt* prompt) {
  prompt->Frame("<|user|>\n");
  std::vector<Piece> pieces = VisibleContent(message);
  if (thinking == Thinking::kDisabled) {
    // The marker appears once, and as the control token that the caller asked for, even where the
    // text brought its own.
    if (!pieces.empty() && !pieces.back().is_frame && pieces.back().text.ends_with(kNoThink)) {
      pieces.back().text.resize(pieces.back().text.size() - kNoThink.size());
    }
    pieces.push_back({true, std::string(kNoThink)});
  }
  Write(pieces, prompt);
}

// The reasoning and the answer of an assistant turn, from the content where the reasoning is not
// given apart.
std::pair<std::string, std::string> SplitReasoning(const ChatMessage& message) {
  const std::string content = JoinText(message);
  if (message.reasoning.has_value()) return {*message.reasoning, content};
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  const std::string_view all = content;
  const size_t first_close = all.find(kClose);
  if (first_close == std::string_view::npos) return {"", content};
  std::string_view reasoning = StripNewlinesRight(all.substr(0, first_close));
  if (const size_t open = reasoning.rfind(kOpen); open != std::string_view::npos)
    reasoning.remove_prefix(open + kOpen.size());
  const std::string_view answer = all.substr(all.rfind(kClose) + kClose.size());
  return {std::string(StripNewlinesLeft(reasoning)), std::string(StripNewlinesLeft(answer))};
}

enum class ReasoningOfTurn { kShow, kHide };

void WriteAssistant(const ChatMessage& message, ReasoningOfTurn show, Prompt* prompt) {
  const auto [reasoning, answer] = SplitReasoning(message);
  prompt->Frame("<|assistant|>\n<think>");
  if (show == ReasoningOfTurn::kShow) prompt->Content(Strip(reasoning));
  prompt->Frame("</think>");
  if (const std::string_view text = Strip(answer); !text.empty()) {
    prompt->Frame("\n");
    prompt->Content(text);
  }
  for (const ToolCall& call : message.tool_calls) {
    prompt->Frame("\n<tool_call>");
    prompt->Content(call.name);
    prompt->Frame("\n");
    for (const ToolArgument& argument : call.arguments) {
      prompt->Frame("<arg_key>");
      prompt->Content(argument.name);
      prompt->Frame("</arg_key>\n<arg_value>");
      prompt->Content(argument.value);
      prompt->Frame("</arg_value>\n");
    }
    prompt->Frame("</tool_call>");
  }
}

void RenderGlmOcr(const ChatRequest& request, Prompt* prompt) {
  const std::vector<ChatMessage>& messages = request.messages;
  prompt->Frame("[gMASK]<sop>");
  if (!request.tools.empty()) WriteTools(request.tools, prompt);
  size_t last_user_end = 0;  // reasoning is shown only behind the last user turn
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == ChatRole::kUser) last_user_end = i + 1;
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    switch (message.role) {
      case ChatRole::kSystem:
        prompt->Frame("<|system|>\n");
        Write(VisibleContent(message), prompt);
        break;
      case ChatRole::kUser:
        WriteUser(message, request.thinking, prompt);
        break;
      case ChatRole::kAssistant:
        WriteAssistant(
            message, i >= last_user_end ? ReasoningOfTurn::kShow : ReasoningOfTurn::kHide, prompt);
        break;
      case ChatRole::kTool:
        if (i == 0 || messages[i - 1].role != ChatRole::kTool) prompt->Frame("<|observation|>");
        prompt->Frame("\n<tool_response>\n");
        Write(VisibleContent(message), prompt);
        prompt->Frame("\n</tool_response>");
        break;
    }
  }
  if (request.generation == GenerationPrompt::kAdd) {
    prompt->Frame("<|assistant|>\n");
    if (request.thinking == Thinking::kDisabled) prompt->Frame("<think></think>\n");
  }
}

void RenderStarter(const ChatRequest& request, Prompt* prompt) {
  prompt->Frame("[gMASK]<sop>");
  for (const ChatMessage& message : request.messages) {
    prompt->Frame(fmt::format("<|{}|>\n", RoleName(message.role)));
    Write(VisibleContent(message), prompt);
  }
  if (request.generation == GenerationPrompt::kAdd) prompt->Frame("<|assistant|>\n");
}

// What the template could only drop in silence.
Status CheckRequest(ChatTemplate chat_template, const ChatRequest& request) {
  if (request.messages.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the chat request has no message; give at least one user message"};
  }
  if (chat_template == ChatTemplate::kStarter && !request.tools.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "this model's chat template has no tools; leave 'tools' out"};
  }
  for (size_t i = 0; i < request.messages.size(); ++i) {
    const ChatMessage& message = request.messages[i];
    const std::string where = fmt::format("messages[{}] ({})", i, RoleName(message.role));
    for (const ChatPart& part : message.content) {
      if (const auto offset = FindInvalidUtf8(part.text)) {
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("{}: the text is not UTF-8 at byte {}", where, *offset)};
      }
      if (message.role == ChatRole::kAssistant && part.kind != ChatPart::Kind::kText) {
        return Error{ErrorCode::kUnsupported, where + ": an assistant message can hold text only"};
      }
      if (chat_template == ChatTemplate::kStarter && part.kind == ChatPart::Kind::kVideo) {
        return Error{ErrorCode::kUnsupported, where + ": this model's chat template has no videos"};
      }
    }
    if (message.role != ChatRole::kAssistant &&
        (message.reasoning.has_value() || !message.tool_calls.empty())) {
      return Error{ErrorCode::kInvalidArgument,
                   where + ": reasoning and tool calls belong to assistant messages"};
    }
    if (message.reasoning.has_value() && FindInvalidUtf8(*message.reasoning)) {
      return Error{ErrorCode::kInvalidArgument, where + ": the reasoning is not UTF-8"};
    }
    const bool starter = chat_template == ChatTemplate::kStarter;
    if (starter && (message.role == ChatRole::kTool || !message.tool_calls.empty())) {
      return Error{ErrorCode::kUnsupported, where + ": this model's chat template has no tools"};
    }
    if (starter && message.reasoning.has_value()) {
      return Error{ErrorCode::kUnsupported,
                   where + ": this model's chat template has no reasoning"};
    }
  }
  return OkStatus();
}

size_t CountParts(const ChatRequest& request, ChatPart::Kind kind) {
  size_t n = 0;
  for (const ChatMessage& message : request.messages) {
    n += static_cast<size_t>(
        std::count_if(message.content.begin(), message.content.end(),
                      [kind](const ChatPart& part) { return part.kind == kind; }));
  }
  return n;
}

Status RequireTokens(const Tokenizer& tokenizer, std::initializer_list<std::string_view> tokens) {
  for (const std::string_view token : tokens) {
    if (tokenizer.AddedTokenId(token)) continue;
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("the model's vocabulary has no token {}, which this request needs", token)};
  }
  return OkStatus();
}

// Content hashes (Hash128::Hex of the text without CR and trailing white space) of templates whose
// rendering is known here.
struct KnownTemplate {
  std::string_view hash;
  ChatTemplate chat_template;
};
constexpr KnownTemplate kKnownTemplates[] = {
    {"b9f1637e2acc58f108b9f9aeb461d8c3", ChatTemplate::kStarter},
};

}  // namespace

std::optional<ChatTemplate> IdentifyChatTemplate(std::string_view jinja) {
  std::string text(jinja);
  std::erase(text, '\r');
  text.resize(text.find_last_not_of(" \t\n") + 1);
  const std::string hash = HashBytes(text.data(), text.size()).Hex();
  for (const KnownTemplate& known : kKnownTemplates) {
    if (known.hash == hash) return known.chat_template;
  }
  return std::nullopt;
}

Result<ChatPrompt> BuildChatPrompt(const Tokenizer& tokenizer, ChatTemplate chat_template,
                                   const ChatRequest& request) {
  GLM_RETURN_IF_ERROR(CheckRequest(chat_template, request));
  GLM_RETURN_IF_ERROR(
      RequireTokens(tokenizer, {"[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|system|>"}));
  ChatPrompt out;
  out.n_images = CountParts(request, ChatPart::Kind::kImage);
  out.n_videos = CountParts(request, ChatPart::Kind::kVideo);
  if (out.n_images > 0) {
    GLM_RETURN_IF_ERROR(
        RequireTokens(tokenizer, {"<|begin_of_image|>", kImageToken, "<|end_of_image|>"}));
  }
  if (out.n_videos > 0) {
    GLM_RETURN_IF_ERROR(
        RequireTokens(tokenizer, {"<|begin_of_video|>", kVideoToken, "<|end_of_video|>"}));
  }
  Prompt prompt;
  switch (chat_template) {
    case ChatTemplate::kGlmOcr:
      RenderGlmOcr(request, &prompt);
      break;
    case ChatTemplate::kStarter:
      RenderStarter(request, &prompt);
      break;
  }
  GLM_ASSIGN(out.ids, tokenizer.Encode(prompt.text(), prompt.trusted()));
  out.text = prompt.text();
  return out;
}

Result<std::vector<int32_t>> ExpandMedia(const Tokenizer& tokenizer, std::span<const int32_t> ids,
                                         const MediaTokens& media) {
  // -1 is no id, so a vocabulary without the token has no placeholder either.
  const int32_t image = tokenizer.AddedTokenId(kImageToken).value_or(-1);
  const int32_t video = tokenizer.AddedTokenId(kVideoToken).value_or(-1);
  const auto n_images = static_cast<size_t>(std::count(ids.begin(), ids.end(), image));
  const auto n_videos = static_cast<size_t>(std::count(ids.begin(), ids.end(), video));
  if (n_images != media.image_tokens.size() || n_videos != media.videos.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the prompt has {} image and {} video placeholders, but {} images and "
                             "{} videos were given",
                             n_images, n_videos, media.image_tokens.size(), media.videos.size())};
  }
  if (n_videos > 0) {
    GLM_RETURN_IF_ERROR(
        RequireTokens(tokenizer, {"<|begin_of_image|>", kImageToken, "<|end_of_image|>"}));
  }
  const auto is_empty_video = [](const VideoTokens& v) {
    return v.tokens_per_frame == 0 || v.timestamps.empty();
  };
  if (std::count(media.image_tokens.begin(), media.image_tokens.end(), 0u) > 0 ||
      std::any_of(media.videos.begin(), media.videos.end(), is_empty_video)) {
    return Error{ErrorCode::kInvalidArgument,
                 "an image or a video without any token cannot be in a prompt"};
  }
  std::vector<int32_t> out;
  size_t next_image = 0, next_video = 0;
  for (const int32_t id : ids) {
    if (id == image) {
      out.insert(out.end(), media.image_tokens[next_image++], image);
    } else if (id == video) {
      const VideoTokens& frames = media.videos[next_video++];
      for (const std::string& timestamp : frames.timestamps) {
        out.push_back(*tokenizer.AddedTokenId("<|begin_of_image|>"));
        out.insert(out.end(), frames.tokens_per_frame, image);
        out.push_back(*tokenizer.AddedTokenId("<|end_of_image|>"));
        GLM_ASSIGN(const std::vector<int32_t> time,
                   tokenizer.Encode(timestamp, EncodeMode::kPlainText));
        out.insert(out.end(), time.begin(), time.end());
      }
    } else {
      out.push_back(id);
    }
  }
  return out;
}

}  // namespace glmocr
