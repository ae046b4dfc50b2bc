// Reads Hugging Face's tokenizer.json into plain data, refusing by name whatever this tokenizer
// does not do.
//
// Why separate from Tokenizer: this is the parser of a foreign file (hostile until proven
// otherwise); Tokenizer is the algorithm. Everything that leaves this function is checked: ids
// unique and in range, merges resolved, all 256 bytes present.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"

namespace glmocr {

struct VocabularyEntry {
  std::string bytes;  // what the token stands for
  int32_t id;
  bool is_word;  // spelled in the byte alphabet, so that encoding can produce it
};

struct TokenizerSpec {
  std::vector<VocabularyEntry> vocabulary;  // of the BPE model, without added tokens that it lacks
  std::array<int32_t, 256> byte_ids{};
  std::vector<Merge> merges;
  bool ignore_merges = false;  // a word that is in the vocabulary is one token, merges or not
  std::vector<AddedToken> added_tokens;
  std::string split_pattern;
  bool normalize_nfc = false;
  // What the file's TemplateProcessing puts around a lone text, e.g. [gMASK]<sop>.
  std::vector<int32_t> template_prefix, template_suffix;
};

// The bytes that the decoder makes of a token's spelling: through the byte alphabet when every
// character is in it, else as is.
struct TokenBytesResult {
  std::string bytes;
  bool in_alphabet;
};
TokenBytesResult SpellingToBytes(std::string_view spelling);

// `name` names the file in errors. kCorrupt: not JSON, not UTF-8, wrong types, contradicting ids,
// unresolvable merges. kUnsupported: well-formed, but a feature that is not implemented; the
// message names the field.
Result<TokenizerSpec> ParseTokenizerJson(std::string_view json, std::string_view name);

}  // namespace glmocr
