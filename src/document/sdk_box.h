// Boxes as the official SDK carries them between its steps: in thousandths of the page, cut off
// from pixels and cut off again on the way back. Source: GLM-OCR SDK, layout/layout_detector.py and
// utils/image_utils.py.
#pragma once

#include <array>

#include "media/image.h"

namespace glmocr {

// int(pixels / size * 1000), in doubles in that order; 0 for an empty page.
int In1000(int pixels, int size_px);
// Left, top, right, bottom in 1/1000 of the page.
std::array<int, 4> BoxIn1000(const Box& box_px, int width_px, int height_px);
// The crop of such a box: int(value * size / 1000), inside the page. May be empty.
Box SdkCropBox(const std::array<int, 4>& box_in_1000, int width_px, int height_px);

}  // namespace glmocr
