#include "pipeline/text_layer_use.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

PdfTextLayer Layer(std::vector<PdfWord> words) {
  PdfTextLayer layer;
  layer.words = std::move(words);
  layer.good = true;
  return layer;
}

TEST(TextLayerUse, GivesWordsToTheRegionsTheyLieIn) {
  ReadPage page = {.width_px = 300, .height_px = 200};
  page.regions.push_back({.box_px = {0, 0, 100, 100}});
  page.regions.push_back({.box_px = {100, 0, 100, 100}});
  page.regions.push_back({.box_px = {10, 40, 30, 20}, .label = RegionLabel::kImage});
  const PdfTextLayer layer = Layer({{"second", {5, 20, 40, 10}, 1},
                                    {"line", {50, 20, 40, 10}, 1},
                                    {"first", {5, 5, 40, 10}, 0},
                                    {"right", {110, 5, 40, 10}, 2},
                                    {"in", {15, 45, 10, 8}, 3},
                                    {"below", {5, 150, 40, 10}, 4}});
  const TextLayerUse use(layer, page, LayerWords::kAll);
  ASSERT_TRUE(use.Covers(0));
  use.Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "first second line") << "lines from top to bottom";
  ASSERT_EQ(page.regions[0].lines.size(), 2u);
  EXPECT_EQ(page.regions[0].lines[1].box_px, (Box{5, 20, 85, 10}));
  EXPECT_TRUE(page.regions[0].from_text_layer);
  use.Fill(1, page.regions[1]);
  EXPECT_EQ(page.regions[1].text, "right");
  EXPECT_TRUE(use.Covers(2)) << "the smaller region inside the larger has its word";
  const std::vector<ReadRegion> uncovered = use.Uncovered();
  ASSERT_EQ(uncovered.size(), 1u);
  EXPECT_EQ(uncovered[0].text, "below");
}

TEST(TextLayerUse, FillsCells) {
  ReadPage page = {.width_px = 200, .height_px = 100};
  ReadRegion table = {.box_px = {0, 0, 200, 100}, .label = RegionLabel::kTable};
  table.cells.push_back({.row = 0, .column = 0, .box_px = {0, 0, 100, 100}});
  table.cells.push_back({.row = 0, .column = 1, .box_px = {100, 0, 100, 100}});
  page.regions.push_back(table);
  const PdfTextLayer layer =
      Layer({{"a", {10, 10, 10, 10}, 0}, {"c", {110, 10, 10, 10}, 0}, {"b", {10, 30, 10, 10}, 1}});
  TextLayerUse(layer, page, LayerWords::kAll).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "<table><tr><td>a b</td><td>c</td></tr></table>");
}

ReadRegion TwoLines() {
  ReadRegion region = {.box_px = {10, 10, 200, 50}};
  region.lines.push_back(
      {.box_px = {10, 10, 200, 20},
       .place = {.start = {10, 26}, .end = {210, 26}, .ascent_px = 16, .descent_px = 4}});
  region.lines.push_back(
      {.box_px = {10, 40, 200, 20},
       .place = {.start = {10, 56}, .end = {210, 56}, .ascent_px = 16, .descent_px = 4}});
  return region;
}

TEST(TextLayerUse, MarksStayInTheirLine) {
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  // The mark comes last in the layer, as a line of its own that begins above the region.
  const PdfTextLayer layer = Layer({{"Ada", {10, 12, 40, 16}, 0},
                                    {"and", {70, 12, 40, 16}, 0},
                                    {"Tom", {120, 12, 40, 16}, 0},
                                    {"below", {10, 42, 60, 16}, 1},
                                    {"1", {51, 4, 6, 9}, 2},
                                    {"2", {161, 9, 6, 9}, 3}});
  TextLayerUse(layer, page, LayerWords::kAll).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "Ada1 and Tom2 below");
  ASSERT_EQ(page.regions[0].lines.size(), 2u);
  EXPECT_EQ(page.regions[0].lines[0].place.start.y, 26);
  ASSERT_EQ(page.regions[0].lines[0].words.size(), 3u);
  EXPECT_EQ(page.regions[0].lines[0].words[0].text, "Ada1");
}

