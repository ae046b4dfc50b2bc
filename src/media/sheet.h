// The sheet of paper in a picture that shows more: a scanner's dark or gray lid around the page, a
// desk under a photographed one.
//
// The sheet is the largest light area that is its own convex hull. What lies outside of it is
// painted in the paper's colour, which moves nothing; where the sheet is a quadrilateral seen
// askew, it is made a rectangle. A page that fills its picture is left alone, and so is an area
// outside that bears writing. How to use:
//   GLM_ASSIGN(std::optional<Sheet> sheet, FindSheet(image));
//   if (sheet) Read(sheet->image, sheet->transform);
#pragma once

#include <optional>

#include "base/result.h"
#include "media/image.h"
#include "media/page_transform.h"

namespace glmocr {

struct Sheet {
  Image image;
  PageTransform transform;  // from `image` to the input
};

// Nothing: the picture shows no more than the page, as far as can be seen. Errors:
// kInvalidArgument (empty picture), kOutOfMemory.
Result<std::optional<Sheet>> FindSheet(const Image& picture);

// The picture of this size that `transform` takes from, pixel by pixel, between four of the input's
// each; beyond its edges it goes on as it ends there.
Image Resample(const Image& input, const PageTransform& transform, int width_px, int height_px);

}  // namespace glmocr
