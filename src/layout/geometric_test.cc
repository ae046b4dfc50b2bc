#include "layout/geometric.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "layout/geometric/test_page.h"
#include "media/orientation.h"
#include "media/test_pattern.h"

namespace glmocr {
namespace {

using geometric::TestPage;
using ::testing::ElementsAre;

constexpr TestPage::Type kBold{.stroke = 0.15};

LayoutPage Analyze(const Image& image) {
  auto page = MakeGeometricLayout()->Analyze(image);
  EXPECT_TRUE(page.ok()) << (page.ok() ? "" : page.error().message);
  if (!page.ok()) return {};
  // What holds for every page.
  int index = 0;
  for (const LayoutRegion& region : page->regions) {
    const Box& b = region.box;
    EXPECT_TRUE(b.x >= 0 && b.y >= 0 && b.width > 0 && b.height > 0 &&
                b.right() <= page->image.width_px && b.bottom() <= page->image.height_px);
    EXPECT_TRUE(region.lines.empty() || region.cells.empty());
    for (const TextLine& line : region.lines) EXPECT_EQ(line.index, index++);
    for (const TableCell& cell : region.cells) {
      for (const TextLine& line : cell.lines) {
        EXPECT_EQ(line.index, index++);
        for (const LinePiece& piece : line.pieces) {
          EXPECT_GE(piece.box.x, cell.box.x);
          EXPECT_LE(piece.box.right(), cell.box.right());
        }
      }
    }
  }
  return std::move(*page);
}

std::vector<RegionLabel> Labels(const LayoutPage& page) {
  std::vector<RegionLabel> out;
  for (const LayoutRegion& region : page.regions) out.push_back(region.label);
  return out;
}

std::vector<size_t> LineCounts(const LayoutPage& page) {
  std::vector<size_t> out;
  for (const LayoutRegion& region : page.regions) out.push_back(region.lines.size());
  return out;
}

// Left edges of the regions' first lines and their baselines, to a tenth of the font.
void ExpectAt(const LayoutRegion& region, int x, int baseline) {
  ASSERT_FALSE(region.lines.empty());
  EXPECT_NEAR(region.lines.front().box.x, x, 3);
  EXPECT_NEAR(region.lines.front().baseline_y, baseline, 3);
}

// `n` full lines and a short one.
int Paragraph(TestPage* page, int x, int y, int width, int n, int first_indent = 0) {
  for (int i = 0; i < n; ++i, y += 30) {
    const int indent = i == 0 ? first_indent : 0;
    page->Line(x + indent, y, width - indent);
  }
  page->Line(x, y, width / 2);
  return y + 30;
}

TEST(GeometricLayout, ParagraphsBySpace) {
  TestPage drawn(900, 700);
  const int second = Paragraph(&drawn, 80, 100, 700, 3) + 20;
  Paragraph(&drawn, 80, second, 700, 4);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(LineCounts(page), ElementsAre(4, 5));
  ASSERT_THAT(Labels(page), ElementsAre(RegionLabel::kText, RegionLabel::kText));
  ExpectAt(page.regions[1], 80, second);
}

TEST(GeometricLayout, ParagraphsByIndentation) {
  TestPage drawn(900, 700);
  const int second = Paragraph(&drawn, 80, 100, 700, 3, 40);
  Paragraph(&drawn, 80, second, 700, 4, 40);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(LineCounts(page), ElementsAre(4, 5));
  ExpectAt(page.regions[1], 120, second);
}

TEST(GeometricLayout, ListItemsHangFromTheirMarks) {
  TestPage drawn(900, 700);
  std::vector<int> tops;
  int y = 100;
  for (int item = 0; item < 3; ++item) {
    tops.push_back(y);
    drawn.Fill({80, y - 9, 12, 3}, 0);  // a dash
    drawn.Line(115, y, 665);
    drawn.Line(115, y + 30, 665);
    y += 60;
  }
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(LineCounts(page), ElementsAre(2, 2, 2));
  for (size_t i = 0; i < page.regions.size(); ++i) ExpectAt(page.regions[i], 80, tops[i]);
}

TEST(GeometricLayout, AddressIsABlockOfSingleLines) {
  TestPage drawn(900, 900);
  for (int i = 0; i < 4; ++i) drawn.Line(80, 100 + 30 * i, i % 2 == 0 ? 220 : 150);
  Paragraph(&drawn, 80, 300, 700, 5);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page), ElementsAre(RegionLabel::kContent, RegionLabel::kText));
  ASSERT_THAT(LineCounts(page), ElementsAre(4, 6));
}

