// Tokenizer: text to token ids and back, exactly as the model's own tokenizer.json prescribes.
//
// Why: a model sees ids, and one id more or less changes its answer; so the ids must be those of
// Hugging Face `tokenizers` (encode with add_special_tokens=False, as chat templates do). What:
// byte-level BPE with GLM's splitting rule. How:
//   GLM_ASSIGN(Tokenizer tok, Tokenizer::FromFile("model/tokenizer.json"));
//   GLM_ASSIGN(std::vector<int32_t> ids, tok.Encode(user_text, EncodeMode::kPlainText));
//   std::string text = tok.Decode(ids, SpecialTokens::kSkip);
// Text that comes from outside must be encoded as kPlainText: then "<|user|>" in it is eight
// harmless characters and never the control token. Prompts are put together by
// tokenizer/chat_prompt.h; streams are decoded by tokenizer/stream_decoder.h. Immutable after
// loading; every const member may be called from many threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/added_tokens.h"

namespace glmocr {

enum class EncodeMode {
  kPlainText,     // nothing in the text is a special token
  kParseSpecial,  // added tokens are recognised, as the reference does; for text that this program
                  // wrote
};
enum class SpecialTokens { kSkip, kKeep };

class Tokenizer {
 public:
  // kNotFound, kIo, kResourceExhausted (above 256 MiB), and what FromJson says.
  static Result<Tokenizer> FromFile(const std::filesystem::path& path);
  // `name` names the file in errors. kCorrupt: broken or contradictory; kUnsupported: names a field
  // that this program does not implement (nothing is ignored silently).
  static Result<Tokenizer> FromJson(std::string_view json, std::string_view name);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of `utf8`. kInvalidArgument with the byte offset when it is not well-formed UTF-8. An
  // empty text has no ids.
  Result<std::vector<int32_t>> Encode(std::string_view utf8, EncodeMode mode) const;
  // The same with added tokens recognised only wholly inside `trusted` (sorted, not touching each
  // other, within the text). The rest of the text is encoded as if no border were there, so a
  // trusted "\n" and an untrusted "\nhi" still make one word.
  Result<std::vector<int32_t>> Encode(std::string_view utf8,
                                      std::span<const TextRange> trusted) const;

  // The text of `ids`; ids without a token are left out and bytes that are no UTF-8 become U+FFFD
  // (one per maximal subpart), as in the reference.
  std::string Decode(std::span<const int32_t> ids, SpecialTokens special) const;

  // The id of the added token `content`, else of the vocabulary entry that stands for exactly these
  // bytes.
  std::optional<int32_t> TokenId(std::string_view content) const;
  // The id of the added token `content` only.
  std::optional<int32_t> AddedTokenId(std::string_view content) const;
  // The bytes that `id` decodes to, possibly part of a character; empty for an id without a token.
  // Valid while *this lives.
  std::string_view TokenBytes(int32_t id) const;
  bool HasToken(int32_t id) const;
  // Whether Decode(kSkip) leaves `id` out.
  bool IsSpecial(int32_t id) const;
  // Largest id + 1. Models often pad their embeddings further.
  int32_t vocab_size() const;

  // What the file's post-processor puts around a lone text (often [gMASK]<sop>, or nothing). Encode
  // does not add them.
  std::span<const int32_t> template_prefix() const;
  std::span<const int32_t> template_suffix() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace glmocr
