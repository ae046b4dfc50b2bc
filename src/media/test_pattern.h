// For tests: the picture that tools/goldens/make_media_goldens.py calls pattern(w, h, seed).
#pragma once

#include "media/image.h"

namespace glmocr {

inline Image TestPattern(int width, int height, uint64_t seed) {
  Image image(width, height);
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    uint64_t v = (i + seed) * 0x9E3779B97F4A7C15ull;
    v = (v ^ (v >> 32)) * 0xD6E8FEB86659FD93ull;
    image.rgb[i] = static_cast<uint8_t>(v >> 56);
  }
  return image;
}

}  // namespace glmocr