TEST(GeometricLayout, TitleOverTwoColumnsWithAPicture) {
  TestPage drawn(1200, 1400);
  drawn.Line(250, 110, 700, {.font = 44});
  Paragraph(&drawn, 80, 220, 480, 8);
  drawn.Fill({80, 540, 480, 300}, 60);
  Paragraph(&drawn, 80, 900, 480, 6);
  Paragraph(&drawn, 640, 220, 480, 26);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page),
              ElementsAre(RegionLabel::kDocTitle, RegionLabel::kText, RegionLabel::kImage,
                          RegionLabel::kText, RegionLabel::kText));
  EXPECT_EQ(page.regions[0].heading_level, 1);
  EXPECT_EQ(page.regions[2].box, (Box{80, 540, 480, 300}));
  ExpectAt(page.regions[3], 80, 900);
  ExpectAt(page.regions[4], 640, 220);
}

TEST(GeometricLayout, PictureAcrossColumnsDividesThem) {
  TestPage drawn(1200, 1500);
  for (const int x : {80, 640}) {
    Paragraph(&drawn, x, 120, 480, 8);
    Paragraph(&drawn, x, 900, 480, 8);
  }
  drawn.Fill({80, 480, 1040, 320}, 60);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 5u);
  ExpectAt(page.regions[0], 80, 120);
  ExpectAt(page.regions[1], 640, 120);
  EXPECT_EQ(page.regions[2].label, RegionLabel::kImage);
  ExpectAt(page.regions[3], 80, 900);
  ExpectAt(page.regions[4], 640, 900);
}

TEST(GeometricLayout, ThreeColumns) {
  TestPage drawn(1300, 1200);
  drawn.Line(80, 100, 1100, {.font = 40});
  for (int i = 0; i < 3; ++i) Paragraph(&drawn, 80 + 380 * i, 200, 340, 12);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(LineCounts(page), ElementsAre(1, 13, 13, 13));
  for (int i = 0; i < 3; ++i) ExpectAt(page.regions[i + 1], 80 + 380 * i, 200);
}

// A table without rules under two addresses: its cells are found, addresses stay blocks.
TEST(GeometricLayout, RowsUnderColumnsStayRows) {
  TestPage drawn(1200, 1200);
  for (int i = 0; i < 4; ++i) {
    drawn.Line(80, 100 + 30 * i, 260 - 40 * (i % 2));
    drawn.Line(640, 100 + 30 * i, 260 - 40 * (i % 2));
  }
  for (int i = 0; i < 5; ++i) {
    drawn.Line(80, 330 + 50 * i, 320);
    for (const int x : {640, 800, 1000}) drawn.Word(x, 330 + 50 * i, 4, TestPage::Type());
  }
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 3u);
  ExpectAt(page.regions[0], 80, 100);
  ExpectAt(page.regions[1], 640, 100);
  const LayoutRegion& table = page.regions[2];
  EXPECT_EQ(table.label, RegionLabel::kTable);
  ASSERT_EQ(table.cells.size(), 20u);
  for (const TableCell& cell : table.cells) {
    ASSERT_EQ(cell.lines.size(), 1u);
    EXPECT_NEAR(cell.lines[0].baseline_y, 330 + 50 * cell.row, 3);
  }
}

