#include "media/page_transform.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace glmocr {
namespace {

using Matrix = PageTransform::Matrix;

constexpr Matrix kIdentity = {1, 0, 0, 0, 1, 0, 0, 0, 1};
// What rounding leaves of a coordinate that is a whole number of pixels.
constexpr double kRounding = 1e-6;

Matrix Times(const Matrix& a, const Matrix& b) {
  Matrix out{};
  for (size_t r = 0; r < 3; ++r) {
    for (size_t c = 0; c < 3; ++c) {
      for (size_t k = 0; k < 3; ++k) out[3 * r + c] += a[3 * r + k] * b[3 * k + c];
    }
  }
  return out;
}

PointF Apply(const Matrix& m, const PointF& p) {
  const double w = m[6] * p.x + m[7] * p.y + m[8];
  return {(m[0] * p.x + m[1] * p.y + m[2]) / w, (m[3] * p.x + m[4] * p.y + m[5]) / w};
}

Matrix Affine(double a, double b, double tx, double c, double d, double ty) {
  return {a, b, tx, c, d, ty, 0, 0, 1};
}

// [begin, end) of whole pixels around a range, within [0, size).
std::pair<int, int> Pixels(double low, double high, int size) {
  const double last = std::max(0, size - 1);
  const double begin = std::clamp(std::floor(low + kRounding), 0.0, last);
  const double end = std::clamp(std::ceil(high - kRounding), begin + 1, std::max(last, begin) + 1);
  return {static_cast<int>(begin), static_cast<int>(end)};
}

}  // namespace

PageTransform::PageTransform(const Matrix& to_input, const Matrix& from_input, int width_px,
                             int height_px)
    : to_input_(to_input),
      from_input_(from_input),
      width_px_(width_px),
      height_px_(height_px),
      identity_(to_input == kIdentity) {}

PageTransform PageTransform::Identity(int input_width_px, int input_height_px) {
  return {kIdentity, kIdentity, input_width_px, input_height_px};
}

PageTransform PageTransform::Rotation(double degrees, const PointF& upright, const PointF& input,
                                      int input_width_px, int input_height_px) {
  const double radians = degrees * std::numbers::pi / 180;
  const double c = std::cos(radians), s = std::sin(radians);
  const auto about = [c](double sine, const PointF& from, const PointF& to) {
    return Affine(c, -sine, to.x - c * from.x + sine * from.y, sine, c,
                  to.y - sine * from.x - c * from.y);
  };
  return {about(s, upright, input), about(-s, input, upright), input_width_px, input_height_px};
}

PageTransform PageTransform::QuarterTurns(int turns, int input_width_px, int input_height_px) {
  const double w = input_width_px, h = input_height_px;
  // A point of the upright page to where a clockwise turn took it.
  switch ((turns % 4 + 4) % 4) {
    case 1:
      return {Affine(0, -1, w, 1, 0, 0), Affine(0, 1, 0, -1, 0, w), input_width_px,
              input_height_px};
    case 2:
      return {Affine(-1, 0, w, 0, -1, h), Affine(-1, 0, w, 0, -1, h), input_width_px,
              input_height_px};
    case 3:
      return {Affine(0, 1, 0, -1, 0, h), Affine(0, -1, h, 1, 0, 0), input_width_px,
              input_height_px};
    default:
      return Identity(input_width_px, input_height_px);
  }
}

PageTransform PageTransform::Crop(const Box& box, int input_width_px, int input_height_px) {
  return {Affine(1, 0, box.x, 0, 1, box.y), Affine(1, 0, -box.x, 0, 1, -box.y), input_width_px,
          input_height_px};
}

PageTransform PageTransform::FromMatrix(const Matrix& m, int input_width_px, int input_height_px) {
  const Matrix adjugate = {
      m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
      m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
      m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  const double determinant = m[0] * adjugate[0] + m[1] * adjugate[3] + m[2] * adjugate[6];
  if (determinant == 0 || !std::isfinite(determinant))
    return Identity(input_width_px, input_height_px);
  Matrix inverse = adjugate;
  for (double& x : inverse) x /= determinant;
  return {m, inverse, input_width_px, input_height_px};
}

PageTransform PageTransform::Compose(const PageTransform& before) const {
  return {Times(before.to_input_, to_input_), Times(from_input_, before.from_input_),
          before.width_px_, before.height_px_};
}

PointF PageTransform::ToInput(const PointF& upright) const { return Apply(to_input_, upright); }
PointF PageTransform::FromInput(const PointF& input) const { return Apply(from_input_, input); }

std::array<PointF, 4> PageTransform::CornersInInput(const Box& upright) const {
  const double x0 = upright.x, y0 = upright.y, x1 = upright.right(), y1 = upright.bottom();
  return {ToInput(PointF{x0, y0}), ToInput(PointF{x1, y0}), ToInput(PointF{x1, y1}),
          ToInput(PointF{x0, y1})};
}

Box PageTransform::ToInput(const Box& upright) const {
  const auto corners = CornersInInput(upright);
  return BoundingBox({corners.begin(), corners.end()}, width_px_, height_px_);
}

bool PageTransform::KeepsAxes() const {
  const Matrix& m = to_input_;
  return m[6] == 0 && m[7] == 0 && ((m[1] == 0 && m[3] == 0) || (m[0] == 0 && m[4] == 0));
}

Box BoundingBox(const std::vector<PointF>& points, int width_px, int height_px) {
  if (points.empty()) return {};
  PointF low = points[0], high = points[0];
  for (const PointF& p : points) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y)};
  }
  const auto [x0, x1] = Pixels(low.x, high.x, width_px);
  const auto [y0, y1] = Pixels(low.y, high.y, height_px);
  return {x0, y0, x1 - x0, y1 - y0};
}

}  // namespace glmocr
