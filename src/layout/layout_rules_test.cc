// The SDK's layout rules against its own results (tools/goldens/layout_postprocess.py).
#include "layout/layout_rules.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace glmocr {
namespace {

using nlohmann::json;

std::vector<PolygonPoint> Polygon(const json& points) {
  std::vector<PolygonPoint> polygon;
  if (points.is_null()) return polygon;
  for (const json& p : points) polygon.push_back({p[0].get<double>(), p[1].get<double>()});
  return polygon;
}

LayoutRules Rules(const json& options) {
  LayoutRules rules;
  rules.threshold = 0;
  if (options.contains("nms")) rules.suppress_duplicates = options["nms"];
  if (options.contains("unclip")) rules.unclip_ratio = options["unclip"];
  for (size_t i = 0; i < kRegionLabels; ++i) {
    const std::string mode = options.at("nested")[i];
    rules.nested[i] = mode == "large"   ? NestedBoxes::kLarge
                      : mode == "small" ? NestedBoxes::kSmall
                                        : NestedBoxes::kUnion;
  }
  return rules;
}

TEST(LayoutRules, RegionsAreThoseOfTheSdk) {
  const json golden = json::parse(
      ReadFile(GLMOCR_SOURCE_DIR "/tests/golden/layout/postprocess.json", 1 << 22).value());
  size_t n_in = 0, n_out = 0;
  int number = 0;
  for (const json& c : golden.at("rules")) {
    SCOPED_TRACE(number++);
    std::vector<LayoutDetection> detections;
    for (const json& d : c.at("detections")) {
      detections.push_back(
          {d.at("label"), d.at("score"), d.at("box"), d.at("order"), Polygon(d.at("polygon"))});
    }
    const auto regions =
        ApplyLayoutRules(detections, Rules(c.at("options")), c.at("page")[0], c.at("page")[1]);
    n_in += detections.size();
    n_out += regions.size();
    const json& want = c.at("regions");
    ASSERT_EQ(regions.size(), want.size());
    for (size_t i = 0; i < regions.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_EQ(regions[i].label, want[i].at("label").get<int>());
      EXPECT_EQ(RegionLabelName(static_cast<RegionLabel>(regions[i].label)),
                want[i].at("name").get<std::string>());
      EXPECT_EQ(regions[i].box, (want[i].at("box").get<std::array<int, 4>>()));
      EXPECT_EQ(regions[i].order.value_or(-1),
                want[i].at("order").is_null() ? -1 : want[i].at("order").get<int>());
      EXPECT_NEAR(regions[i].score, want[i].at("score").get<double>(), 1e-6);
      const std::vector<PolygonPoint> polygon = Polygon(want[i].at("polygon"));
      ASSERT_EQ(regions[i].polygon.size(), polygon.size());
      for (size_t p = 0; p < polygon.size(); ++p) {
        // The golden has two decimals, and the SDK stores polygons in fp32 (3,000 pixels: 2.4e-4).
        EXPECT_NEAR(regions[i].polygon[p].x, polygon[p].x, 5.5e-3);
        EXPECT_NEAR(regions[i].polygon[p].y, polygon[p].y, 5.5e-3);
      }
    }
  }
  EXPECT_LT(n_out, n_in);  // the rules have something to do
  EXPECT_GT(n_out, n_in / 4);
}

TEST(LayoutRules, ThresholdsCountPerClass) {
  const auto detection = [](int label, float score, int order) {
    return LayoutDetection{label, score, {0, order * 20.0f, 50, order * 20.0f + 10}, order, {}};
  };
  LayoutRules rules;
  rules.threshold = 0.5f;
  rules.threshold_of[static_cast<size_t>(RegionLabel::kTable)] = 0.2f;
  EXPECT_EQ(rules.LowestThreshold(), 0.2f);
  const auto regions = ApplyLayoutRules({detection(static_cast<int>(RegionLabel::kText), 0.4f, 1),
                                         detection(static_cast<int>(RegionLabel::kTable), 0.3f, 2),
                                         detection(static_cast<int>(RegionLabel::kText), 0.5f, 3)},
                                        rules, 100, 100);
  ASSERT_EQ(regions.size(), 2u);
  EXPECT_EQ(regions[0].label, static_cast<int>(RegionLabel::kTable));
  EXPECT_EQ(regions[1].order, 3);
}

// Two boxes of different classes that contain each other both go: the SDK's behaviour.
TEST(LayoutRules, MutualContainmentDeletesBoth) {
  const std::vector<LayoutDetection> detections = {
      {static_cast<int>(RegionLabel::kText), 0.9f, {10, 10, 60, 60}, 1, {}},
      {static_cast<int>(RegionLabel::kTable), 0.8f, {10, 10, 58, 58}, 2, {}}};
  EXPECT_TRUE(ApplyLayoutRules(detections, {}, 100, 100).empty());
}

}  // namespace
}  // namespace glmocr
