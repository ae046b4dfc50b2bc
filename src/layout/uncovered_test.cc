#include "layout/uncovered.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

// Says always the same.
class FixedLayout : public LayoutEngine {
 public:
  explicit FixedLayout(LayoutPage page) : page_(std::move(page)) {}
  std::string_view name() const override { return "fixed"; }
  Result<LayoutPage> Analyze(const Image&) const override { return page_; }
  std::string fingerprint() const override { return "fixed"; }

 private:
  LayoutPage page_;
};

LayoutPage PageOf(std::vector<LayoutRegion> regions,
                  PageTransform transform = PageTransform::Identity(100, 100)) {
  LayoutPage page = {.image = Image(100, 100), .transform = std::move(transform)};
  page.regions = std::move(regions);
  return page;
}

std::vector<LayoutRegion> Found(LayoutPage own, LayoutPage other) {
  const auto layout = WithUncovered(std::make_unique<FixedLayout>(std::move(own)),
                                    std::make_unique<FixedLayout>(std::move(other)));
  return layout->Analyze(Image(100, 100))->regions;
}

TEST(UncoveredLayout, AddsTextThatNoRegionHolds) {
  const auto regions = Found(PageOf({{.score = 0.9f, .box = {0, 0, 100, 40}}}),
                             PageOf({{.box = {10, 10, 50, 20}},
                                     {.box = {0, 30, 50, 20}},
                                     {.box = {0, 36, 50, 20}},
                                     {.label = RegionLabel::kImage, .box = {0, 60, 50, 20}},
                                     {.label = RegionLabel::kTable, .box = {50, 60, 50, 40}}}));
  ASSERT_EQ(regions.size(), 3u);
  EXPECT_EQ(regions[0].score, 0.9f);
  EXPECT_EQ(regions[1].box, (Box{0, 36, 50, 20})) << "one fifth of it is covered";
  EXPECT_EQ(regions[1].score, 0);
  EXPECT_EQ(regions[2].label, RegionLabel::kTable);
}

TEST(UncoveredLayout, OfAStraightenedPageRegionsAreWhereTheInputShowsThem) {
  // Upside down.
  const auto turned = PageTransform::QuarterTurns(2, 100, 100);
  const std::vector<TextLine> lines(3);
  const auto regions = Found(
      PageOf({{.score = 0.9f, .box = {0, 60, 100, 40}}}),
      PageOf({{.box = {10, 10, 50, 20}, .lines = lines}, {.box = {0, 60, 50, 20}, .lines = lines}},
             turned));
  ASSERT_EQ(regions.size(), 2u) << "the first is covered";
  EXPECT_EQ(regions[1].box, (Box{50, 20, 50, 20}));
  ASSERT_TRUE(regions[1].elsewhere);
  EXPECT_EQ(regions[1].lines.size(), 3u) << "of the pixels that are read";
  EXPECT_EQ(regions[1].elsewhere->box, (Box{0, 60, 50, 20}));
  EXPECT_EQ(regions[1].elsewhere->transform.ToInput(regions[1].elsewhere->box), regions[1].box);
  EXPECT_TRUE(regions[1].polygon.empty());
}

TEST(UncoveredLayout, OfASkewedPageRegionsHaveOutlines) {
  const auto skewed = PageTransform::Rotation(5, {50, 50}, {50, 50}, 100, 100);
  const auto regions = Found(PageOf({}), PageOf({{.box = {20, 40, 60, 20}}}, skewed));
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].polygon.size(), 4u);
  EXPECT_GT(regions[0].box.height, 20);
  EXPECT_LT(regions[0].box.height, 30);
}

TEST(UncoveredLayout, LinesOfTheSamePixelsAreKept) {
  const std::vector<TextLine> lines(3);
  EXPECT_EQ(Found(PageOf({}), PageOf({{.box = {10, 10, 50, 20}, .lines = lines}}))[0].lines.size(),
            3u);
  LayoutPage lit = PageOf({{.box = {10, 10, 50, 20}, .lines = lines}});
  lit.image = Image(100, 100, 255);
  const auto regions = Found(PageOf({}), lit);
  EXPECT_EQ(regions[0].lines.size(), 3u);
  EXPECT_EQ(regions[0].elsewhere->image->rgb, Image(100, 100, 255).rgb);
}

}  // namespace
}  // namespace glmocr
