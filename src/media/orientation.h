// Which way up a page is: by quarter turns, from its letters alone.
//
// Letters of a line are nearer to each other than lines are, which tells rows from columns of text;
// neighbours in a line of Latin, Greek or Cyrillic type share the baseline, while their tops differ
// by ascenders and capitals, which tells up from down. Both are counted over pairs of neighbouring
// letters, so that no line has to be found first. What cannot be told so (capitals or digits only,
// few words) is said to be unsure; a caller with a line reader may then ask it. How to use:
//   GLM_ASSIGN(Orientation found, FindOrientation(image));
//   if (found.sure) upright = TurnQuarters(image, -found.turns);
#pragma once

#include "base/result.h"
#include "media/image.h"

namespace glmocr {

struct Orientation {
  int turns = 0;      // the page was turned clockwise by so many quarters, 0 to 3: the likeliest
  bool sure = false;  // letters say so clearly
  bool sure_direction = false;  // they say clearly whether lines run across or down the picture
  // What was counted: pairs of letters side by side and one above the other, as the picture lies.
  int n_across = 0, n_down = 0;
  // Pairs in the likeliest lines that share the baseline alone, and the upper border alone; before
  // the likeliest turn is taken off.
  int n_standing = 0, n_hanging = 0;
  double skew_degrees = 0;  // beside the turn, clockwise positive
};

// Errors: kInvalidArgument (empty picture), kOutOfMemory.
Result<Orientation> FindOrientation(const Image& page);

// The picture turned clockwise by `turns` quarters, any number; exact.
Image TurnQuarters(const Image& image, int turns);

}  // namespace glmocr
