// What is printed on a page: its picture made easy to read, and the ink on it sorted into letters,
// rules and pictures.
//
// The line finder (media/lines.h) and layout analysis begin with this; binarisation, skew,
// morphology and components are leptonica's. How to use:
//   GLM_ASSIGN(PageInk ink, FindInk(image));
//   GLM_ASSIGN(auto chains, lines::FindChains(ink.letters, ink.letter_px, {}));
// All boxes are in pixels of PageInk::image; PageInk::transform leads back to the input.
#pragma once

#include <vector>

#include "base/result.h"
#include "media/image.h"
#include "media/lines.h"
#include "media/page_transform.h"

namespace glmocr {

struct PageInk {
  Image image;  // upright (larger than the input when turned), dark on light, evenly lit
  PageTransform transform;  // from `image` to the input
  double skew_degrees = 0;  // the input was turned by this much, clockwise positive
  bool inverted = false;    // the whole input is light on dark
  // Light writing on dark areas of a page that else is dark on light: `image` shows it inverted.
  std::vector<Box> panels;
  double letter_px = 0;       // typical height of letters, 0 for a page without any
  std::vector<Box> letters;   // components that are neither rules nor in pictures
  std::vector<Box> pictures;  // solid areas, larger than letters in both directions
  // Components that are one of `pictures` each: a letter of a headline in bold type is as solid.
  std::vector<Box> solid_components;
  std::vector<Box> horizontal_rules;  // long thin straight strokes, pieces of one joined
  std::vector<Box> vertical_rules;
};

// Errors: kInvalidArgument (empty image), kOutOfMemory.
Result<PageInk> FindInk(const Image& page, const LineFinderOptions& options = {});

}  // namespace glmocr
