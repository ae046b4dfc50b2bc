// Internal to page_ink.cc: dark areas with light writing, on a page that else is dark on light.
#pragma once

#include <vector>

#include "media/image.h"
#include "media/lept.h"

namespace glmocr {

// Code on a dark ground, the coloured head of a table, buttons: finds them and inverts `gray` (8
// bits) and `color` (32 bits, of the same size) within. Returns what was inverted.
std::vector<Box> InvertPanels(Pix* gray, Pix* color);

}  // namespace glmocr