// Two rows, or two columns, are no table: forms and labels look so.
TEST(GeometricLayout, FewRowsOrColumnsAreNoBorderlessTable) {
  TestPage drawn(1200, 900);
  for (int i = 0; i < 2; ++i) {
    for (const int x : {80, 480, 900}) drawn.Word(x, 100 + 50 * i, 4, TestPage::Type());
  }
  for (int i = 0; i < 5; ++i) {
    for (const int x : {80, 700}) drawn.Word(x, 500 + 50 * i, 4, TestPage::Type());
  }
  for (const LayoutRegion& region : Analyze(drawn.image).regions)
    EXPECT_NE(region.label, RegionLabel::kTable);
}

// Headings at the left begin level with their text and are read before it.
TEST(GeometricLayout, SideHeadingsComeBeforeTheirText) {
  TestPage drawn(1200, 1100);
  for (int i = 0; i < 3; ++i) {
    drawn.Line(80, 100 + 260 * i, 200);
    for (int k = 0; k < 5; ++k) drawn.Line(480, 100 + 260 * i + 30 * k, k == 4 ? 430 : 600);
  }
  const LayoutPage page = Analyze(drawn.image);
  std::vector<int> baselines;
  for (const LayoutRegion& region : page.regions) {
    for (const TextLine& line : region.lines)
      baselines.push_back(static_cast<int>(std::lround(line.baseline_y)));
  }
  ASSERT_EQ(baselines.size(), 18u);
  EXPECT_TRUE(std::is_sorted(baselines.begin(), baselines.end()));
  for (size_t i = 0; i < page.regions.size(); ++i) {
    if (page.regions[i].box.x > 300 || i + 1 == page.regions.size()) continue;
    EXPECT_GT(page.regions[i + 1].box.x, 300);
  }
}

// A heading in the left column with nothing beside it parts the columns.
TEST(GeometricLayout, AHeadingBetweenBandsOfColumnsPartsThem) {
  TestPage drawn(1200, 1100);
  for (const int x : {80, 640}) {
    for (int k = 0; k < 6; ++k) drawn.Line(x, 100 + 30 * k, k == 5 ? 340 : 460);
    for (int k = 0; k < 6; ++k) drawn.Line(x, 420 + 30 * k, k == 5 ? 340 : 460);
  }
  drawn.Line(80, 340, 300);
  const LayoutPage page = Analyze(drawn.image);
  std::vector<std::pair<int, int>> lines;
  for (const LayoutRegion& region : page.regions) {
    for (const TextLine& line : region.lines)
      lines.emplace_back(line.box.x, static_cast<int>(std::lround(line.baseline_y)));
  }
  ASSERT_EQ(lines.size(), 25u);
  EXPECT_NEAR(lines[12].second, 340, 3);
  EXPECT_GT(lines[11].first, 600);
  EXPECT_LT(lines[13].first, 100);
}

TEST(GeometricLayout, SenderAboveOnTheRightComesFirst) {
  TestPage drawn(1000, 1200);
  for (int i = 0; i < 4; ++i) drawn.Line(620, 100 + 30 * i, i % 2 == 0 ? 260 : 180);
  for (int i = 0; i < 4; ++i) drawn.Line(80, 280 + 30 * i, i % 2 == 0 ? 260 : 180);
  Paragraph(&drawn, 80, 460, 820, 5);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 3u);
  ExpectAt(page.regions[0], 620, 100);
  ExpectAt(page.regions[1], 80, 280);
  ExpectAt(page.regions[2], 80, 460);
}

TEST(GeometricLayout, FormIsReadRowByRow) {
  TestPage drawn(1000, 900);
  for (int i = 0; i < 6; ++i) {
    const int y = 120 + 60 * i;
    drawn.Line(80, y, 220);
    drawn.Frame({400, y - 32, 500, 44});
    drawn.Line(420, y, 300);
  }
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 6u);
  for (int i = 0; i < 6; ++i) {
    ExpectAt(page.regions[i], 80, 120 + 60 * i);
    ASSERT_EQ(page.regions[i].lines.size(), 1u);
    EXPECT_GT(page.regions[i].lines[0].box.right(), 600);
  }
}

