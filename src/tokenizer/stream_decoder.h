// StreamDecoder: text from ids that arrive one at a time, never showing half a character.
//
// Why: a character may be spread over several tokens, and a user's screen must not see its pieces.
// What: bytes are held back until they make whole UTF-8 characters; bytes that cannot become one
// turn into U+FFFD at once. How:
//   StreamDecoder decoder(&tokenizer, SpecialTokens::kSkip);
//   while (...) out += decoder.Push(id);
//   out += decoder.Flush();
// All that Push and Flush returned, joined, equals Tokenizer::Decode of all ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tokenizer/tokenizer.h"

namespace glmocr {

// Turns bytes into well-formed UTF-8 as they come, one U+FFFD for every maximal ill-formed subpart
// (the rule of the Unicode Standard, Python's errors="replace" and Rust's from_utf8_lossy).
class Utf8Repairer {
 public:
  // Appends to `out` all that is decided by now.
  void Push(std::string_view bytes, std::string* out);
  // The end: an unfinished character becomes one U+FFFD. The repairer is then as new.
  void Flush(std::string* out);

 private:
  std::string pending_;  // at most 3 bytes between calls: a proper prefix of a character
};

// A whole text repaired at once.
std::string RepairUtf8(std::string_view bytes);

class StreamDecoder {
 public:
  // `tokenizer` must outlive this.
  StreamDecoder(const Tokenizer* tokenizer, SpecialTokens special)
      : tokenizer_(tokenizer), special_(special) {}

  // The text that `id` completes, often empty.
  std::string Push(int32_t id);
  // The end of the stream: what was held back. The decoder is then as new.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  SpecialTokens special_;
  Utf8Repairer repairer_;
};

}  // namespace glmocr
