#include "media/page_transform.h"

#include <gtest/gtest.h>

#include <cmath>

#include "media/lines.h"
#include "media/page_ink.h"

namespace glmocr {
namespace {

constexpr int kWidth = 1654, kHeight = 2339;
// A matrix of doubles applied to coordinates of four digits and back.
constexpr double kExact = 1e-8;

std::vector<PointF> SomePoints() {
  std::vector<PointF> points;
  for (const double x : {0.0, 0.5, 100.0, 826.9, 1654.0}) {
    for (const double y : {0.0, 1.25, 777.0, 2339.0}) points.push_back({x, y});
  }
  return points;
}

void ExpectRoundTrip(const PageTransform& transform) {
  for (const PointF& p : SomePoints()) {
    const PointF back = transform.FromInput(transform.ToInput(p));
    EXPECT_NEAR(back.x, p.x, kExact);
    EXPECT_NEAR(back.y, p.y, kExact);
    const PointF there = transform.ToInput(transform.FromInput(p));
    EXPECT_NEAR(there.x, p.x, kExact);
    EXPECT_NEAR(there.y, p.y, kExact);
  }
}

TEST(PageTransform, SmallAnglesLeadThereAndBack) {
  for (const double degrees : {0.2, 0.7, 1.2, 2.7, 5.0, 8.0, -0.2, -1.2, -8.0}) {
    SCOPED_TRACE(degrees);
    const PageTransform turned =
        PageTransform::Rotation(degrees, {900, 1200}, {827, 1170}, kWidth, kHeight);
    EXPECT_FALSE(turned.IsIdentity());
    EXPECT_FALSE(turned.KeepsAxes());
    ExpectRoundTrip(turned);
    // The fixed point; and what lies right of it, lies lower in a page that was turned clockwise.
    EXPECT_NEAR(turned.ToInput(PointF{900, 1200}).x, 827, kExact);
    EXPECT_NEAR(turned.ToInput(PointF{900, 1200}).y, 1170, kExact);
    const PointF right = turned.ToInput(PointF{1000, 1200});
    EXPECT_NEAR(right.x, 827 + 100 * std::cos(degrees * M_PI / 180), kExact);
    EXPECT_NEAR(right.y, 1170 + 100 * std::sin(degrees * M_PI / 180), kExact);
  }
}

TEST(PageTransform, QuarterTurnsAreExact) {
  // A page of 30 x 20 whose upper left pixel is turned with it.
  const Box upper_left = {0, 0, 1, 1};
  EXPECT_EQ(PageTransform::QuarterTurns(0, 30, 20).ToInput(upper_left), upper_left);
  EXPECT_EQ(PageTransform::QuarterTurns(1, 20, 30).ToInput(upper_left), (Box{19, 0, 1, 1}));
  EXPECT_EQ(PageTransform::QuarterTurns(2, 30, 20).ToInput(upper_left), (Box{29, 19, 1, 1}));
  EXPECT_EQ(PageTransform::QuarterTurns(3, 20, 30).ToInput(upper_left), (Box{0, 29, 1, 1}));
  EXPECT_EQ(PageTransform::QuarterTurns(-1, 20, 30).ToInput(upper_left), (Box{0, 29, 1, 1}));
  EXPECT_TRUE(PageTransform::QuarterTurns(4, 20, 30).IsIdentity());
  for (int turns = -4; turns < 8; ++turns) {
    const PageTransform turned = PageTransform::QuarterTurns(turns, kWidth, kHeight);
    ExpectRoundTrip(turned);
    EXPECT_TRUE(turned.KeepsAxes());
    // The whole upright page is the whole input.
    const bool lying = turns % 2 != 0;
    EXPECT_EQ(turned.ToInput({0, 0, lying ? kHeight : kWidth, lying ? kWidth : kHeight}),
              (Box{0, 0, kWidth, kHeight}));
  }
  // Four quarters, one after the other, are none.
  PageTransform all = PageTransform::Identity(kWidth, kHeight);
  for (int i = 0; i < 4; ++i) {
    const bool lying = i % 2 != 0;
    all = PageTransform::QuarterTurns(1, lying ? kHeight : kWidth, lying ? kWidth : kHeight)
              .Compose(all);
  }
  EXPECT_TRUE(all.IsIdentity());
}

TEST(PageTransform, BoxesStayInTheInput) {
  const PageTransform turned = PageTransform::Rotation(2, {60, 60}, {50, 50}, 100, 100);
  for (int x = -20; x < 140; x += 7) {
    for (int y = -20; y < 140; y += 7) {
      const Box box = turned.ToInput({x, y, 30, 9});
      EXPECT_GE(box.x, 0);
      EXPECT_GE(box.y, 0);
      EXPECT_GE(box.width, 1);
      EXPECT_GE(box.height, 1);
      EXPECT_LE(box.right(), 100);
      EXPECT_LE(box.bottom(), 100);
    }
  }
  const PageTransform same = PageTransform::Identity(100, 100);
  EXPECT_TRUE(same.IsIdentity());
  EXPECT_EQ(same.ToInput({5, 6, 7, 8}), (Box{5, 6, 7, 8}));
  EXPECT_EQ(same.ToInput({-5, 96, 7, 8}), (Box{0, 96, 2, 4}));
}

TEST(PageTransform, ComposesFromTheInside) {
  // A cut of a page that was turned, turned once more.
  const PageTransform page =
      PageTransform::Rotation(1.5, {900, 1200}, {827, 1170}, kWidth, kHeight);
  const PageTransform cut = PageTransform::Crop({100, 200, 400, 300}, 1700, 2380).Compose(page);
  EXPECT_EQ(cut.input_width_px(), kWidth);
  const PageTransform inner =
      PageTransform::Rotation(-0.5, {210, 160}, {200, 150}, 400, 300).Compose(cut);
  ExpectRoundTrip(inner);
  const PointF fixed = inner.ToInput(PointF{210, 160});
  const PointF expected = page.ToInput(PointF{300, 350});
  EXPECT_NEAR(fixed.x, expected.x, kExact);
  EXPECT_NEAR(fixed.y, expected.y, kExact);
  EXPECT_FALSE(inner.IsIdentity());
}

TEST(PageTransform, PerspectiveLeadsBackAndFlatMatricesAreRefused) {
  const PageTransform tilted =
      PageTransform::FromMatrix({1.1, 0.02, 5, -0.03, 0.95, 8, 1e-5, 2e-5, 1}, kWidth, kHeight);
  ExpectRoundTrip(tilted);
  EXPECT_FALSE(tilted.KeepsAxes());
  EXPECT_TRUE(PageTransform::FromMatrix({1, 0, 0, 2, 0, 0, 0, 0, 1}, 9, 9).IsIdentity());
}

// Squares drawn on a turned page: what straightening did to them is what the transform says.
TEST(PageTransform, IsWhatStraighteningDoesToPixels) {
  for (const double degrees : {0.2, 0.7, 2.0, 5.0, -1.2}) {
    SCOPED_TRACE(degrees);
    // Lines of blocks of 10 x 10 pixels, drawn turned about the page's middle.
    Image page(900, 1200, 255);
    const PageTransform drawn = PageTransform::Rotation(degrees, {450, 600}, {450, 600}, 900, 1200);
    for (int y = 0; y < 1200; ++y) {
      for (int x = 0; x < 900; ++x) {
        const PointF p = drawn.FromInput({x + 0.5, y + 0.5});
        const bool block = p.x > 100 && p.x < 800 && p.y > 100 && p.y < 1100 &&
                           std::fmod(p.x, 20) < 10 && std::fmod(p.y, 40) < 10;
        if (block) std::fill_n(page.row(y) + static_cast<ptrdiff_t>(3 * x), 3, 0);
      }
    }
    const auto ink = FindInk(page);
    ASSERT_TRUE(ink.ok());
    EXPECT_NEAR(ink->skew_degrees, degrees, 0.1);
    ASSERT_GT(ink->letters.size(), 500u);
    // Each block's middle, led back to the page as drawn, is a block's middle. Finding leaves half
    // a pixel, and a wrong angle would move those at the border.
    double worst = 0;
    for (const Box& b : ink->letters) {
      if (b.width > 12 || b.height > 12) continue;
      const PointF p = drawn.FromInput(
          ink->transform.ToInput(PointF{b.x + b.width / 2.0, b.y + b.height / 2.0}));
      worst =
          std::max({worst, std::fabs(std::fmod(p.x, 20) - 5), std::fabs(std::fmod(p.y, 40) - 5)});
    }
    EXPECT_LT(worst, 1.1);
  }
}

}  // namespace
}  // namespace glmocr
