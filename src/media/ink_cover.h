// How much of a page's ink lies in given boxes: whether something printed was left out.
//
// Ink is what is clearly darker than the paper beside it: strokes, and the edges of what is solid.
// A dark table under a letter, a shadow or a black border has little of it, writing much. Long
// straight runs (rules, frames) are not counted, because no region need hold them.
#pragma once

#include <cstdint>
#include <span>

#include "media/image.h"

namespace glmocr {

struct InkCover {
  int64_t page_px = 0;
  int64_t ink_px = 0;       // of them
  int64_t uncovered_px = 0;  // ink in none of the boxes
  int64_t picture_px = 0;    // ink in a box of `pictures` and in none of `text`
  double letter_px = 0;      // typical height of what is connected; 0 where it was not asked for
  double ink() const { return Share(ink_px, page_px); }
  double uncovered() const { return Share(uncovered_px, ink_px); }
  double in_pictures() const { return Share(picture_px, ink_px); }

 private:
  static double Share(int64_t part, int64_t all) {
    return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
  }
};

enum class LetterHeight { kLeave, kMeasure };

// Boxes may reach outside the page; those of `text` count a little larger than they are, because
// they are drawn tightly. Throws std::bad_alloc.
InkCover MeasureInk(const Image& page, std::span<const Box> text, std::span<const Box> pictures,
                    LetterHeight letters = LetterHeight::kLeave);

}  // namespace glmocr
