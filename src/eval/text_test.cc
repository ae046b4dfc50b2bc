#include "eval/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmocr {
namespace {

TEST(EvalText, SpaceCollapses) {
  EXPECT_EQ(CollapseSpace("  a \t\n b\u00a0c\u3000 "), "a b c");
  EXPECT_EQ(CollapseSpace(""), "");
  EXPECT_THAT(Words(" one two\nthree "), testing::ElementsAre("one", "two", "three"));
}

TEST(EvalText, NormalizationForms) {
  EXPECT_EQ(*ToNfc("e\u0301"), "\u00e9");
  EXPECT_EQ(*ToNfc("\ufb01"), "\ufb01");  // a ligature stays one in NFC
  EXPECT_EQ(*ToNfkc("\ufb01\uff11"), "fi1");
}

TEST(EvalText, MarkdownMarksGo) {
  EXPECT_EQ(StripMarkdown("## Title"), "Title");
  EXPECT_EQ(StripMarkdown("#hashtag"), "#hashtag");
  EXPECT_EQ(StripMarkdown("> quoted **bold** and `code`"), "quoted bold and code");
  EXPECT_EQ(StripMarkdown("1\\. not a list \\* \\_"), "1. not a list * _");
  EXPECT_EQ(StripMarkdown("a [link](http://x) ![pic](y.png) b"), "a link  b");
  EXPECT_EQ(StripMarkdown("x<sup>2</sup> a<br>b 3 < 4"), "x2 a b 3 < 4");
  EXPECT_EQ(StripMarkdown("&lt;5 &amp; &#65;&#x42; &unknown; &#0;"), "<5 & AB &unknown; &#0;");
  EXPECT_EQ(StripMarkdown("name: ____ date"), "name: ____ date");
  EXPECT_EQ(StripMarkdown("line one  \nline two"), "line one\nline two");
  EXPECT_EQ(StripMarkdown("[1] A reference (2019)"), "[1] A reference (2019)");
}

// Each of these once took a search to the end of the text for every mark in it. A megabyte takes
// seconds to hours where that is so, and milliseconds where it is not.
// Under ThreadSanitizer, which has nothing to find in one thread, less is enough.
#ifdef __SANITIZE_THREAD__
constexpr size_t kLongBytes = size_t{1} << 16;
#else
constexpr size_t kLongBytes = size_t{1} << 20;
#endif

TEST(EvalText, ManyMarksTakeLinearTime) {
  for (const char* mark : {"<a", "[", "![", "](", ")[", "$", "\\(", "$\n", "\\(\n", "\\tag{", "\\[",
                           "\\[\n", "\\tag{\n", "&#1", "**", "\\hspace{}"}) {
    std::string text;
    while (text.size() < kLongBytes) text += mark;
    for (const std::string& variant : {text, text + "\\)\\]})>"}) {
      StripMarkdown(variant);
      CleanText(variant);
      NormalizeFormula(variant);
    }
  }
}

}  // namespace
}  // namespace glmocr
