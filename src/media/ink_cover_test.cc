#include "media/ink_cover.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace glmocr {
namespace {

void Fill(Image& image, const Box& box, uint8_t level) {
  for (int y = box.y; y < box.bottom(); ++y)
    std::fill_n(image.row(y) + box.x * 3, box.width * 3, level);
}

// Letters of 6 x 10 pixels, 12 apart.
void Write(Image& image, int x, int y, int n, uint8_t level = 0) {
  for (int i = 0; i < n; ++i) Fill(image, {x + 12 * i, y, 6, 10}, level);
}

TEST(InkCover, SharesOfWhatLiesInBoxes) {
  Image page(400, 300, 250);
  Write(page, 20, 20, 10);
  Write(page, 20, 120, 20);
  Write(page, 20, 220, 10);
  const Box text[] = {{20, 20, 114, 10}};
  const Box pictures[] = {{10, 100, 380, 50}};
  const InkCover cover = MeasureInk(page, text, pictures, LetterHeight::kMeasure);
  EXPECT_EQ(cover.page_px, 400 * 300);
  EXPECT_EQ(cover.ink_px, 40 * 60);
  EXPECT_DOUBLE_EQ(cover.uncovered(), 0.25);
  EXPECT_DOUBLE_EQ(cover.in_pictures(), 0.5);
  EXPECT_EQ(cover.letter_px, 10);
}

TEST(InkCover, TextWithinAPictureIsText) {
  Image page(400, 300, 250);
  Write(page, 20, 120, 20);
  const Box text[] = {{20, 120, 114, 10}};
  const Box pictures[] = {{0, 0, 400, 300}};
  EXPECT_DOUBLE_EQ(MeasureInk(page, text, pictures).in_pictures(), 0.5);
}

TEST(InkCover, PaperIsWhatIsLightestNearby) {
  Image page(400, 300, 250);
  Fill(page, {0, 0, 400, 150}, 120);  // a shadow
  Write(page, 20, 20, 10, 50);
  EXPECT_EQ(MeasureInk(page, {}, {}).ink_px, 10 * 60);
  Image grain(400, 300, 250);
  for (size_t i = 0; i < grain.rgb.size(); ++i)
    grain.rgb[i] = static_cast<uint8_t>(215 + i * 7919 % 41);
  EXPECT_EQ(MeasureInk(grain, {}, {}).ink_px, 0);
}

TEST(InkCover, RulesAndSolidAreasAreNoInk) {
  Image page(800, 600, 250);
  Fill(page, {50, 50, 700, 3}, 0);
  Fill(page, {50, 50, 3, 500}, 0);
  EXPECT_EQ(MeasureInk(page, {}, {}).ink_px, 0);
  Fill(page, {200, 100, 400, 400}, 0);
  EXPECT_EQ(MeasureInk(page, {}, {}).ink_px, 0) << "every run of it is long";
}

TEST(InkCover, EmptyPage) {
  EXPECT_EQ(MeasureInk(Image(), {}, {}).ink(), 0);
  EXPECT_EQ(MeasureInk(Image(1, 1, 0), {}, {}, LetterHeight::kMeasure).letter_px, 0);
}

}  // namespace
}  // namespace glmocr