TEST(GeometricLayout, CheckBoxIsNoLetterButInItsRegion) {
  TestPage drawn(1000, 500);
  drawn.Frame({80, 98, 22, 22});
  drawn.Line(125, 120, 500);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 1u);
  ASSERT_EQ(page.regions[0].lines.size(), 1u);
  EXPECT_NEAR(page.regions[0].lines[0].box.x, 125, 2);
  EXPECT_NEAR(page.regions[0].box.x, 79, 2);
}

struct Cell {
  int row, column, row_span, column_span;
  bool header;
  size_t n_lines;
  bool operator==(const Cell&) const = default;
};
void PrintTo(const Cell& c, std::ostream* os) {
  *os << "{" << c.row << "," << c.column << "," << c.row_span << "," << c.column_span << ","
      << c.header << "," << c.n_lines << "}";
}
std::vector<Cell> CellsOf(const LayoutRegion& region) {
  std::vector<Cell> out;
  for (const TableCell& c : region.cells) {
    out.push_back({c.row, c.column, c.row_span, c.column_span, c.header, c.lines.size()});
  }
  return out;
}

//   +---+-------+
//   | A |   B   |   on grey
//   |   +---+---+
//   |   | C | D |   on grey
//   +---+---+---+
//   | E | F | G |
//   +---+---+---+
//   | H |   | - |
//   +---+---+---+
TEST(GeometricLayout, TableWithSpans) {
  TestPage drawn(1000, 900);
  Paragraph(&drawn, 100, 100, 760, 3);
  const int xs[] = {100, 350, 600, 850}, ys[] = {300, 350, 400, 450, 500};
  drawn.Fill({100, 300, 750, 100}, 225);
  for (const int y : ys) drawn.HorizontalRule(y == 350 ? xs[1] : xs[0], xs[3] + 1, y);
  for (const int x : xs) drawn.VerticalRule(x, x == 600 ? ys[1] : ys[0], ys[4] + 1);
  const auto word = [&](int x, int y) { drawn.Line(x, y, 160); };
  word(120, 360), word(370, 332), word(370, 382), word(620, 382);
  word(120, 432), word(370, 432), word(620, 432), word(120, 482);
  drawn.Fill({700, 473, 14, 3}, 0);  // a lone dash
  Paragraph(&drawn, 100, 600, 760, 3);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page),
              ElementsAre(RegionLabel::kText, RegionLabel::kTable, RegionLabel::kText));
  EXPECT_THAT(
      CellsOf(page.regions[1]),
      ElementsAre(Cell{0, 0, 2, 1, true, 1}, Cell{0, 1, 1, 2, true, 1}, Cell{1, 1, 1, 1, true, 1},
                  Cell{1, 2, 1, 1, true, 1}, Cell{2, 0, 1, 1, false, 1}, Cell{2, 1, 1, 1, false, 1},
                  Cell{2, 2, 1, 1, false, 1}, Cell{3, 0, 1, 1, false, 1},
                  Cell{3, 1, 1, 1, false, 0}, Cell{3, 2, 1, 1, false, 1}));
}

TEST(GeometricLayout, WritingIsCutAtTheRulesOfItsCells) {
  TestPage drawn(1000, 500);
  for (const int y : {100, 150, 200, 250}) drawn.HorizontalRule(100, 701, y);
  for (const int x : {100, 400, 700}) drawn.VerticalRule(x, 100, 251);
  for (const int y : {132, 182, 232}) {
    // Letters to 4 px from the rule on both sides: a word gap is 7.
    const int right = drawn.Word(112, y, 21, {.font = 24});
    ASSERT_LT(right, 397);
    drawn.Word(404, y, 12, {.font = 24});
  }
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 1u);
  ASSERT_EQ(page.regions[0].cells.size(), 6u);
  for (const TableCell& cell : page.regions[0].cells) {
    ASSERT_EQ(cell.lines.size(), 1u);
    for (const LinePiece& piece : cell.lines[0].pieces) {
      EXPECT_GE(piece.crop.x, cell.box.x + 1);
      EXPECT_LE(piece.crop.right(), cell.box.right() - 1);
    }
  }
}

