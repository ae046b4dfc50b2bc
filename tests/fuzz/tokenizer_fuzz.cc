// Fuzz target of src/tokenizer (libFuzzer). The first byte chooses what the rest is: a
// tokenizer.json, text to encode, text for a chat prompt, or ids to decode. Besides crashes it
// looks for broken promises: encoding and decoding must give the text back, plain text must hold no
// special token, and a stream must equal the whole.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "tokenizer/chat_prompt.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

// A small tokenizer.json: the byte alphabet, some merges, some added tokens with all flags, and a
// chosen split pattern.
std::string SmallTokenizerJson(std::string_view pattern_json) {
  std::string vocab, merges;
  int id = 0;
  const auto add = [&](const std::string& spelling) {
    vocab += (id == 0 ? "\"" : ",\"") + spelling + "\":" + std::to_string(id);
    ++id;
  };
  char32_t next = 0x100;
  for (int b = 0; b < 256; ++b) {
    const bool itself = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    const char32_t c = itself ? static_cast<char32_t>(b) : next++;
    std::string spelling;
    if (c == '"' || c == '\\') spelling = "\\";
    if (c < 0x80) {
      spelling += static_cast<char>(c);
    } else {
      spelling += static_cast<char>(0xC0 | c >> 6);
      spelling += static_cast<char>(0x80 | (c & 0x3F));
    }
    add(spelling);
  }
  for (const char* pair :
       {"a a", "aa a", "aa aa", "a b", "\u0120 a", "b a", "ab ab", "1 2", "\u010a \u010a"}) {
    const std::string_view both = pair;
    const size_t space = both.find(' ');
    merges += (merges.empty() ? "\"" : ",\"") + std::string(both) + "\"";
    add(std::string(both.substr(0, space)) + std::string(both.substr(space + 1)));
  }
  std::string added;
  for (const char* token :
       {"<|user|>", "[gMASK]", "<sop>", "<|system|>", "<|assistant|>", "<|image|>",
        "<|begin_of_image|>", "<|end_of_image|>", "<think>", "/nothink", "<l", "<l>"}) {
    const std::string_view content = token;
    added += std::string(added.empty() ? "" : ",") + "{\"id\":" + std::to_string(id++) +
             ",\"content\":\"" + token +
             "\",\"single_word\":false,\"lstrip\":" + (content == "<l" ? "true" : "false") +
             ",\"rstrip\":" + (content == "<l>" ? "true" : "false") +
             ",\"normalized\":false,\"special\":true}";
  }
  return "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[" + added +
         "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{"
         "\"type\":\"Split\",\"pattern\":{\"Regex\":" +
         std::string(pattern_json) +
         "},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_"
         "space\":false,\"trim_offsets\":true,"
         "\"use_regex\":false}]},\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},"
         "\"model\":{\"type\":\"BPE\",\"vocab\":{" +
         vocab + "},\"merges\":[" + merges + "]}}";
}

constexpr std::string_view kGlm4PatternJson =
    R"re("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")re";

Tokenizer LoadOrDie(std::string_view pattern_json) {
  Result<Tokenizer> tokenizer = Tokenizer::FromJson(SmallTokenizerJson(pattern_json), "fuzz");
  GLM_CHECK(tokenizer.ok());
  return std::move(*tokenizer);
}

void ParseJson(std::string_view json) {
  const Result<Tokenizer> tokenizer = Tokenizer::FromJson(json, "fuzz");
  if (!tokenizer.ok()) return;
  const auto ids = tokenizer->Encode("The 123 a'S\n\n  \u4e2d<|user|>", EncodeMode::kParseSpecial);
  if (ids.ok()) static_cast<void>(tokenizer->Decode(*ids, SpecialTokens::kSkip));
}

void EncodeText(const Tokenizer& hand, const Tokenizer& regex, std::string_view text) {
  const auto ids = hand.Encode(text, EncodeMode::kPlainText);
  GLM_CHECK(ids.ok() == !FindInvalidUtf8(text).has_value());
  if (!ids.ok()) return;
  GLM_CHECK(hand.Decode(*ids, SpecialTokens::kSkip) == text);
  for (const int32_t id : *ids) GLM_CHECK(!hand.IsSpecial(id));
  GLM_CHECK(hand.Encode(text, EncodeMode::kParseSpecial).ok());
  // The regex engine's tables are older: compare where every character is plain ASCII.
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return;
  }
  const auto other = regex.Encode(text, EncodeMode::kPlainText);
  GLM_CHECK(other.ok() && *other == *ids);
}

void BuildPrompt(const Tokenizer& tokenizer, std::string_view text) {
  const size_t cut = text.find('\0');
  ChatRequest request;
  request.thinking = text.size() % 2 == 0 ? Thinking::kDefault : Thinking::kDisabled;
  for (const ChatRole role :
       {ChatRole::kSystem, ChatRole::kUser, ChatRole::kAssistant, ChatRole::kTool}) {
    ChatMessage message;
    message.role = role;
    message.content = {ChatPart::Text(std::string(text.substr(0, cut)))};
    if (role == ChatRole::kUser) {
      message.content.push_back(ChatPart::Image());
      if (cut != std::string_view::npos)
        message.content.push_back(ChatPart::Text(std::string(text.substr(cut + 1))));
    }
    request.messages.push_back(message);
  }
  const Result<ChatPrompt> prompt = BuildChatPrompt(tokenizer, ChatTemplate::kGlmOcr, request);
  if (!prompt.ok()) return;
  GLM_CHECK(ExpandMedia(tokenizer, prompt->ids, {.image_tokens = {3}, .videos = {}}).ok());
}

void DecodeIds(const Tokenizer& tokenizer, std::string_view bytes) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    ids.push_back(static_cast<int16_t>(static_cast<unsigned char>(bytes[i]) |
                                       static_cast<unsigned char>(bytes[i + 1]) << 8));
  }
  for (const SpecialTokens special : {SpecialTokens::kSkip, SpecialTokens::kKeep}) {
    StreamDecoder decoder(&tokenizer, special);
    std::string joined;
    for (const int32_t id : ids) {
      const std::string part = decoder.Push(id);
      GLM_CHECK(!FindInvalidUtf8(part).has_value());
      joined += part;
    }
    joined += decoder.Flush();
    GLM_CHECK(joined == tokenizer.Decode(ids, special));
  }
}

}  // namespace
}  // namespace glmocr

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmocr;
  static const Tokenizer hand = LoadOrDie(kGlm4PatternJson);
  static const Tokenizer regex = LoadOrDie(
      "\"(?:" + std::string(kGlm4PatternJson.substr(1, kGlm4PatternJson.size() - 2)) + ")\"");
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      ParseJson(rest);
      break;
    case 1:
      EncodeText(hand, regex, rest);
      break;
    case 2:
      BuildPrompt(hand, rest);
      break;
    case 3:
      DecodeIds(hand, rest);
      break;
  }
  return 0;
}
