#include "document/line_place.h"

#include <cmath>
#include <numbers>

namespace glmocr {
namespace {

// Of length 1; to the right of an empty baseline.
PointF Direction(const LinePlace& place) {
  const double dx = place.end.x - place.start.x, dy = place.end.y - place.start.y;
  const double length = std::hypot(dx, dy);
  return length > 0 ? PointF{dx / length, dy / length} : PointF{1, 0};
}

}  // namespace

std::array<PointF, 4> CornersOf(const LinePlace& place) {
  const PointF along = Direction(place);
  const auto at = [&](const PointF& p, double up) {
    return PointF{p.x + up * along.y, p.y - up * along.x};
  };
  return {at(place.start, place.ascent_px), at(place.end, place.ascent_px),
          at(place.end, -place.descent_px), at(place.start, -place.descent_px)};
}

double DegreesOf(const LinePlace& place) {
  const PointF along = Direction(place);
  return std::atan2(along.y, along.x) * 180 / std::numbers::pi;
}

PointF PointOf(const LinePlace& place, double along_px) {
  const PointF along = Direction(place);
  return {place.start.x + along_px * along.x, place.start.y + along_px * along.y};
}

}  // namespace glmocr
