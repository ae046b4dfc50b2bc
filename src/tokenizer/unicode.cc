#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace glmocr {
namespace {

struct NewRange {
  char32_t first, last;
  CharClass char_class;
};

// Letters and numbers assigned by Unicode 15.1 and 16.0. Found by classifying every code point with
// both utf8proc 2.8 and the reference tokenizer (tools/goldens/make_tokenizer_goldens.py writes the
// reference's classes, unicode_test compares them all). Consulted only where utf8proc says
// "unassigned", so a newer utf8proc makes the table idle, not wrong.
constexpr NewRange kNewRanges[] = {
    {0x01C89, 0x01C8A, CharClass::kLetter}, {0x0A7CB, 0x0A7CD, CharClass::kLetter},
    {0x0A7DA, 0x0A7DC, CharClass::kLetter}, {0x105C0, 0x105F3, CharClass::kLetter},
    {0x10D40, 0x10D49, CharClass::kNumber}, {0x10D4A, 0x10D65, CharClass::kLetter},
    {0x10D6F, 0x10D85, CharClass::kLetter}, {0x10EC2, 0x10EC4, CharClass::kLetter},
    {0x11380, 0x11389, CharClass::kLetter}, {0x1138B, 0x1138B, CharClass::kLetter},
    {0x1138E, 0x1138E, CharClass::kLetter}, {0x11390, 0x113B5, CharClass::kLetter},
    {0x113B7, 0x113B7, CharClass::kLetter}, {0x113D1, 0x113D1, CharClass::kLetter},
    {0x113D3, 0x113D3, CharClass::kLetter}, {0x116D0, 0x116E3, CharClass::kNumber},
    {0x11BC0, 0x11BE0, CharClass::kLetter}, {0x11BF0, 0x11BF9, CharClass::kNumber},
    {0x13460, 0x143FA, CharClass::kLetter}, {0x16100, 0x1611D, CharClass::kLetter},
    {0x16130, 0x16139, CharClass::kNumber}, {0x16D40, 0x16D6C, CharClass::kLetter},
    {0x16D70, 0x16D79, CharClass::kNumber}, {0x18CFF, 0x18CFF, CharClass::kLetter},
    {0x1CCF0, 0x1CCF9, CharClass::kNumber}, {0x1E5D0, 0x1E5ED, CharClass::kLetter},
    {0x1E5F0, 0x1E5F0, CharClass::kLetter}, {0x1E5F1, 0x1E5FA, CharClass::kNumber},
    {0x2EBF0, 0x2EE5D, CharClass::kLetter},
};

CharClass ClassOfNew(char32_t c) {
  const auto* it = std::upper_bound(std::begin(kNewRanges), std::end(kNewRanges), c,
                                    [](char32_t x, const NewRange& r) { return x < r.first; });
  if (it == std::begin(kNewRanges) || c > std::prev(it)->last) return CharClass::kOther;
  return std::prev(it)->char_class;
}

bool IsContinuation(unsigned char b) { return (b & 0xC0) == 0x80; }

}  // namespace

CharClass NonAsciiClass(char32_t code_point) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::kNumber;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::kSpace;
    case UTF8PROC_CATEGORY_CC:  // U+0085 NEXT LINE is the one white-space control above ASCII
      return code_point == 0x85 ? CharClass::kSpace : CharClass::kOther;
    case UTF8PROC_CATEGORY_CN:
      return ClassOfNew(code_point);
    default:
      return CharClass::kOther;
  }
}

Utf8Step StepUtf8(std::string_view bytes) {
  const auto* b = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char lead = b[0];
  if (lead < 0x80) return {Utf8State::kValid, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8State::kInvalid, 1};
  const uint32_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and everything above U+10FFFF.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (uint32_t i = 1; i < size; ++i) {
    if (i == bytes.size()) return {Utf8State::kIncomplete, i};
    const bool fits = i == 1 ? b[1] >= low && b[1] <= high : IsContinuation(b[i]);
    if (!fits) return {Utf8State::kInvalid, i};
  }
  return {Utf8State::kValid, size};
}

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t eight;
    if (i + sizeof(eight) <= text.size()) {  // eight ASCII characters at once
      std::memcpy(&eight, text.data() + i, sizeof(eight));
      if ((eight & 0x8080808080808080ull) == 0) {
        i += sizeof(eight);
        continue;
      }
    }
    const Utf8Step step = StepUtf8(text.substr(i));
    if (step.state != Utf8State::kValid) return i;
    i += step.size_bytes;
  }
  return std::nullopt;
}

Result<std::string> NormalizeNfc(std::string_view text) {
  utf8proc_uint8_t* raw = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw, options);
  if (size < 0) {
    return Error{ErrorCode::kResourceExhausted,
                 std::string("the text cannot be normalized: ") + utf8proc_errmsg(size)};
  }
  std::string out(reinterpret_cast<const char*>(raw), static_cast<size_t>(size));
  std::free(raw);
  return out;
}

}  // namespace glmocr
