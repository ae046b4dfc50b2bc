// Internal to page_ink.cc: dark areas with light writing, on a page that else is dark on light.
#pragma once

#include <vector>

#include "media/image.h"
#include "media/lept.h"

namespace glmocr {

// Code on a dark ground, the coloured head of a table, buttons: finds them and makes `gray` (8
// bits) and `color` (32 bits, of the same size; it gets grey there) dark on light within. Returns
// where.
std::vector<Box> InvertPanels(Pix* gray, Pix* color);

}  // namespace glmocr
