// The few Unicode facts that a byte-level BPE tokenizer needs: UTF-8 well-formedness, and whether a
// code point is a letter (\p{L}), a number (\p{N}), white space (\s) or something else.
//
// Why here: the pre-tokenizer asks for the class of every character of a page, so ASCII is answered
// inline from a table and the rest by utf8proc. utf8proc 2.8 knows Unicode 15.0 while the reference
// tokenizer splits by Unicode 16.0; the letters and numbers that 15.1 and 16.0 added are listed in
// unicode.cc (docs/decisions/0002-unicode-and-tokenizer.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace glmocr {

enum class CharClass : uint8_t {
  kOther,
  kLetter,   // \p{L}
  kNumber,   // \p{N}
  kSpace,    // \s without the two below
  kNewline,  // CR and LF, which are also \s
};

inline bool IsSpace(CharClass c) { return c >= CharClass::kSpace; }

// The class of a code point >= 0x80.
CharClass NonAsciiClass(char32_t code_point);

namespace internal {
constexpr std::array<CharClass, 128> MakeAsciiClasses() {
  std::array<CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) classes[c] = CharClass::kLetter;
    if (c >= '0' && c <= '9') classes[c] = CharClass::kNumber;
    if (c == ' ' || c == '\t' || c == '\v' || c == '\f') classes[c] = CharClass::kSpace;
    if (c == '\n' || c == '\r') classes[c] = CharClass::kNewline;
  }
  return classes;
}
inline constexpr std::array<CharClass, 128> kAsciiClasses = MakeAsciiClasses();
}  // namespace internal

// One character of well-formed UTF-8.
struct Utf8Char {
  char32_t code_point;
  uint32_t size_bytes;
};

// Decodes the character at `p`; the text must be well-formed (FindInvalidUtf8 found nothing) and
// `p` at a character's start.
inline Utf8Char DecodeUtf8(const char* p) {
  const auto* b = reinterpret_cast<const unsigned char*>(p);
  if (b[0] < 0x80) return {b[0], 1};
  if (b[0] < 0xE0) return {(b[0] & 0x1Fu) << 6 | (b[1] & 0x3Fu), 2};
  if (b[0] < 0xF0) return {(b[0] & 0x0Fu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu), 3};
  return {(b[0] & 0x07u) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu), 4};
}

// The class and the size of the character at `p`, same precondition.
struct ClassifiedChar {
  CharClass char_class;
  uint32_t size_bytes;
};
inline ClassifiedChar ClassifyUtf8(const char* p) {
  const auto first = static_cast<unsigned char>(*p);
  if (first < 0x80) return {internal::kAsciiClasses[first], 1};
  const Utf8Char c = DecodeUtf8(p);
  return {NonAsciiClass(c.code_point), c.size_bytes};
}

// What stands at the start of a byte sequence, after Table 3-7 of the Unicode Standard.
enum class Utf8State {
  kValid,       // one whole character of `size_bytes`
  kInvalid,     // `size_bytes` that can never become a character: one U+FFFD (a "maximal subpart")
  kIncomplete,  // all that is left, a proper prefix of a character
};
struct Utf8Step {
  Utf8State state;
  uint32_t size_bytes;
};
// `bytes` must not be empty.
Utf8Step StepUtf8(std::string_view bytes);

// The byte offset of the first ill-formed sequence, or nullopt.
std::optional<size_t> FindInvalidUtf8(std::string_view text);

// Unicode normalization form C. `text` must be well-formed.
Result<std::string> NormalizeNfc(std::string_view text);

}  // namespace glmocr
