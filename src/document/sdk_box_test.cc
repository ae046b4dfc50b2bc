#include "document/sdk_box.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

// Values of the SDK's arithmetic in Python:
//   norm = int(x / size * 1000); pixel = int(norm * size / 1000)
TEST(SdkCropBox, S2_TruncatesTwice) {
  EXPECT_EQ(SdkCropBox(BoxIn1000({100, 200, 700, 900}, 1654, 2339), 1654, 2339),
            (Box{99, 198, 699, 901}));
  EXPECT_EQ(SdkCropBox(BoxIn1000({0, 0, 1654, 2339}, 1654, 2339), 1654, 2339),
            (Box{0, 0, 1654, 2339}));
  EXPECT_EQ(SdkCropBox(BoxIn1000({29, 57, 1, 1}, 100, 100), 100, 100), (Box{29, 57, 1, 1}));
  EXPECT_EQ(SdkCropBox(BoxIn1000({1, 1, 1, 1}, 3000, 3000), 3000, 3000), (Box{0, 0, 0, 0}));
}

}  // namespace
}  // namespace glmocr