// Rules above and below the head and at the end; the head spans two columns once.
TEST(GeometricLayout, TableBetweenHorizontalRules) {
  TestPage drawn(1000, 1000);
  Paragraph(&drawn, 100, 100, 760, 4);
  for (const int y : {300, 390, 600}) drawn.HorizontalRule(100, 861, y, 3);
  drawn.Word(430, 335, 14, TestPage::Type());
  for (int row = 0; row < 6; ++row) {
    const int y = row == 0 ? 375 : 390 + 34 * row;
    drawn.Line(110, y, 200);
    for (const int x : {400, 560, 720}) drawn.Word(x, y, 4, TestPage::Type());
  }
  Paragraph(&drawn, 100, 700, 760, 4);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page),
              ElementsAre(RegionLabel::kText, RegionLabel::kTable, RegionLabel::kText));
  std::vector<Cell> expected = {
      {0, 0, 1, 1, true, 0}, {0, 1, 1, 2, true, 1}, {0, 3, 1, 1, true, 0}};
  for (int row = 1; row < 7; ++row) {
    for (int column = 0; column < 4; ++column) expected.push_back({row, column, 1, 1, row == 1, 1});
  }
  EXPECT_EQ(CellsOf(page.regions[1]), expected);
}

// A rule below each row: cells may have several lines.
TEST(GeometricLayout, TableWithARuleBelowEachRow) {
  TestPage drawn(1000, 800);
  for (const int y : {100, 150, 230, 310, 360}) drawn.HorizontalRule(100, 861, y);
  for (const int y : {135, 180, 260, 345}) {
    drawn.Line(110, y, 200);
    drawn.Line(400, y, 400);
  }
  for (const int y : {212, 292}) drawn.Line(400, y, 300);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 1u);
  EXPECT_THAT(CellsOf(page.regions[0]),
              ElementsAre(Cell{0, 0, 1, 1, false, 1}, Cell{0, 1, 1, 1, false, 1},
                          Cell{1, 0, 1, 1, false, 1}, Cell{1, 1, 1, 1, false, 2},
                          Cell{2, 0, 1, 1, false, 1}, Cell{2, 1, 1, 1, false, 2},
                          Cell{3, 0, 1, 1, false, 1}, Cell{3, 1, 1, 1, false, 1}));
}

TEST(GeometricLayout, ColumnsOfTextBetweenRulesAreNoTable) {
  TestPage drawn(1200, 1400);
  for (const int y : {100, 1150}) drawn.HorizontalRule(80, 1121, y);
  Paragraph(&drawn, 80, 150, 480, 30);
  Paragraph(&drawn, 640, 150, 480, 30);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(LineCounts(page), ElementsAre(31, 31));
}

TEST(GeometricLayout, BoldFirstRowIsTheHead) {
  for (const bool bold : {false, true}) {
    TestPage drawn(1000, 500);
    for (int y = 100; y <= 300; y += 50) drawn.HorizontalRule(100, 701, y);
    for (const int x : {100, 400, 700}) drawn.VerticalRule(x, 100, 301);
    for (int row = 0; row < 4; ++row) {
      for (const int x : {120, 420}) {
        drawn.Line(x, 132 + 50 * row, 200, bold && row == 0 ? kBold : TestPage::Type());
      }
    }
    const LayoutPage page = Analyze(drawn.image);
    ASSERT_EQ(page.regions.size(), 1u);
    for (const TableCell& cell : page.regions[0].cells) {
      EXPECT_EQ(cell.header, bold && cell.row == 0);
    }
  }
}

TEST(GeometricLayout, DiagramTakesItsLabels) {
  TestPage drawn(1000, 1200);
  Paragraph(&drawn, 100, 100, 760, 4);
  drawn.HorizontalRule(200, 700, 700);
  drawn.VerticalRule(200, 350, 700);
  for (int i = 0; i < 5; ++i) {
    drawn.Fill({240 + 90 * i, 700 - 60 * (i + 1), 50, 60 * (i + 1)}, 40);
    drawn.Word(245 + 90 * i, 725, 2, {.font = 20});
    drawn.Word(160, 690 - 70 * i, 2, {.font = 20});
  }
  Paragraph(&drawn, 100, 850, 760, 4);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page),
              ElementsAre(RegionLabel::kText, RegionLabel::kImage, RegionLabel::kText));
  EXPECT_LE(page.regions[1].box.x, 162);
  EXPECT_GE(page.regions[1].box.bottom(), 724);
}

