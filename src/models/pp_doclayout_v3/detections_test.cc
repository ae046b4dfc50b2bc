// Post-processing against transformers' own results (tools/goldens/layout_postprocess.py), and what
// it does with outputs that no sound network gives.
#include "models/pp_doclayout_v3/detections.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "kernels/select.h"

namespace glmocr {
namespace {

using nlohmann::json;

json Golden() {
  return json::parse(
      ReadFile(GLMOCR_SOURCE_DIR "/tests/golden/layout/postprocess.json", 1 << 22).value());
}

TEST(LayoutDetections, RanksAreThoseOfTheReference) {
  const json golden = Golden();
  ASSERT_EQ(golden.at("ranks").size(), 4u);
  for (const json& c : golden.at("ranks")) {
    const auto logits = c.at("logits").get<std::vector<float>>();
    const auto n = c.at("n").get<int64_t>();
    EXPECT_EQ(ReadingRanks({logits.data(), n, n}), c.at("ranks").get<std::vector<int>>());
  }
}

TEST(LayoutDetections, PolygonsAreThoseOfTheReference) {
  size_t n_outlines = 0;
  int number = 0;
  const json golden = Golden();
  for (const json& c : golden.at("polygons")) {
    SCOPED_TRACE(number++);
    const int size = c.at("size");
    std::vector<float> logits;
    for (const auto& row : c.at("mask")) {
      for (const char pixel : row.get<std::string>()) logits.push_back(pixel == '#' ? 5.0f : -5.0f);
    }
    const auto box = c.at("box").get<std::array<float, 4>>();
    const auto polygon = PolygonInBox(
        {logits.data(), size, size}, box,
        {.threshold = 0.3f, .page_width_px = c.at("page")[0], .page_height_px = c.at("page")[1]});
    const auto want = c.at("polygon").get<std::vector<std::array<double, 2>>>();
    EXPECT_EQ(polygon.size(), want.size());
    if (polygon.size() != want.size()) continue;
    n_outlines += want.size() > 4 ? 1 : 0;
    for (size_t i = 0; i < want.size(); ++i) {
      // Corners are whole numbers; those that are moved come out of sines and roots.
      EXPECT_NEAR(polygon[i].x, want[i][0], 1e-6) << "point " << i;
      EXPECT_NEAR(polygon[i].y, want[i][1], 1e-6) << "point " << i;
    }
  }
  EXPECT_GT(n_outlines, 20u);
}

LayoutOutputs Outputs(int64_t n_queries, int64_t n_labels) {
  LayoutOutputs out;
  out.logits.Resize(n_queries, n_labels);
  out.boxes.Resize(n_queries, 4);
  out.order_logits.Resize(n_queries, n_queries);
  out.mask_queries.Resize(n_queries, 2);
  out.mask_features.Resize(8, 8, 2);
  const auto fill = [](Matrix* m, float x) { std::fill_n(m->data(), m->rows() * m->cols(), x); };
  fill(&out.logits, -9);
  fill(&out.boxes, 0.5f);
  fill(&out.order_logits, 0);
  fill(&out.mask_queries, 1);
  fill(&out.mask_features.pixels, 1);
  return out;
}

class DetectTest : public ::testing::Test {
 protected:
  Result<std::vector<LayoutDetection>> Run(const LayoutOutputs& out) {
    return Detect(ctx_, out, {.threshold = 0.3f, .page_width_px = 100, .page_height_px = 200});
  }
  ThreadPool pool_{2};
  Context ctx_{.kernels = SelectKernels("auto").value(), .pool = &pool_, .compute = Compute::kF32};
};

// One query under two labels gives two regions with one rank.
TEST_F(DetectTest, OneQueryMayHaveSeveralLabels) {
  LayoutOutputs out = Outputs(3, 4);
  out.logits.row(1)[0] = 1;
  out.logits.row(1)[3] = 2;
  const auto found = Run(out);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].label, 3);
  EXPECT_EQ((*found)[1].label, 0);
  EXPECT_EQ((*found)[0].order, (*found)[1].order);
  EXPECT_EQ((*found)[0].box, (std::array<float, 4>{25, 50, 75, 150}));
}

// S3: a box without area, whose mask crop is empty, has its corners for a polygon.
TEST_F(DetectTest, BoxesWithoutAreaKeepTheirCorners) {
  LayoutOutputs out = Outputs(2, 4);
  out.logits.row(0)[1] = 3;
  std::fill_n(out.boxes.row(0), 4, 0.0f);
  const auto found = Run(out);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].polygon, std::vector<PolygonPoint>(4));
}

TEST_F(DetectTest, OutputsThatAreNoNumbersAreLeftOut) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  LayoutOutputs out = Outputs(4, 4);
  for (int q = 0; q < 4; ++q) out.logits.row(q)[q] = 3;
  out.logits.row(0)[0] = nan;
  out.boxes.row(1)[2] = nan;
  out.boxes.row(2)[0] = std::numeric_limits<float>::infinity();
  std::fill_n(out.order_logits.data(), 16, nan);
  std::fill_n(out.mask_features.pixels.data(), 128, nan);
  const auto found = Run(out);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].label, 3);
  EXPECT_EQ((*found)[0].polygon.size(), 4u);
}

}  // namespace
}  // namespace glmocr
