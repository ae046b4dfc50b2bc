#include "eval/html_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmocr {
namespace {

using testing::ElementsAre;

double TedsOf(std::string_view a, std::string_view b) { return Teds(a, b)->teds; }

// By hand, from the definition: nodes below the table are counted, one row of two cells has three.
TEST(Teds, WorkedExamples) {
  const std::string_view truth = "<table><tr><td>ab</td><td>cd</td></tr></table>";
  EXPECT_DOUBLE_EQ(TedsOf(truth, truth), 1);
  // One of four letters in one cell: 1/2 of one of three nodes.
  EXPECT_DOUBLE_EQ(TedsOf("<table><tr><td>ab</td><td>cx</td></tr></table>", truth), 1 - 0.5 / 3);
  // A cell is missing.
  EXPECT_DOUBLE_EQ(TedsOf("<table><tr><td>ab</td></tr></table>", truth), 1 - 1.0 / 3);
  // Two cells became one that spans both: one node replaced, one deleted.
  const auto spanned = Teds("<table><tr><td colspan=\"2\">ab cd</td></tr></table>", truth);
  EXPECT_DOUBLE_EQ(spanned->teds, 1 - 2.0 / 3);
  EXPECT_DOUBLE_EQ(spanned->teds_struct, 1 - 2.0 / 3);
  // Structure does not read the cells.
  EXPECT_DOUBLE_EQ(Teds("<table><tr><td>x</td><td>y</td></tr></table>", truth)->teds_struct, 1);
  // Two rows against one: the row and its two cells are inserted; five nodes... six below the
  // table.
  EXPECT_DOUBLE_EQ(TedsOf("<table><tr><td>ab</td><td>cd</td></tr><tr><td>e</td><td>f</td></tr>"
                          "</table>",
                          truth),
                   1 - 3.0 / 6);
}

TEST(Teds, WhatIsNoTableScoresNothing) {
  const std::string_view truth = "<table><tr><td>a</td></tr></table>";
  for (const std::string_view broken :
       {"", "text", "<div>a</div>", "<table></table>",
        "<table><tr><td colspan=\"many\">a</td></tr></table>", "<table"}) {
    const auto score = Teds(broken, truth);
    ASSERT_TRUE(score.ok()) << broken;
    EXPECT_DOUBLE_EQ(score->teds, 0) << broken;
  }
}

TEST(Teds, HostileHtmlIsBounded) {
  const std::string truth = "<table><tr><td>a</td></tr></table>";
  std::string deep = "<table>";
  for (int i = 0; i < 200000; ++i) deep += "<div><tr>";
  EXPECT_LE(Teds(deep, truth).ok() ? Teds(deep, truth)->teds : 0, 1);
  std::string wide = "<table><tr>";
  for (int i = 0; i < 20000; ++i) wide += "<td>a</td>";
  const auto score = Teds(wide, wide);
  ASSERT_FALSE(score.ok());
  EXPECT_EQ(score.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(score.error().message, testing::HasSubstr("20002"));
  EXPECT_TRUE(Teds(wide, truth).ok());
}

// 200 rows of 14 cells against as many: the largest table that anyone prints takes no time.
TEST(Teds, ALargeTable) {
  std::string table = "<table>", other = "<table>";
  for (int r = 0; r < 200; ++r) {
    table += "<tr>";
    other += "<tr>";
    for (int c = 0; c < 14; ++c) {
      table += "<td>" + std::to_string(r * c) + ".50</td>";
      other += "<td>" + std::to_string(r * c) + ".51</td>";
    }
    table += "</tr>";
    other += "</tr>";
  }
  const auto score = Teds(table, other);
  ASSERT_TRUE(score.ok()) << score.error().message;
  EXPECT_DOUBLE_EQ(score->teds_struct, 1);
  EXPECT_GT(score->teds, 0.7);
  EXPECT_LT(score->teds, 0.9);
}

TEST(TableTexts, CellsRowByRow) {
  EXPECT_THAT(TableTexts("<p>x</p><table><thead><tr><th>A &amp; B</th></tr></thead>"
                         "<tr><td> 1<br>2 </td><td><b>3</b></td></tr></table>"),
              ElementsAre(ElementsAre("A & B"), ElementsAre("1 2", "3")));
  EXPECT_TRUE(TableTexts("nothing").empty());
}

}  // namespace
}  // namespace glmocr