// Letters in columns of 14 px from x on; lines are 30 px apart.
void Typed(TestPage* page, int x, int y, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] != ' ')
        page->Word(x + 14 * static_cast<int>(i), y, 1, {.stroke = line[i] == 'b' ? 0.12 : 0.09});
    }
    y += 30;
  }
}

TEST(GeometricLayout, CodeKeepsItsLinesAndIndentation) {
  for (const int left : {100, 240}) {
    TestPage drawn(1000, 900);
    const int y = Paragraph(&drawn, 100, 100, 760, 3) + 30;
    Typed(&drawn, left, y,
          {"aaa aaa aaaaa", "    aaa aa", "        aaaaa", "", "    aaaaaa aa", "a"});
    Paragraph(&drawn, 100, y + 240, 760, 3);
    const LayoutPage page = Analyze(drawn.image);
    ASSERT_THAT(Labels(page),
                ElementsAre(RegionLabel::kText, RegionLabel::kAlgorithm, RegionLabel::kText));
    const std::vector<TextLine>& lines = page.regions[1].lines;
    ASSERT_EQ(lines.size(), 5u);
    std::vector<int> spaces;
    for (const TextLine& line : lines) spaces.push_back(line.n_spaces);
    EXPECT_THAT(spaces, ElementsAre(0, 4, 8, 4, 0));
    EXPECT_TRUE(lines[3].after_blank);
    EXPECT_FALSE(lines[2].after_blank);
  }
}

TEST(GeometricLayout, TypedProseIsNoCode) {
  TestPage drawn(1000, 900);
  std::vector<std::string> lines;
  for (int paragraph = 0; paragraph < 3; ++paragraph) {
    for (const char* line :
         {"   aaaa aa aaaaaaaa aaa aaaaa aa aaaaaaa aaaa aaa aaa",
          "aaaaa aaaa aa aaaaaaaaaa aaaa aa aaaa aaaaaa aaa aaaa",
          "aaaaaaa aa aaa aaaaaa aaaaaaa aaaa aaaa aa aaaaaaa aa", "aaa aaaaaa aa aaaa"}) {
      lines.emplace_back(line);
    }
  }
  Typed(&drawn, 100, 100, lines);
  for (const RegionLabel label : Labels(Analyze(drawn.image))) EXPECT_EQ(label, RegionLabel::kText);
}

TEST(GeometricLayout, HeadlineInBoldTypeIsNoPicture) {
  for (const int font : {80, 240, 320}) {
    TestPage drawn(1400, 1200);
    drawn.Word(100, 300, 7, {.font = font, .stroke = 0.14});
    for (int i = 0; i < 6; ++i) drawn.Line(100, 500 + 30 * i, 1000, {.font = 24});
    const LayoutPage page = Analyze(drawn.image);
    ASSERT_THAT(Labels(page), ElementsAre(RegionLabel::kDocTitle, RegionLabel::kText)) << font;
    ASSERT_EQ(page.regions[0].lines.size(), 1u);
    EXPECT_NEAR(page.regions[0].lines[0].baseline_y, 300, 4);
  }
}

