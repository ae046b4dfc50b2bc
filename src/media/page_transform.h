// Where a point of the picture that is read lies in the picture that came in, and back.
//
// Pages are made upright before they are read; everything that leaves the program (boxes,
// baselines, outlines) is in pixels of the input. The two pictures are related by a 3x3 projective
// matrix: turning today, and the same type holds quarter turns, cropping and perspective.
// Coordinates are continuous: pixel i covers [i, i + 1). How to use:
//   const PageTransform turned = PageTransform::Rotation(1.2, {400, 300}, {380, 280}, 760, 560);
//   const Box on_input = turned.ToInput(box_on_upright);
//   const PageTransform both = first.Compose(second);  // second's input is first's upright picture
#pragma once

#include <array>
#include <vector>

#include "media/image.h"

namespace glmocr {

struct PointF {
  double x = 0;
  double y = 0;
  bool operator==(const PointF&) const = default;
};

class PageTransform {
 public:
  using Matrix = std::array<double, 9>;  // row-major; a point is a column (x, y, 1)

  // The identity of a picture without pixels; ToInput(Box) must not be called.
  PageTransform() = default;
  // The upright picture is the input.
  static PageTransform Identity(int input_width_px, int input_height_px);
  // The input was turned by `degrees` (clockwise positive), and turned back so that its point
  // `input` is the point `upright` of the upright picture.
  static PageTransform Rotation(double degrees, const PointF& upright, const PointF& input,
                                int input_width_px, int input_height_px);
  // The input was turned clockwise by `turns` quarters, any number; the upright picture holds all
  // of its pixels and no more. Exact.
  static PageTransform QuarterTurns(int turns, int input_width_px, int input_height_px);
  // The upright picture is what `box` shows of the input.
  static PageTransform Crop(const Box& box, int input_width_px, int input_height_px);
  // Any invertible matrix from the upright picture to the input. Of others (determinant 0) the
  // result is the identity.
  static PageTransform FromMatrix(const Matrix& to_input, int input_width_px, int input_height_px);

  // This transform of a picture that is itself the upright picture of `before`: leads to the input
  // of `before`.
  PageTransform Compose(const PageTransform& before) const;

  PointF ToInput(const PointF& upright) const;
  PointF FromInput(const PointF& input) const;
  // The corners of `upright` in the input, clockwise from the upper left as it is read. They may
  // lie outside of it.
  std::array<PointF, 4> CornersInInput(const Box& upright) const;
  // The smallest box that holds them, cut off at the input's borders. At least one pixel wide and
  // high: of a box outside of the input, the nearest pixels.
  Box ToInput(const Box& upright) const;

  // Both pictures have the same pixels in the same places.
  bool IsIdentity() const { return identity_; }
  // Lines of text in the input run along its rows or columns, so that a box says all.
  bool KeepsAxes() const;

  const Matrix& matrix() const { return to_input_; }
  int input_width_px() const { return width_px_; }
  int input_height_px() const { return height_px_; }

 private:
  PageTransform(const Matrix& to_input, const Matrix& from_input, int width_px, int height_px);

  Matrix to_input_ = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  Matrix from_input_ = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  int width_px_ = 0, height_px_ = 0;
  bool identity_ = true;
};

// The smallest box that holds the points, cut off at the borders of a picture of this size; at
// least one pixel each way.
Box BoundingBox(const std::vector<PointF>& points, int width_px, int height_px);

}  // namespace glmocr
