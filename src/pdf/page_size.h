// How large a page's picture is, as the official SDK renders: dpi/72 pixels a point, less when the
// long side would get more than max_side_px; large pages in as many pixels as memory allows.
#pragma once

#include <algorithm>
#include <cmath>

namespace glmocr::pdf {

struct PixelSize {
  int width_px = 0;
  int height_px = 0;
};

// The longest page that max_side_px is meant for: at 200 dpi it has 3,500 pixels.
inline constexpr double kLongestPlainPagePt = 1260;
// Larger ones (till receipts, posters) would be unreadable at that size. They get a share of the
// pixels that a square page may have, so that memory stays bounded: 226 x 8000 points keep 200 dpi.
inline constexpr double kLargePageShare = 3;
// Of any page's picture: what JPEG can hold.
inline constexpr int kMaxPictureSidePx = 65'000;

// The most pixels that a page gets, before its sides are rounded up.
inline double MaxPixelsOfPage(int max_side_px) {
  return kLargePageShare * max_side_px * max_side_px;
}

// Sides in points, finite and > 0. Each side rounds up unless it is a thousandth of a pixel away
// from the lower number, as MuPDF rounds (what the SDK renders with), and is at least 1.
inline PixelSize SizeOfPage(double width_pt, double height_pt, double dpi, int max_side_px) {
  const double long_pt = std::max(width_pt, height_pt);
  double scale = std::min(dpi / 72, max_side_px / long_pt);
  int longest_px = max_side_px;
  if (long_pt > kLongestPlainPagePt && scale < dpi / 72) {
    const double fit = std::sqrt(MaxPixelsOfPage(max_side_px) / (width_pt * height_pt));
    scale = std::max(scale, std::min({dpi / 72, fit, kMaxPictureSidePx / long_pt}));
    longest_px = kMaxPictureSidePx;
  }
  const auto side = [&](double points) {
    return static_cast<int>(std::clamp(std::ceil(points * scale - 0.001), 1.0, 1.0 * longest_px));
  };
  return {side(width_pt), side(height_pt)};
}

// Whether SizeOfPage may have said so of some page.
inline bool MayBeSizeOfPage(int width_px, int height_px, int max_side_px) {
  if (width_px < 1 || height_px < 1 || max_side_px < 1) return false;
  if (width_px <= max_side_px && height_px <= max_side_px) return true;
  return width_px <= kMaxPictureSidePx && height_px <= kMaxPictureSidePx &&
         (width_px - 1.0) * (height_px - 1.0) <= MaxPixelsOfPage(max_side_px);
}

}  // namespace glmocr::pdf
