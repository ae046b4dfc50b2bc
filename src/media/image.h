// An RGB picture in memory: the one pixel type that leaves the decoders and enters resize, line
// finding and patchify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace glmocr {

struct Image {
  int width_px = 0;
  int height_px = 0;
  std::vector<uint8_t> rgb;  // [height_px, width_px, 3] u8, row-major, no padding

  Image() = default;
  // All pixels set to `fill` in the three channels. Sizes >= 0.
  Image(int width, int height, uint8_t fill = 0)
      : width_px(width),
        height_px(height),
        rgb(static_cast<size_t>(width) * static_cast<size_t>(height) * 3, fill) {}

  size_t row_bytes() const { return static_cast<size_t>(width_px) * 3; }
  uint8_t* row(int y) { return rgb.data() + static_cast<size_t>(y) * row_bytes(); }
  const uint8_t* row(int y) const { return rgb.data() + static_cast<size_t>(y) * row_bytes(); }
  bool empty() const { return width_px <= 0 || height_px <= 0; }
};

// A rectangle of pixels: columns [x, x + width), rows [y, y + height). May reach outside a picture
// where documented.
struct Box {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  int right() const { return x + width; }
  int bottom() const { return y + height; }
  bool operator==(const Box&) const = default;
};

}  // namespace glmocr
