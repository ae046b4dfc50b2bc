// Where a LinePlace is in the page.
#pragma once

#include <array>

#include "document/page.h"

namespace glmocr {

// The corners of what stands on the baseline: from above its start, clockwise as it is read.
std::array<PointF, 4> CornersOf(const LinePlace& place);
// How far the baseline is turned from the picture's rows, clockwise positive: above -180 to 180.
double DegreesOf(const LinePlace& place);
// The point of the baseline so many pixels from its start.
PointF PointOf(const LinePlace& place, double along_px);

}  // namespace glmocr
