#include "media/resize.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "media/test_pattern.h"

namespace glmocr {
namespace {

std::string Digest(const Image& image) {
  return HashBytes(image.rgb.data(), image.rgb.size()).Hex();
}

TEST(Resize, EqualsPillowBitForBit) {
  auto text = ReadFile(GLMOCR_SOURCE_DIR "/tests/golden/media/resize.json", 1 << 20);
  ASSERT_TRUE(text.ok());
  const auto rows = nlohmann::json::parse(*text);
  ASSERT_GE(rows.size(), 60u);
  ThreadPool pool(3);
  for (const auto& row : rows) {
    SCOPED_TRACE(row.dump());
    const Image in = TestPattern(row[0], row[1], row[4]);
    const Image out = ResizeBicubic(in, row[2], row[3]);
    EXPECT_EQ(out.width_px, row[2]);
    EXPECT_EQ(out.height_px, row[3]);
    EXPECT_EQ(Digest(out), row[5]);
    EXPECT_EQ(ResizeBicubic(in, row[2], row[3], &pool).rgb, out.rgb);
  }
}

TEST(Resize, InterpolationEqualsTorchBitForBit) {
  auto text = ReadFile(GLMOCR_SOURCE_DIR "/tests/golden/media/interpolate.json", 1 << 20);
  ASSERT_TRUE(text.ok());
  const auto rows = nlohmann::json::parse(*text);
  ASSERT_GE(rows.size(), 50u);
  ThreadPool pool(3);
  for (const auto& row : rows) {
    SCOPED_TRACE(row.dump());
    const Image in = TestPattern(row[0], row[1], row[4]);
    const Image out = InterpolateBicubic(in, row[2], row[3]);
    EXPECT_EQ(out.width_px, row[2]);
    EXPECT_EQ(out.height_px, row[3]);
    EXPECT_EQ(Digest(out), row[5]);
    EXPECT_EQ(InterpolateBicubic(in, row[2], row[3], &pool).rgb, out.rgb);
  }
}

TEST(Resize, SameSizeIsACopy) {
  const Image in = TestPattern(31, 17, 1);
  EXPECT_EQ(ResizeBicubic(in, 31, 17).rgb, in.rgb);
}

TEST(Crop, CopiesEveryPixel) {
  Image image(5, 4);
  for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(i);
  const Image cut = Crop(image, {1, 2, 3, 2});
  ASSERT_EQ(cut.width_px, 3);
  ASSERT_EQ(cut.height_px, 2);
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 9; ++x) EXPECT_EQ(cut.row(y)[x], image.row(y + 2)[x + 3]);
  }
}

TEST(Crop, TakesTheBox) {
  const Image in = TestPattern(9, 7, 1);
  const Image out = Crop(in, {2, 3, 4, 2});
  ASSERT_EQ(out.rgb.size(), 4u * 2 * 3);
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 12; ++x) EXPECT_EQ(out.row(y)[x], in.row(3 + y)[2 * 3 + x]);
  }
}

}  // namespace
}  // namespace glmocr
