// The outline of a region's mask as a polygon.
//
// Border following and the simplification of curves give OpenCV's results (findContours with
// external borders and compressed runs, approxPolyDP), which the reference calls, without OpenCV:
// it is a dependency of hundreds of megabytes for a hundred lines
// (docs/decisions/0011-layout-model.md). Ref: transformers
// models/pp_doclayout_v3/image_processing_pp_doclayout_v3.py, _extract_polygon_points_by_masks,
// _mask2polygon, extract_custom_vertices; Suzuki & Abe 1985; Douglas & Peucker 1973.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace glmocr {

struct PolygonPoint {
  double x = 0, y = 0;
  bool operator==(const PolygonPoint&) const = default;
};

struct GridPoint {
  int x = 0, y = 0;
  bool operator==(const GridPoint&) const = default;
};

// A mask of width x height pixels drawn over box_width x box_height pixels, each taking its nearest
// source pixel downwards (cv2.INTER_NEAREST), without being stored at that size.
class ScaledMask {
 public:
  // `mask` [height, width] row by row, `stride` apart; not 0: inside. Sizes >= 1.
  ScaledMask(const uint8_t* mask, int width, int height, int stride, GridPoint box);

  // Corners of the outer border of the component with the greatest area, in the order of border
  // following: clockwise on the page from the top row's first pixel. Empty without a pixel inside.
  std::vector<GridPoint> LargestContour() const;

 private:
  bool At(int x, int y) const {
    return x >= 0 && y >= 0 && x < box_.x && y < box_.y &&
           mask_[rows_[static_cast<size_t>(y)] * stride_ + columns_[static_cast<size_t>(x)]] != 0;
  }
  std::vector<GridPoint> FollowBorder(GridPoint start) const;

  const uint8_t* mask_;
  int stride_;
  GridPoint box_;
  std::vector<int> rows_, columns_;  // source of each row and column
};

// A closed curve with fewer points, none of the dropped ones further than `epsilon` away.
std::vector<GridPoint> SimplifyClosed(std::span<const GridPoint> curve, double epsilon);

// Convex corners of the curve only; corners of 45 degrees are moved outwards.
std::vector<PolygonPoint> ConvexCorners(std::span<const GridPoint> curve);

// The polygon of a mask over its box, relative to the box's corner: empty when fewer than four
// corners are left, or nothing is inside.
std::vector<PolygonPoint> MaskPolygon(const ScaledMask& mask);

}  // namespace glmocr
