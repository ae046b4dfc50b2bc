// Internal: morphological opening of binary pictures by large bricks.
#pragma once

#include "media/lept.h"

namespace glmocr {

// The ink of `binary` (1 bit a pixel) that a brick of `width` x `height` px, both at least 1, can
// cover without leaving ink or picture; equal to pixOpenBrick bit for bit. That one takes a pass
// per pixel of the brick's sides, this one a pass per bit of them: a window of n is the overlap of
// two windows of the next smaller power of two. Throws std::bad_alloc.
PixPtr OpenBrick(Pix* binary, int width, int height);

}  // namespace glmocr
