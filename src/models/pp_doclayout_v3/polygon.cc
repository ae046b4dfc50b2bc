#include "models/pp_doclayout_v3/polygon.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace glmocr {
namespace {

// Neighbours counter-clockwise on the page, from the right one on.
constexpr std::array<GridPoint, 8> kSteps = {
    {{1, 0}, {1, -1}, {0, -1}, {-1, -1}, {-1, 0}, {-1, 1}, {0, 1}, {1, 1}}};

GridPoint Step(GridPoint p, int direction) {
  const GridPoint& step = kSteps[static_cast<size_t>(direction)];
  return {p.x + step.x, p.y + step.y};
}

// The source of each of `to` positions.
std::vector<int> NearestSources(int from, int to) {
  const double scale = 1.0 / (static_cast<double>(to) / from);
  std::vector<int> sources(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i)
    sources[static_cast<size_t>(i)] = std::min(static_cast<int>(std::floor(i * scale)), from - 1);
  return sources;
}

// Twice the signed area.
int64_t DoubleArea(std::span<const GridPoint> curve) {
  int64_t sum = 0;
  GridPoint last = curve.back();
  for (const GridPoint& p : curve) {
    sum += int64_t{last.x} * p.y - int64_t{last.y} * p.x;
    last = p;
  }
  return sum;
}

// Lengths of steps in fp32, as OpenCV's arcLength has them.
double Perimeter(std::span<const GridPoint> curve) {
  double sum = 0;
  GridPoint last = curve.back();
  for (const GridPoint& p : curve) {
    const auto dx = static_cast<float>(p.x - last.x), dy = static_cast<float>(p.y - last.y);
    sum += std::sqrt(dx * dx + dy * dy);
    last = p;
  }
  return sum;
}

double SquaredDistance(GridPoint a, GridPoint b) {
  const double dx = a.x - b.x, dy = a.y - b.y;
  return dx * dx + dy * dy;
}

double Cross(GridPoint origin, GridPoint a, GridPoint b) {
  return static_cast<double>(a.x - origin.x) * (b.y - origin.y) -
         static_cast<double>(a.y - origin.y) * (b.x - origin.x);
}

// Squared distance of a point from the segment a-b, times the segment's squared length.
double ScaledDistance(GridPoint a, GridPoint b, GridPoint p) {
  const double length2 = SquaredDistance(a, b);
  const double along =
      static_cast<double>(p.x - a.x) * (b.x - a.x) + static_cast<double>(p.y - a.y) * (b.y - a.y);
  if (along < 0) return SquaredDistance(a, p) * length2;
  if (along > length2) return SquaredDistance(b, p) * length2;
  const double cross = Cross(a, b, p);
  return cross * cross;
}

// Points of the curve between `first` and `last` (cyclic) that Douglas-Peucker keeps, `first`
// included and `last` not, appended in order. An explicit stack: curves come from masks of any
// shape.
void Split(std::span<const GridPoint> curve, size_t first, size_t last, double epsilon2,
           std::vector<GridPoint>* kept) {
  const size_t n = curve.size();
  std::vector<std::pair<size_t, size_t>> open = {{first, last}};
  while (!open.empty()) {
    const auto [begin, end] = open.back();
    open.pop_back();
    double furthest = 0;
    size_t at = begin;
    for (size_t i = (begin + 1) % n; i != end; i = (i + 1) % n) {
      const double distance = ScaledDistance(curve[begin], curve[end], curve[i]);
      if (distance > furthest) {
        furthest = distance;
        at = i;
      }
    }
    if (furthest <= epsilon2 * SquaredDistance(curve[begin], curve[end])) {
      kept->push_back(curve[begin]);
    } else {
      open.emplace_back(at, end);
      open.emplace_back(begin, at);
    }
  }
}

// Drops corners on nearly straight slanted lines, once around.
std::vector<GridPoint> DropStraight(std::vector<GridPoint> curve, double epsilon2) {
  const size_t n = curve.size();
  size_t left = n, to = 0, next = 1;
  GridPoint start = curve[n - 1], middle = curve[0];
  for (size_t i = 0; i < n && left > 2; ++i) {
    const GridPoint end = curve[next];
    next = (next + 1) % n;
    const double dx = end.x - start.x, dy = end.y - start.y;
    const double distance = Cross(start, middle, end);
    const double onward = static_cast<double>(middle.x - start.x) * (end.x - middle.x) +
                          static_cast<double>(middle.y - start.y) * (end.y - middle.y);
    if (distance * distance <= 0.5 * epsilon2 * (dx * dx + dy * dy) && dx != 0 && dy != 0 &&
        onward >= 0) {
      --left;
      curve[to] = start = end;
      to = (to + 1) % n;
      middle = curve[next];
      next = (next + 1) % n;
      ++i;
      continue;
    }
    curve[to] = start = middle;
    to = (to + 1) % n;
    middle = end;
  }
  curve.resize(left);
  return curve;
}

}  // namespace

ScaledMask::ScaledMask(const uint8_t* mask, int width, int height, int stride, GridPoint box)
    : mask_(mask),
      stride_(stride),
      box_(box),
      rows_(NearestSources(height, box.y)),
      columns_(NearestSources(width, box.x)) {}

