#include "pipeline/assemble.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace glmocr