TEST(TextLayerUse, LargeInitialsBeginTheirFirstLine) {
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  page.regions[0].box_px.x = 50;
  const PdfTextLayer layer = Layer({{"T", {10, 10, 35, 48}, 0},
                                    {"he", {50, 12, 20, 16}, 1},
                                    {"first", {80, 12, 40, 16}, 1},
                                    {"second", {50, 42, 60, 16}, 2}});
  TextLayerUse(layer, page, LayerWords::kAll).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "The first second");
}

// As programs write it that do not move the first lines aside.
TEST(TextLayerUse, InitialsOverTheirLineBeginIt) {
  for (const int left : {10, 6, 14}) {
    ReadPage page = {.width_px = 300, .height_px = 100};
    page.regions.push_back(TwoLines());
    const PdfTextLayer layer = Layer({{"T", {left, 10, 35, 48}, 0},
                                      {"he", {10, 12, 16, 16}, 1},
                                      {"harbour", {30, 12, 40, 16}, 1},
                                      {"second", {10, 42, 60, 16}, 2}});
    TextLayerUse(layer, page, LayerWords::kAll).Fill(0, page.regions[0]);
    EXPECT_EQ(page.regions[0].text, "The harbour second") << left;
  }
  // Readers of PDFs may put a space behind the letter; only a word of one letter may have one.
  for (const auto& [initial, text] : {std::pair{"T", "The"}, std::pair{"A", "A he"}}) {
    ReadPage page = {.width_px = 300, .height_px = 100};
    page.regions.push_back(TwoLines());
    const PdfTextLayer layer = Layer({{initial, {10, 10, 35, 48}, 0}, {"he", {48, 12, 16, 16}, 0}});
    TextLayerUse(layer, page, LayerWords::kAll).Fill(0, page.regions[0]);
    EXPECT_EQ(page.regions[0].text, text);
  }
  // What is high further to the right is none.
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  const PdfTextLayer layer =
      Layer({{"sum", {10, 12, 30, 16}, 0}, {"(", {50, 4, 8, 34}, 0}, {"x", {60, 12, 10, 16}, 0}});
  TextLayerUse(layer, page, LayerWords::kAll).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "sum ( x");
}

// Layout took two lines for one because an initial joins them.
TEST(TextLayerUse, RowsOfOneLineStayApart) {
  ReadPage page = {.width_px = 300, .height_px = 100};
  ReadRegion region = {.box_px = {10, 10, 200, 50}};
  region.lines.push_back(
      {.box_px = {10, 10, 200, 50},
       .place = {.start = {10, 56}, .end = {210, 56}, .ascent_px = 46, .descent_px = 4}});
  page.regions.push_back(region);
  const PdfTextLayer layer = Layer({{"T", {10, 10, 35, 48}, 0},
                                    {"he", {50, 12, 20, 16}, 1},
                                    {"office", {80, 17, 40, 11}, 1},
                                    {"1", {121, 10, 5, 6}, 4},
                                    {"was", {50, 47, 30, 11}, 2},
                                    {"here", {90, 42, 40, 16}, 2}});
  const TextLayerUse use(layer, page, LayerWords::kAll);
  EXPECT_TRUE(use.WordsBetween(0, 0, 0, 300).empty());
  use.Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "The office1 was here");
}

TEST(TextLayerUse, AMarkThatLayoutTookForARegionIsPartOfItsWord) {
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  page.regions.push_back({.box_px = {52, 8, 6, 12}});
  page.regions.push_back({.box_px = {150, 8, 6, 12}});
  const PdfTextLayer layer = Layer({{"long.1", {10, 8, 50, 20}, 0}, {"next", {10, 42, 50, 16}, 1}});
  const TextLayerUse use(layer, page, LayerWords::kAll);
  EXPECT_FALSE(use.IsPartOfAWord(0));
  EXPECT_TRUE(use.IsPartOfAWord(1));
  EXPECT_FALSE(use.IsPartOfAWord(2));
}

