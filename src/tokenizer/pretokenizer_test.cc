#include "tokenizer/pretokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace glmocr {
namespace {

using testing::ElementsAre;

std::vector<std::string> Split(std::string_view pattern, std::string_view text) {
  Result<PreTokenizer> pre = PreTokenizer::Create(pattern);
  EXPECT_TRUE(pre.ok());
  std::vector<std::string> words;
  EXPECT_TRUE(pre->ForEachWord(text, [&](std::string_view w) { words.emplace_back(w); }).ok());
  return words;
}
std::vector<std::string> Glm4(std::string_view text) { return Split(kGlm4Pattern, text); }

// T4: the wrong pre-tokenizer type shows in digits, CJK and line breaks first.
TEST(PreTokenizer, T4_DigitsComeInGroupsOfThree) {
  EXPECT_THAT(Glm4("123456"), ElementsAre("123", "456"));
  EXPECT_THAT(Glm4("12345 67"), ElementsAre("123", "45", " ", "67"));
  EXPECT_THAT(Glm4("3.14x2"), ElementsAre("3", ".", "14", "x", "2"));
  EXPECT_THAT(Glm4("٣٤٥٦"), ElementsAre("٣٤٥", "٦"));
}
TEST(PreTokenizer, T4_Cjk) {
  EXPECT_THAT(Glm4("中文123。日本"), ElementsAre("中文", "123", "。日本"));
  EXPECT_THAT(Glm4("他说:「好」"), ElementsAre("他说", ":「", "好", "」"));
}
TEST(PreTokenizer, T4_LineBreaks) {
  EXPECT_THAT(Glm4("a\n\nb"), ElementsAre("a", "\n\n", "b"));
  EXPECT_THAT(Glm4("a. \n \n  b"), ElementsAre("a", ".", " \n \n", " ", " b"));
  EXPECT_THAT(Glm4("x;\r\n\r\ny"), ElementsAre("x", ";\r\n\r\n", "y"));
  EXPECT_THAT(Glm4("\nhi"), ElementsAre("\n", "hi"));
}
TEST(PreTokenizer, SpacesLeadTheNextWord) {
  EXPECT_THAT(Glm4("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(Glm4("a   1"), ElementsAre("a", "  ", " ", "1"));
  EXPECT_THAT(Glm4("a  "), ElementsAre("a", "  "));
  EXPECT_THAT(Glm4(" !? \tx"), ElementsAre(" !?", " ", "\tx"));
  EXPECT_THAT(Glm4("\u00a0x \u3000y"), ElementsAre("\u00a0x", " ", "\u3000y"));
  EXPECT_THAT(Glm4("\t!"), ElementsAre("\t", "!"));
}
TEST(PreTokenizer, Contractions) {
  EXPECT_THAT(Glm4("it's I'LLx 'rex"), ElementsAre("it", "'s", " I", "'LL", "x", " '", "rex"));
  EXPECT_THAT(Glm4("'sa"), ElementsAre("'s", "a"));
  EXPECT_THAT(Glm4("'ra 'lk"), ElementsAre("'ra", " '", "lk"));
  EXPECT_THAT(Glm4("x'\u017f'\u017fa"),
              ElementsAre("x", "'\u017f", "'\u017f", "a"));  // long s folds to s
  EXPECT_THAT(Glm4("'\u212a"), ElementsAre("'\u212a"));      // the Kelvin sign is no k here
  EXPECT_THAT(Glm4("'"), ElementsAre("'"));
}

// The same pattern through the regex engine (a group around it makes it another string), on random
// texts of the characters that matter. Characters newer than the engine's Unicode are left to
// golden_test.
TEST(PreTokenizer, HandMatcherEqualsTheRegexEngine) {
  const std::string pattern = "(?:" + std::string(kGlm4Pattern) + ")";
  Result<PreTokenizer> regex = PreTokenizer::Create(pattern);
  ASSERT_TRUE(regex.ok());
  const std::vector<std::string> alphabet = {
      "a",  "Z",      "é",      "中",     "ſ", "s", "t",      "r", "e", "l",  "v",
      "m",  "d",      "'",      "'",      "1", "٣", "½",      " ", " ", "\n", "\r",
      "\t", "\u00a0", "\u3000", "\u2028", "!", "$", "\u0301", "😀", "_"};
  std::mt19937 rng(7);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t n = rng() % 14; n > 0; --n) text += alphabet[rng() % alphabet.size()];
    std::vector<std::string> expected;
    ASSERT_TRUE(
        regex->ForEachWord(text, [&](std::string_view w) { expected.emplace_back(w); }).ok());
    ASSERT_EQ(Glm4(text), expected) << testing::PrintToString(text);
  }
}

TEST(PreTokenizer, ForeignPatterns) {
  EXPECT_THAT(Split(R"(\d|x*)", "ab12xxc"), ElementsAre("a", "b", "1", "2", "xx", "c"));
  EXPECT_FALSE(PreTokenizer::Create("(").ok());
  EXPECT_EQ(PreTokenizer::Create("(").error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(PreTokenizer::Create(std::string(20000, 'a')).ok());
}

TEST(PreTokenizer, CatastrophicPatternEndsInAnError) {
  Result<PreTokenizer> pre = PreTokenizer::Create("(x+x+)+y");
  ASSERT_TRUE(pre.ok());
  const Status status = pre->ForEachWord(std::string(4000, 'x') + "zy", [](std::string_view) {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace glmocr