TEST(GeometricLayout, LinesUpAndDownTheMarginAreReadUpright) {
  for (const int turns : {1, 3}) {
    TestPage strip(500, 40);
    strip.Line(10, 30, 480, {.font = 22});
    const Image turned = TurnQuarters(strip.image, turns);
    for (const int x : {20, 930}) {
      TestPage drawn(1000, 1300);
      Paragraph(&drawn, 100, 100, 760, 6);
      for (int y = 0; y < turned.height_px; ++y)
        std::copy_n(turned.row(y), turned.row_bytes(), drawn.image.row(500 + y) + 3 * x);
      const LayoutPage page = Analyze(drawn.image);
      ASSERT_THAT(Labels(page), ElementsAre(RegionLabel::kText, RegionLabel::kVerticalText));
      const LayoutRegion& side = page.regions[1];
      ASSERT_TRUE(side.elsewhere);
      ASSERT_EQ(side.lines.size(), 1u);
      EXPECT_GT(side.box.height, 10 * side.box.width);
      EXPECT_GT(side.lines[0].box.width, 10 * side.lines[0].box.height);
      // Letters stand: ascenders of h are above the other letters.
      const Box& line = side.elsewhere->box;
      const Box back = side.elsewhere->transform.ToInput(line);
      EXPECT_NEAR(back.x + back.width / 2, side.box.x + side.box.width / 2, 6);
      EXPECT_NEAR(back.y, side.box.y, 6);
      EXPECT_NEAR(back.height, side.box.height, 12);
      const PointF start = side.elsewhere->transform.ToInput(
          PointF{static_cast<double>(line.x), side.lines[0].baseline_y});
      EXPECT_NEAR(start.y, turns == 1 ? side.box.y : side.box.bottom(), 6) << turns;
    }
  }
}

TEST(GeometricLayout, ColumnOfNumbersIsNoLineDownThePage) {
  TestPage drawn(1000, 1300);
  for (int i = 0; i < 20; ++i) {
    drawn.Word(40, 100 + 30 * i, 1, {.font = 24});
    drawn.Line(120, 100 + 30 * i, 700);
  }
  for (const RegionLabel label : Labels(Analyze(drawn.image)))
    EXPECT_NE(label, RegionLabel::kVerticalText);
}

TEST(GeometricLayout, LightWritingOnADarkPanelIsRead) {
  TestPage drawn(1000, 1000);
  Paragraph(&drawn, 100, 100, 760, 4);
  drawn.Fill({100, 300, 760, 300}, 30);
  for (int i = 0; i < 6; ++i) {
    drawn.Line(130, 350 + 40 * i, i % 2 == 0 ? 600 : 350,
               {.font = 24, .level = static_cast<uint8_t>(i % 3 == 0 ? 150 : 235)});
  }
  Paragraph(&drawn, 100, 700, 760, 4);
  const LayoutPage page = Analyze(drawn.image);
  size_t n_lines = 0;
  for (const LayoutRegion& region : page.regions) {
    EXPECT_NE(region.label, RegionLabel::kImage);
    n_lines += region.lines.size();
  }
  EXPECT_EQ(n_lines, 5u + 6u + 5u);
  // The picture shows the panel dark on light.
  EXPECT_GT(page.image.row(310)[3 * 110], 200);
}

TEST(GeometricLayout, LightHeadOfATable) {
  TestPage drawn(1000, 500);
  drawn.Fill({100, 100, 601, 50}, 70);
  for (int y = 100; y <= 300; y += 50) drawn.HorizontalRule(100, 701, y);
  for (const int x : {100, 400, 700}) drawn.VerticalRule(x, 100, 301);
  for (int row = 0; row < 4; ++row) {
    for (const int x : {120, 420}) {
      drawn.Line(x, 132 + 50 * row, 200,
                 {.font = 24, .level = static_cast<uint8_t>(row == 0 ? 255 : 0)});
    }
  }
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 1u);
  ASSERT_EQ(page.regions[0].cells.size(), 8u);
  for (const TableCell& cell : page.regions[0].cells) {
    EXPECT_EQ(cell.lines.size(), 1u) << cell.row << " " << cell.column;
    EXPECT_EQ(cell.header, cell.row == 0);
  }
}

TEST(GeometricLayout, TitlesByTypeAndTheirLevels) {
  TestPage drawn(1000, 1400);
  drawn.Line(100, 120, 500, {.font = 48});
  drawn.Line(100, 200, 300, {.font = 34});
  int y = Paragraph(&drawn, 100, 250, 760, 4);
  drawn.Line(100, y + 20, 300, kBold);
  y = Paragraph(&drawn, 100, y + 60, 760, 4);
  drawn.Line(100, y + 30, 300, {.font = 34});
  Paragraph(&drawn, 100, y + 80, 760, 8);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page),
              ElementsAre(RegionLabel::kDocTitle, RegionLabel::kParagraphTitle, RegionLabel::kText,
                          RegionLabel::kParagraphTitle, RegionLabel::kText,
                          RegionLabel::kParagraphTitle, RegionLabel::kText));
  std::vector<int> levels;
  for (const LayoutRegion& region : page.regions) levels.push_back(region.heading_level);
  EXPECT_THAT(levels, ElementsAre(1, 2, 0, 3, 0, 2, 0));
}

