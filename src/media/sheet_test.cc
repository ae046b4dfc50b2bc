#include "media/sheet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "media/levels.h"
#include "media/test_sample.h"

namespace glmocr {
namespace {

// The page on a ground of this gray, with so many pixels of it at the left and right, and at the
// top and bottom.
Image Framed(const Image& page, int gray, int across, int down) {
  Image out(page.width_px + 2 * across, page.height_px + 2 * down, static_cast<uint8_t>(gray));
  for (int y = 0; y < page.height_px; ++y)
    std::copy_n(page.row(y), page.row_bytes(), out.row(y + down) + 3 * across);
  return out;
}

int Lightness(const Image& image, int x, int y) {
  const uint8_t* rgb = image.row(y) + 3 * x;
  return (rgb[0] + rgb[1] + rgb[2]) / 3;
}

TEST(Sheet, OfAPageThatFillsItsPictureIsNotLookedFor) {
  for (const char* name : {"page.png", "article.png", "scan.png"})
    EXPECT_FALSE(FindSheet(Sample(name)).value().has_value()) << name;
  for (const Image& image :
       {Image(900, 700, 255), Image(900, 700, 0), Image(1, 10000, 9), Image(1, 1, 0)})
    EXPECT_FALSE(FindSheet(image).value().has_value());
  EXPECT_FALSE(FindSheet(Image()).ok());
}

TEST(Sheet, FramesArePaintedInThePapersColour) {
  const Image page = Sample("page.png");
  for (const int gray : {0, 40, 80, 120}) {
    for (const auto& [across, down] : {std::pair{40, 0}, {0, 50}, {30, 30}, {12, 90}}) {
      const Image framed = Framed(page, gray, across, down);
      const auto sheet = FindSheet(framed).value();
      ASSERT_TRUE(sheet.has_value()) << gray << " " << across << " " << down;
      EXPECT_TRUE(sheet->transform.IsIdentity());
      for (int x = 0; x < framed.width_px; x += 7) {
        EXPECT_GT(Lightness(sheet->image, x, 0), 200) << gray << " at " << x;
        EXPECT_GT(Lightness(sheet->image, x, framed.height_px - 1), 200) << gray << " at " << x;
      }
      // What the page shows is as it was.
      int other = 0;
      for (int y = 20; y < page.height_px - 20; y += 3)
        other += !std::equal(page.row(y) + 60, page.row(y) + page.row_bytes() - 60,
                             sheet->image.row(y + down) + 3 * across + 60);
      EXPECT_EQ(other, 0);
    }
  }
}

// A bar with writing at the edge is part of the page.
TEST(Sheet, BarsWithWritingStay) {
  const Image page = Sample("page.png");
  Image barred = Framed(page, 40, 0, 120);
  for (int x = 60; x < 500; x += 20) {
    for (int y = 40; y < 70; ++y) std::fill_n(barred.row(y) + 3 * x, 3 * 8, uint8_t{255});
  }
  const auto sheet = FindSheet(barred).value();
  if (sheet) {
    EXPECT_EQ(Lightness(sheet->image, 64, 50), 255);
    EXPECT_EQ(Lightness(sheet->image, 64, 30), 40);
  }
}

TEST(Sheet, APhotographedSheetBecomesARectangle) {
  // Seen from the lower left: its right side is the shorter one.
  const Image page = Sample("page.png");
  const int w = page.width_px, h = page.height_px;
  Image photo(w + 200, h + 200, 60);
  const auto edge_top = [&](double x) { return 60 + 0.06 * (x - 90); };
  const auto edge_bottom = [&](double x) { return h + 130 - 0.05 * (x - 90); };
  for (int x = 90; x < w + 80; ++x) {
    const double top = edge_top(x), bottom = edge_bottom(x);
    for (int y = static_cast<int>(top); y < bottom; ++y) {
      const int v = std::clamp(static_cast<int>((y - top) / (bottom - top) * h), 0, h - 1);
      const int u = std::clamp(static_cast<int>((x - 90.0) / (w - 10) * w), 0, w - 1);
      std::copy_n(page.row(v) + 3 * u, 3, photo.row(y) + 3 * x);
    }
  }
  const auto sheet = FindSheet(photo).value();
  ASSERT_TRUE(sheet.has_value());
  EXPECT_FALSE(sheet->transform.KeepsAxes());
  const double sw = sheet->image.width_px, sh = sheet->image.height_px;
  // A corner is found to two squares of the small picture, and the sheet is taken a little within.
  const double reach = 8.0 * std::max(photo.width_px, photo.height_px) / 480;
  const auto near = [&](const PointF& upright, double x, double y) {
    const PointF p = sheet->transform.ToInput(upright);
    EXPECT_NEAR(p.x, x, reach);
    EXPECT_NEAR(p.y, y, reach);
  };
  near({0, 0}, 90, edge_top(90));
  near({sw, 0}, w + 80, edge_top(w + 80));
  near({sw, sh}, w + 80, edge_bottom(w + 80));
  near({0, sh}, 90, edge_bottom(90));
}

TEST(SpreadLevels, LeavesWhatIsReadableAlone) {
  for (const char* name : {"page.png", "article.png", "scan.png"})
    EXPECT_FALSE(SpreadLevels(Sample(name)).has_value()) << name;
  EXPECT_FALSE(SpreadLevels(Image(300, 300, 255)).has_value());
  EXPECT_FALSE(SpreadLevels(Image(300, 300, 20)).has_value());
  Image grain(300, 300);
  for (size_t i = 0; i < grain.rgb.size(); i += 3) {
    // A sum of six is nearly normal.
    int sum = 0;
    for (int k = 0; k < 6; ++k) sum += static_cast<int>((i * 2654435761u >> (k * 3)) % 23);
    grain.rgb[i] = grain.rgb[i + 1] = grain.rgb[i + 2] = static_cast<uint8_t>(30 + sum / 3);
  }
  EXPECT_FALSE(SpreadLevels(grain).has_value());
}

TEST(SpreadLevels, MakesWritingDarkOnLight) {
  struct Case {
    std::array<uint8_t, 3> ground, ink;
  };
  for (const Case& c : {Case{{15, 15, 15}, {0, 0, 0}}, Case{{200, 0, 0}, {0, 0, 200}},
                        Case{{180, 180, 180}, {150, 150, 150}}, Case{{0, 110, 0}, {215, 0, 0}}}) {
    Image page(400, 300);
    for (int y = 0; y < 300; ++y) {
      for (int x = 0; x < 400; ++x) {
        const bool ink = y % 40 < 12 && x % 17 < 5;
        std::copy_n((ink ? c.ink : c.ground).begin(), 3, page.row(y) + 3 * x);
      }
    }
    const auto spread = SpreadLevels(page);
    ASSERT_TRUE(spread.has_value());
    EXPECT_GT(std::abs(Lightness(*spread, 2, 2) - Lightness(*spread, 10, 20)), 200);
  }
}

}  // namespace
}  // namespace glmocr
