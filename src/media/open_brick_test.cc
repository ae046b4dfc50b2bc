#include "media/open_brick.h"

#include <gtest/gtest.h>

#include <random>

namespace glmocr {
namespace {

// Blots of many sizes, some over the edges.
PixPtr Blots(int width, int height, unsigned seed) {
  PixPtr pix(pixCreate(width, height, 1));
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    const int w = 1 + static_cast<int>(random() % 50), h = 1 + static_cast<int>(random() % 50);
    const int x = static_cast<int>(random() % static_cast<unsigned>(width + 20)) - 20;
    const int y = static_cast<int>(random() % static_cast<unsigned>(height + 20)) - 20;
    pixRasterop(pix.get(), x, y, w, h, i % 4 == 3 ? PIX_CLR : PIX_SET, nullptr, 0, 0);
  }
  return pix;
}

TEST(OpenBrick, IsLeptonicasOpening) {
  unsigned seed = 0;
  int n_ink = 0;
  for (const auto& [width, height] : {std::pair{200, 150}, {64, 33}, {31, 97}, {7, 5}}) {
    for (const int w : {1, 2, 3, 5, 8, 24, 31, 64, 80}) {
      for (const int h : {1, 2, 7, 24, 40}) {
        const PixPtr blots = Blots(width, height, ++seed);
        const PixPtr before(pixCopy(nullptr, blots.get()));
        const PixPtr ours = OpenBrick(blots.get(), w, h);
        const PixPtr theirs(pixOpenBrick(nullptr, blots.get(), w, h));
        l_int32 same = 0, empty = 0;
        pixEqual(ours.get(), theirs.get(), &same);
        EXPECT_TRUE(same) << width << " x " << height << " opened by " << w << " x " << h;
        pixEqual(blots.get(), before.get(), &same);
        EXPECT_TRUE(same) << "the input changed";
        pixZero(ours.get(), &empty);
        n_ink += empty ? 0 : 1;
      }
    }
  }
  EXPECT_GT(n_ink, 60) << "openings that leave nothing prove nothing";
}

}  // namespace
}  // namespace glmocr
