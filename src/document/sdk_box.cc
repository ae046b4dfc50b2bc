#include "document/sdk_box.h"

#include <algorithm>
#include <cstdint>

namespace glmocr {

int In1000(int pixels, int size_px) {
  return size_px <= 0 ? 0 : static_cast<int>(static_cast<double>(pixels) / size_px * 1000);
}

std::array<int, 4> BoxIn1000(const Box& box, int width_px, int height_px) {
  return {In1000(box.x, width_px), In1000(box.y, height_px), In1000(box.right(), width_px),
          In1000(box.bottom(), height_px)};
}

Box SdkCropBox(const std::array<int, 4>& box, int width_px, int height_px) {
  const auto pixels = [](int in_1000, int size_px) {
    const auto at = static_cast<int64_t>(in_1000) * size_px / 1000;
    return static_cast<int>(std::clamp<int64_t>(at, 0, size_px));
  };
  const int left = pixels(box[0], width_px), top = pixels(box[1], height_px);
  return {left, top, std::max(0, pixels(box[2], width_px) - left),
          std::max(0, pixels(box[3], height_px) - top)};
}

}  // namespace glmocr
