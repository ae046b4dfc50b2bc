#include "media/orientation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "media/test_sample.h"

namespace glmocr {
namespace {

// Part of it, from the row `from`.
Image Rows(const Image& image, int from, int n) {
  Image out(image.width_px, n);
  std::copy_n(image.row(from), image.row_bytes() * static_cast<size_t>(n), out.row(0));
  return out;
}

Image SkewedBy(const Image& image, double degrees) {
  const double c = std::cos(degrees * M_PI / 180), s = std::sin(degrees * M_PI / 180);
  const int w = image.width_px, h = image.height_px;
  const int side_x = static_cast<int>(w * c + h * std::fabs(s)) + 2;
  const int side_y = static_cast<int>(h * c + w * std::fabs(s)) + 2;
  Image out(side_x, side_y, 255);
  for (int y = 0; y < side_y; ++y) {
    for (int x = 0; x < side_x; ++x) {
      const double u = x - side_x / 2.0, v = y - side_y / 2.0;
      const int sx = static_cast<int>(c * u + s * v + w / 2.0);
      const int sy = static_cast<int>(-s * u + c * v + h / 2.0);
      if (sx < 0 || sy < 0 || sx >= w || sy >= h) continue;
      std::copy_n(image.row(sy) + 3 * sx, 3, out.row(y) + 3 * x);
    }
  }
  return out;
}

TEST(Orientation, OfSamplesIsFoundForEveryTurn) {
  for (const char* name : {"page.png", "article.png", "scan.png"}) {
    const Image page = Sample(name);
    for (int turns = 0; turns < 4; ++turns) {
      const Orientation found = FindOrientation(TurnQuarters(page, turns)).value();
      EXPECT_TRUE(found.sure) << name << " turned by " << turns;
      EXPECT_EQ(found.turns, turns) << name;
    }
  }
}

TEST(Orientation, OfSkewedPagesIsFound) {
  const Image page = Rows(Sample("page.png"), 100, 500);
  for (const double degrees : {-20.0, -7.0, 4.0, 12.0, 20.0}) {
    for (int turns = 0; turns < 4; ++turns) {
      const Orientation found =
          FindOrientation(TurnQuarters(SkewedBy(page, degrees), turns)).value();
      EXPECT_TRUE(found.sure) << degrees << " turned by " << turns;
      EXPECT_EQ(found.turns, turns) << degrees;
    }
  }
}

// A few lines are enough, and their direction is known before what is up.
TEST(Orientation, OfFewLinesIsFound) {
  const Image part = Rows(Sample("page.png"), 100, 260);
  for (int turns = 0; turns < 4; ++turns) {
    const Orientation found = FindOrientation(TurnQuarters(part, turns)).value();
    EXPECT_TRUE(found.sure_direction);
    EXPECT_EQ(found.turns, turns);
  }
}

TEST(Orientation, OfNothingIsUnsure) {
  for (const Image& page :
       {Image(800, 600, 255), Image(1, 1, 0), Image(1, 10000, 255), Image(5000, 2, 0)}) {
    const Orientation found = FindOrientation(page).value();
    EXPECT_FALSE(found.sure);
    EXPECT_FALSE(found.sure_direction);
  }
  EXPECT_FALSE(FindOrientation(Image()).ok());
}

// Bricks of one height have a direction but neither up nor down.
TEST(Orientation, OfBricksIsUnsure) {
  Image page(700, 500, 255);
  for (int y = 30; y < 460; y += 30) {
    for (int x = 30; x < 650; x += 14) {
      for (int dy = 0; dy < 15; ++dy)
        std::fill_n(page.row(y + dy) + 3 * x, 3 * 10, static_cast<uint8_t>(10));
    }
  }
  const Orientation found = FindOrientation(page).value();
  EXPECT_TRUE(found.sure_direction);
  EXPECT_EQ(found.turns % 2, 0);
  EXPECT_FALSE(found.sure);
}

TEST(TurnQuarters, IsUndoneByTheRest) {
  Image image(70, 130);
  for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(i * 7 % 251);
  for (int turns = -5; turns < 6; ++turns)
    EXPECT_EQ(TurnQuarters(TurnQuarters(image, turns), -turns).rgb, image.rgb) << turns;
  const Image once = TurnQuarters(image, 1);  // the upper left corner goes to the upper right
  EXPECT_EQ(once.width_px, 130);
  EXPECT_EQ(once.row(0)[3 * 129], image.row(0)[0]);
}

}  // namespace
}  // namespace glmocr
