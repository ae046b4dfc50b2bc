// How large a page's picture is, as the official SDK renders: dpi/72 pixels a point, less when the
// long side would get more than max_side_px.
#pragma once

#include <algorithm>
#include <cmath>

namespace glmocr::pdf {

struct PixelSize {
  int width_px = 0;
  int height_px = 0;
};

// Sides in points, finite and > 0. Each side rounds up unless it is a thousandth of a pixel away
// from the lower number, as MuPDF rounds (what the SDK renders with), and is at least 1.
inline PixelSize SizeOfPage(double width_pt, double height_pt, double dpi, int max_side_px) {
  const double long_pt = std::max(width_pt, height_pt);
  const double scale = std::min(dpi / 72, max_side_px / long_pt);
  const auto side = [&](double points) {
    return static_cast<int>(std::clamp(std::ceil(points * scale - 0.001), 1.0, 1.0 * max_side_px));
  };
  return {side(width_pt), side(height_pt)};
}

}  // namespace glmocr::pdf