std::vector<GridPoint> ScaledMask::FollowBorder(GridPoint start) const {
  // The neighbour from which the border arrives at its start: the last one inside, going clockwise
  // from the left one, which is outside.
  int direction = 4;
  do {
    direction = (direction + 7) % 8;
  } while (direction != 4 && !At(Step(start, direction).x, Step(start, direction).y));
  if (direction == 4) return {start};
  const GridPoint before = Step(start, direction);
  std::vector<GridPoint> corners;
  GridPoint at = start;
  int last = (direction + 4) % 8;
  while (true) {
    GridPoint next;
    do {
      direction = (direction + 1) % 8;
      next = Step(at, direction);
    } while (!At(next.x, next.y));
    if (direction != last) corners.push_back(at);
    last = direction;
    if (next == start && at == before) return corners;
    at = next;
    direction = (direction + 4) % 8;
  }
}

std::vector<GridPoint> ScaledMask::LargestContour() const {
  // Scaling repeats rows and columns, or leaves some out: components are those of the sources in
  // use.
  std::vector<int> xs, ys;  // the first position of each distinct source
  for (int x = 0; x < box_.x; ++x) {
    if (x == 0 || columns_[static_cast<size_t>(x)] != columns_[static_cast<size_t>(x) - 1])
      xs.push_back(x);
  }
  for (int y = 0; y < box_.y; ++y) {
    if (y == 0 || rows_[static_cast<size_t>(y)] != rows_[static_cast<size_t>(y) - 1])
      ys.push_back(y);
  }
  const int nx = static_cast<int>(xs.size()), ny = static_cast<int>(ys.size());
  std::vector<uint8_t> open(xs.size() * ys.size());
  const auto cell = [&](int x, int y) -> uint8_t& {
    return open[static_cast<size_t>(y) * xs.size() + static_cast<size_t>(x)];
  };
  for (int y = 0; y < ny; ++y) {
    for (int x = 0; x < nx; ++x)
      cell(x, y) = At(xs[static_cast<size_t>(x)], ys[static_cast<size_t>(y)]) ? 1 : 0;
  }
  std::vector<GridPoint> best;
  int64_t best_area = -1;
  std::vector<GridPoint> stack;
  for (int y = 0; y < ny; ++y) {
    for (int x = 0; x < nx; ++x) {
      if (cell(x, y) == 0) continue;
      std::vector<GridPoint> contour =
          FollowBorder({xs[static_cast<size_t>(x)], ys[static_cast<size_t>(y)]});
      const int64_t area = std::abs(DoubleArea(contour));
      if (area >= best_area) {  // of equal ones the last: OpenCV lists contours from the bottom up
        best_area = area;
        best = std::move(contour);
      }
      cell(x, y) = 0;
      stack = {{x, y}};
      while (!stack.empty()) {  // the rest of the component
        const GridPoint at = stack.back();
        stack.pop_back();
        for (int direction = 0; direction < 8; ++direction) {
          const GridPoint next = Step(at, direction);
          if (next.x < 0 || next.y < 0 || next.x >= nx || next.y >= ny) continue;
          if (cell(next.x, next.y) == 0) continue;
          cell(next.x, next.y) = 0;
          stack.push_back(next);
        }
      }
    }
  }
  return best;
}

std::vector<GridPoint> SimplifyClosed(std::span<const GridPoint> curve, double epsilon) {
  const size_t n = curve.size();
  if (n == 0) return {};
  const double epsilon2 = epsilon * epsilon;
  // Two points far from each other: three times the point furthest from the last one.
  size_t start = 0, far = 0;
  double furthest = 0;
  for (int round = 0; round < 3; ++round) {
    start = (start + far) % n;
    furthest = 0;
    for (size_t i = 1; i < n; ++i) {
      const double distance = SquaredDistance(curve[start], curve[(start + i) % n]);
      if (distance > furthest) {
        furthest = distance;
        far = i;
      }
    }
  }
  if (furthest <= epsilon2) return {curve[start]};
  const size_t other = (start + far) % n;
  std::vector<GridPoint> kept;
  Split(curve, start, other, epsilon2, &kept);
  Split(curve, other, start, epsilon2, &kept);
  return DropStraight(std::move(kept), epsilon2);
}

std::vector<PolygonPoint> ConvexCorners(std::span<const GridPoint> curve) {
  constexpr double kSharpDegrees = 45;
  const size_t n = curve.size();
  std::vector<PolygonPoint> corners;
  for (size_t i = 0; i < n; ++i) {
    const GridPoint &before = curve[(i + n - 1) % n], &at = curve[i], &after = curve[(i + 1) % n];
    const double ax = before.x - at.x, ay = before.y - at.y, bx = after.x - at.x,
                 by = after.y - at.y;
    if (!(ay * bx - ax * by < 0)) continue;
    const double a = std::sqrt(ax * ax + ay * ay), b = std::sqrt(bx * bx + by * by);
    const double angle =
        std::acos(std::clamp((ax * bx + ay * by) / (a * b), -1.0, 1.0)) * (180 / std::numbers::pi);
    PolygonPoint corner = {static_cast<double>(at.x), static_cast<double>(at.y)};
    if (std::abs(angle - kSharpDegrees) < 1) {
      const double dx = ax / a + bx / b, dy = ay / a + by / b;
      const double length = std::sqrt(dx * dx + dy * dy), step = (a + b) / 2;
      corner.x += dx / length * step;
      corner.y += dy / length * step;
    }
    corners.push_back(corner);
  }
  return corners;
}

std::vector<PolygonPoint> MaskPolygon(const ScaledMask& mask) {
  constexpr double kEpsilonOfPerimeter = 0.004;
  const std::vector<GridPoint> contour = mask.LargestContour();
  if (contour.empty()) return {};
  std::vector<PolygonPoint> corners =
      ConvexCorners(SimplifyClosed(contour, kEpsilonOfPerimeter * Perimeter(contour)));
  if (corners.size() < 4) corners.clear();
  return corners;
}

}  // namespace glmocr
