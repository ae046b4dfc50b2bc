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

LayoutPage PageOf(std::vector<LayoutRegion> regions, double skew = 0) {
  LayoutPage page = {.image = Image(100, 100), .skew_degrees = skew};
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

TEST(UncoveredLayout, LeavesTurnedPagesAlone) {
  EXPECT_EQ(Found(PageOf({}), PageOf({{.box = {10, 10, 50, 20}}}, 1.5)).size(), 0u);
}

}  // namespace
}  // namespace glmocr
