#include "models/glm_ocr/positions.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

constexpr int32_t kImage = 59280;

// The worked example of the published forward fixture: 4 tokens, a 24 x 24 grid, 4 tokens.
TEST(SpecRows, M1_PositionsOfTextImageText) {
  std::vector<int32_t> ids = {59248, 59250, 59253, 59256};
  ids.insert(ids.end(), 144, kImage);
  ids.insert(ids.end(), {59257, 1, 2, 3});
  const std::array<int32_t, 3> grids[] = {{1, 24, 24}};
  const PromptPositions p = *ComputePromptPositions(ids, kImage, grids, 2);
  ASSERT_EQ(p.positions.size(), 152u);
  EXPECT_EQ(p.positions[3], (RopePosition{3, 3, 3}));
  EXPECT_EQ(p.positions[4], (RopePosition{4, 4, 4}));
  EXPECT_EQ(p.positions[4 + 12 * 5 + 7], (RopePosition{4, 9, 11}));
  EXPECT_EQ(p.positions[147], (RopePosition{4, 15, 15}));
  EXPECT_EQ(p.positions[148], (RopePosition{16, 16, 16}));
  EXPECT_EQ(p.positions[151], (RopePosition{19, 19, 19}));
  EXPECT_EQ(p.rope_delta, -132);
}

TEST(Positions, TwoPicturesInARowAreSplitByTheirGrids) {
  const std::vector<int32_t> ids(2 + 6, kImage);
  const std::array<int32_t, 3> grids[] = {{1, 2, 4}, {1, 6, 4}};
  const PromptPositions p = *ComputePromptPositions(ids, kImage, grids, 2);
  EXPECT_EQ(p.positions[1], (RopePosition{0, 0, 1}));
  EXPECT_EQ(p.positions[2], (RopePosition{2, 2, 2}));
  EXPECT_EQ(p.positions[7], (RopePosition{2, 4, 3}));
  EXPECT_EQ(p.rope_delta, 5 - 8);
}

TEST(Positions, MismatchedPlaceholdersAreErrors) {
  const std::array<int32_t, 3> grids[] = {{1, 4, 4}};
  EXPECT_FALSE(
      ComputePromptPositions(std::vector<int32_t>{1, kImage, kImage, 2}, kImage, grids, 2).ok());
  EXPECT_FALSE(ComputePromptPositions(std::vector<int32_t>{1, 2}, kImage, grids, 2).ok());
  EXPECT_FALSE(ComputePromptPositions(std::vector<int32_t>{kImage}, kImage, {}, 2).ok());
  EXPECT_TRUE(ComputePromptPositions(std::vector<int32_t>{1, 2}, kImage, {}, 2).ok());
  EXPECT_EQ(ComputePromptPositions(std::vector<int32_t>{1, 2}, kImage, {}, 2)->rope_delta, 0);
}

TEST(SpecRows, V9_PatchPositionsFollowMergeWindows) {
  const auto hw = PatchPositions({1, 4, 6}, 2);
  ASSERT_EQ(hw.size(), 24u);
  EXPECT_EQ(hw[1], (std::array<int32_t, 2>{0, 1}));
  EXPECT_EQ(hw[2], (std::array<int32_t, 2>{1, 0}));
  EXPECT_EQ(hw[4], (std::array<int32_t, 2>{0, 2}));
  EXPECT_EQ(hw[12], (std::array<int32_t, 2>{2, 0}));
}

}  // namespace
}  // namespace glmocr
