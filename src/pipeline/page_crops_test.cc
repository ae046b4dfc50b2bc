#include "pipeline/page_crops.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

// Values of the SDK's arithmetic in Python:
//   norm = int(x / size * 1000); pixel = int(norm * size / 1000)
TEST(SdkCropBox, S2_TruncatesTwice) {
  EXPECT_EQ(SdkCropBox({100, 200, 700, 900}, 1654, 2339), (Box{99, 198, 699, 901}));
  EXPECT_EQ(SdkCropBox({0, 0, 1654, 2339}, 1654, 2339), (Box{0, 0, 1654, 2339}));
  EXPECT_EQ(SdkCropBox({29, 57, 1, 1}, 100, 100), (Box{29, 57, 1, 1}));
  EXPECT_EQ(SdkCropBox({1, 1, 1, 1}, 3000, 3000), (Box{0, 0, 0, 0}));
}

TEST(CutOut, CopiesTheBox) {
  Image image(5, 4);
  for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(i);
  const Image cut = CutOut(image, {1, 2, 3, 2});
  ASSERT_EQ(cut.width_px, 3);
  ASSERT_EQ(cut.height_px, 2);
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 9; ++x) EXPECT_EQ(cut.row(y)[x], image.row(y + 2)[x + 3]);
  }
}

}  // namespace
}  // namespace glmocr
