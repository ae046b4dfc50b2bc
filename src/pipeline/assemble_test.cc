#include "pipeline/assemble.h"

#include <gtest/gtest.h>

#include <cmath>

namespace glmocr {
namespace {

std::string Join(std::vector<std::string_view> lines) { return JoinParagraph(lines); }

TEST(JoinParagraph, PutsHyphenatedWordsTogether) {
  EXPECT_EQ(Join({"an exam-", "ple of it"}), "an example of it");
  EXPECT_EQ(Join({"pages 3-", "5"}), "pages 3- 5");
  EXPECT_EQ(Join({"Franco-", "German"}), "Franco- German");
  EXPECT_EQ(Join({"a -", "b"}), "a - b");
  EXPECT_EQ(Join({"-", "b"}), "- b");
}

TEST(JoinParagraph, KnowsUnicodesHyphens) {
  EXPECT_EQ(Join({"to some ex\u2010", "tent"}), "to some extent");
  EXPECT_EQ(Join({"to some ex\u00ad", "tent"}), "to some extent");
  EXPECT_EQ(Join({"Dampf\u00ad", "Schiff"}), "DampfSchiff") << "a soft hyphen is never written";
  EXPECT_EQ(Join({"cof-", "fr\u00e9"}), "coffr\u00e9");
  EXPECT_EQ(Join({"m-", "\u00eame"}), "m\u00eame");
  EXPECT_EQ(Join({"pages 3\u2010", "5"}), "pages 3\u2010 5");
  EXPECT_EQ(Join({"\u2010", "b"}), "\u2010 b");
}

TEST(JoinParagraph, EntriesOfContentsEndTheirLines) {
  EXPECT_EQ(Join({"2.1 Costs . . . . . 15", "Appendix ....... 101", "Index"}),
            "2.1 Costs . . . . . 15\nAppendix ....... 101\nIndex");
  EXPECT_EQ(Join({"it cost 3. 15", "pounds"}), "it cost 3. 15 pounds");
}

TEST(JoinParagraph, SkipsEmptyLines) {
  EXPECT_EQ(Join({}), "");
  EXPECT_EQ(Join({"", "a", "", "b", ""}), "a b");
}

TEST(TableHtml, SortsEscapesAndSpans) {
  const std::vector<ReadCell> cells = {
      {.row = 1, .column = 0, .text = "x < y & z"},
      {.row = 0, .column = 0, .column_span = 2, .header = true, .text = "Head"},
      {.row = 1, .column = 1, .row_span = 2, .text = ""},
  };
  EXPECT_EQ(TableHtml(cells),
            "<table><tr><th colspan=\"2\">Head</th></tr>"
            "<tr><td>x &lt; y &amp; z</td><td rowspan=\"2\"></td></tr></table>");
  EXPECT_EQ(TableHtml({}), "<table></table>");
}

TEST(AssembleText, KeepsTheLinesOfCode) {
  ReadRegion region;
  region.lines = {{.text = "for x:"}, {.text = "go-"}, {.text = "on"}};
  AssembleText(region);
  EXPECT_EQ(region.text, "for x: goon");
  region.label = RegionLabel::kAlgorithm;
  AssembleText(region);
  EXPECT_EQ(region.text, "for x:\ngo-\non");
}

std::string Words(WordSplitter& splitter) {
  std::string all;
  for (const ReadWord& word : splitter.Finish())
    all += word.text + ":" + std::to_string(std::lround(word.confidence * 100)) + " ";
  return all;
}

TEST(WordSplitter, AWordIsAsSureAsTheLeastOfItsTokens) {
  WordSplitter words;
  words.Add("In", 0.9F);
  words.Add(" 18", 0.8F);
  words.Add("4", 0.95F);
  words.Add("", 0.4F);  // the end: another digit was as likely
  words.Break();
  words.Add("next", 0.99F);
  words.Add("\n", 0.5F);
  words.Add("a b", 0.7F);
  EXPECT_EQ(Words(words), "In:90 184:40 next:50 a:70 b:70 ");
  EXPECT_EQ(Words(words), "");
}

TEST(WordSplitter, TagsAreNoWordsAndCharactersStayWhole) {
  WordSplitter words;
  words.Add("<table><tr><td>a", 0.9F);
  words.Add("</td><td>\xe6\xbc", 0.8F);
  words.Add("\xa2</td>", 0.7F);
  words.Add(" x < y", 0.6F);
  EXPECT_EQ(Words(words), "a:90 \u6f22:70 x:60 <:60 y:60 ");
}

}  // namespace
}  // namespace glmocr