TEST(GeometricLayout, PageFurnitureStandsApart) {
  TestPage drawn(1240, 1754);
  drawn.Line(120, 70, 400, {.font = 18});
  for (int y = 160; y <= 1560; y += 30) drawn.Line(120, y, 1000);
  drawn.Word(612, 1700, 2, {.font = 24});
  LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page),
              ElementsAre(RegionLabel::kHeader, RegionLabel::kText, RegionLabel::kNumber));
  // A page whose text goes on to its edges has none.
  TestPage full(1240, 1754);
  for (int y = 60; y <= 1720; y += 30) full.Line(120, y, 1000);
  page = Analyze(full.image);
  ASSERT_THAT(Labels(page), ElementsAre(RegionLabel::kText));
}

TEST(GeometricLayout, FrameIsReadByItself) {
  TestPage drawn(1200, 1200);
  Paragraph(&drawn, 80, 100, 640, 20);
  drawn.Frame({780, 200, 360, 300});
  for (int i = 0; i < 7; ++i) drawn.Line(800, 240 + 36 * i, 320);
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_EQ(page.regions.size(), 2u);
  ASSERT_THAT(LineCounts(page), ElementsAre(21, 7));
}

TEST(GeometricLayout, UncoveredInkIsReported) {
  TestPage drawn(1000, 800);
  Paragraph(&drawn, 100, 100, 760, 4);
  for (int i = 0; i < 120; ++i) drawn.Fill({300 + i, 500 + i, 4, 2}, 0);  // a slanting stroke
  const LayoutPage page = Analyze(drawn.image);
  ASSERT_THAT(Labels(page), ElementsAre(RegionLabel::kText, RegionLabel::kImage));
}

TEST(GeometricLayout, PagesWithoutTextAndOddSizes) {
  EXPECT_TRUE(Analyze(Image(800, 1000, 255)).regions.empty());
  EXPECT_TRUE(Analyze(Image(1, 1, 0)).regions.empty());
  Analyze(Image(800, 1000, 0));
  for (const int width : {1, 2, 3, 17, 64, 300}) {
    for (const int height : {1, 2, 5, 33, 200}) {
      auto page = MakeGeometricLayout()->Analyze(TestPattern(width, height, 7));
      EXPECT_TRUE(page.ok() || page.error().code == ErrorCode::kResourceExhausted);
    }
  }
  EXPECT_EQ(MakeGeometricLayout()->Analyze(Image()).error().code, ErrorCode::kInvalidArgument);
}

// A lattice of more lines than any table has, and noise all over the page: an error or a page, in
// seconds.
TEST(GeometricLayout, PatternsEndInTime) {
  TestPage lattice(3000, 3000);
  for (int i = 0; i < 3000; i += 6) lattice.HorizontalRule(0, 3000, i, 1);
  for (int i = 0; i < 3000; i += 6) lattice.VerticalRule(i, 0, 3000, 1);
  TestPage fields(3000, 3000);
  for (int i = 0; i < 3000; i += 20) fields.HorizontalRule(0, 3000, i);
  for (int i = 0; i < 3000; i += 20) fields.VerticalRule(i, 0, 3000);
  for (const Image& image : {lattice.image, fields.image, TestPattern(2000, 2000, 3)}) {
    const auto begin = std::chrono::steady_clock::now();
    auto page = MakeGeometricLayout()->Analyze(image);
    EXPECT_TRUE(page.ok() || page.error().code == ErrorCode::kResourceExhausted);
    // 1 s and less in a Release build; sanitizers take ten times as long.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  }
}

}  // namespace
}  // namespace glmocr