TEST(TextLayerUse, DropsWhatIsWrittenTwiceAndCountsWhatLiesOnTop) {
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  const PdfTextLayer layer = Layer({{"bold", {10, 12, 40, 16}, 0},
                                    {"word", {60, 12, 40, 16}, 0},
                                    {"bold", {11, 12, 40, 16}, 1},
                                    {"word", {61, 12, 40, 16}, 1},
                                    {"over", {60, 42, 40, 16}, 2},
                                    {"lain", {58, 42, 40, 16}, 3}});
  const TextLayerUse use(layer, page, LayerWords::kAll);
  EXPECT_EQ(use.n_on_top(), 1);
  use.Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].lines[0].text, "bold word");
}

TEST(TextLayerUse, OnlyShownWordsCountWhereItIsAskedFor) {
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  const PdfTextLayer layer =
      Layer({{"shown", {10, 12, 40, 16}, 0, true}, {"hidden", {60, 12, 40, 16}, 0}});
  TextLayerUse(layer, page, LayerWords::kDrawn).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "shown");
}

TEST(TextLayerUse, InkBesideTheWordsIsNotCovered) {
  Image picture(300, 100, 255);
  const auto ink = [&](int x0, int x1, int y) {
    for (int x = x0; x < x1; ++x)
      for (int dy = 0; dy < 12; ++dy) std::fill_n(picture.row(y + dy) + 3 * x, 3, uint8_t{0});
  };
  ink(10, 110, 14);
  ink(10, 70, 44);
  ReadPage page = {.width_px = 300, .height_px = 100};
  page.regions.push_back(TwoLines());
  PdfTextLayer layer = Layer({{"first", {10, 12, 100, 16}, 0}, {"second", {10, 42, 60, 16}, 1}});
  EXPECT_TRUE(TextLayerUse(layer, page, LayerWords::kAll).CoversAll(0, picture));
  ink(200, 208, 44);  // a tick
  EXPECT_TRUE(TextLayerUse(layer, page, LayerWords::kAll).CoversAll(0, picture));
  ink(120, 160, 44);
  EXPECT_FALSE(TextLayerUse(layer, page, LayerWords::kAll).CoversAll(0, picture));
  layer.words.push_back({"third", {118, 42, 44, 16}, 1});
  EXPECT_TRUE(TextLayerUse(layer, page, LayerWords::kAll).CoversAll(0, picture));
  layer.words.back().text = "th\xef\xbf\xbdrd";
  EXPECT_FALSE(TextLayerUse(layer, page, LayerWords::kAll).CoversAll(0, picture));
}

// The words of a page that was turned by two degrees, in lines of the straightened page.
TEST(TextLayerUse, FollowsATurnedPage) {
  const PageTransform turned = PageTransform::Rotation(2, {515, 418}, {500, 400}, 1000, 800);
  const Box line = {100, 200, 800, 24};
  ReadPage page = {.width_px = 1000, .height_px = 800};
  ReadRegion region = {.box_px = turned.ToInput(Box{100, 190, 800, 70})};
  for (int l = 0; l < 2; ++l) {
    const double baseline = 220 + 30 * l;
    region.lines.push_back(
        {.box_px = turned.ToInput(Box{line.x, line.y + 30 * l, line.width, line.height}),
         .place = {.start = turned.ToInput(PointF{100, baseline}),
                   .end = turned.ToInput(PointF{900, baseline}),
                   .ascent_px = 20,
                   .descent_px = 4}});
  }
  page.regions.push_back(region);
  // Words in the order of their x; the second line's first word is as high as the first's last.
  PdfTextLayer layer;
  const char* texts[] = {"one", "two", "three", "four"};
  for (int w = 0; w < 4; ++w)
    for (int l = 0; l < 2; ++l)
      layer.words.push_back({.text = std::string(texts[w]) + (l == 0 ? "" : "s"),
                             .box_px = turned.ToInput(Box{100 + 200 * w, 202 + 30 * l, 150, 20}),
                             .line = w});
  TextLayerUse(layer, page, LayerWords::kAll, turned).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "one two three four ones twos threes fours");
  ASSERT_EQ(page.regions[0].lines.size(), 2u);
  const ReadLine& first = page.regions[0].lines[0];
  ASSERT_EQ(first.words.size(), 4u);
  const PointF start = turned.FromInput(first.words[2].place.start);
  EXPECT_NEAR(start.x, 500, 2);
  EXPECT_NEAR(start.y, 220, 2);
}

}  // namespace
}  // namespace glmocr
