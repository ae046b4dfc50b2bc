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
  const TextLayerUse use(layer, page);
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
  TextLayerUse(layer, page).Fill(0, page.regions[0]);
  EXPECT_EQ(page.regions[0].text, "<table><tr><td>a b</td><td>c</td></tr></table>");
}

}  // namespace
}  // namespace glmocr
