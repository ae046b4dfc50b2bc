// Arithmetic on boxes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "media/image.h"

namespace glmocr {

// The smallest box that holds both.
inline Box Union(const Box& a, const Box& b) {
  const int x = std::min(a.x, b.x), y = std::min(a.y, b.y);
  return {x, y, std::max(a.right(), b.right()) - x, std::max(a.bottom(), b.bottom()) - y};
}

inline int64_t Area(const Box& box) { return int64_t{box.width} * box.height; }

// The area that two boxes share.
inline int64_t OverlapArea(const Box& a, const Box& b) {
  const int64_t width = std::min(a.right(), b.right()) - std::max(a.x, b.x);
  const int64_t height = std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

}  // namespace glmocr
