// How light a pixel looks.
#pragma once

#include <cstdint>

namespace glmocr {

// 0 to 255, of three bytes R, G, B: BT.601's weights in 256ths.
inline uint8_t Lightness(const uint8_t* rgb) {
  return static_cast<uint8_t>((77 * rgb[0] + 151 * rgb[1] + 28 * rgb[2]) >> 8);
}

}  // namespace glmocr
