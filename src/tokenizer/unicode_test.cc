#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "tokenizer/golden_file.h"

namespace glmocr {
namespace {

CharClass ClassOf(char32_t c) { return c < 0x80 ? internal::kAsciiClasses[c] : NonAsciiClass(c); }

// Every code point against the reference's regex engine. When this fails after an update of
// utf8proc, the system's Unicode has moved past the reference's: see
// docs/decisions/0002-unicode-and-tokenizer.md.
TEST(Unicode, EveryCodePointHasTheReferencesClass) {
  std::vector<char> expected(0x110000, 'O');
  std::ifstream in(GoldenPath("char_classes.txt"));
  size_t members = 0;
  for (uint32_t first, last; in >> std::hex >> first >> last;) {
    char name;
    ASSERT_TRUE(in >> name);
    for (uint32_t c = first; c <= last; ++c, ++members) expected.at(c) = name;
  }
  EXPECT_EQ(members, 142964u);
  constexpr char kNames[] = {'O', 'L', 'N', 'S', 'S'};
  int differences = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (kNames[static_cast<int>(ClassOf(c))] == expected[c]) continue;
    if (++differences < 20) ADD_FAILURE() << std::hex << c;
  }
  EXPECT_EQ(differences, 0);
}

TEST(Unicode, StepsThroughWellFormedAndBrokenUtf8) {
  const auto step = [](std::string_view bytes) {
    const Utf8Step s = StepUtf8(bytes);
    return std::pair(s.state, s.size_bytes);
  };
  EXPECT_EQ(step("a"), std::pair(Utf8State::kValid, 1u));
  EXPECT_EQ(step("\xC3\xA9x"), std::pair(Utf8State::kValid, 2u));
  EXPECT_EQ(step("\xF4\x8F\xBF\xBF"), std::pair(Utf8State::kValid, 4u));    // U+10FFFF
  EXPECT_EQ(step("\xF4\x90\x80\x80"), std::pair(Utf8State::kInvalid, 1u));  // above it
  EXPECT_EQ(step("\xED\xA0\x80"), std::pair(Utf8State::kInvalid, 1u));      // a surrogate
  EXPECT_EQ(step("\xC0\x80"), std::pair(Utf8State::kInvalid, 1u));          // overlong
  EXPECT_EQ(step("\xE0\x9F\xBF"), std::pair(Utf8State::kInvalid, 1u));      // overlong
  EXPECT_EQ(step("\xE4\xB8x"), std::pair(Utf8State::kInvalid, 2u));         // a maximal subpart
  EXPECT_EQ(step("\xF0\x9F\x98"), std::pair(Utf8State::kIncomplete, 3u));
  EXPECT_EQ(step("\x80"), std::pair(Utf8State::kInvalid, 1u));
  EXPECT_EQ(step("\xFF"), std::pair(Utf8State::kInvalid, 1u));
}

TEST(Unicode, FindsTheFirstInvalidByte) {
  EXPECT_FALSE(FindInvalidUtf8(""));
  EXPECT_FALSE(FindInvalidUtf8("0123456789 中文 \xF0\x9F\x98\x80"));
  EXPECT_EQ(FindInvalidUtf8("01234567\x80"), 8u);
  EXPECT_EQ(FindInvalidUtf8("0123456\xE4\xB8"), 7u);  // cut off
}

TEST(Unicode, ComposesToNfc) {
  EXPECT_EQ(*NormalizeNfc("e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(*NormalizeNfc(""), "");
  EXPECT_EQ(NormalizeNfc(std::string("a\0b", 3))->size(), 3u);
}

}  // namespace
}  // namespace glmocr
