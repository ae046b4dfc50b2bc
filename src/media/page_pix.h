// Internal to media: leptonica's pictures of a page, its evenly lit form and its ink, for what
// looks at a page before and while its ink is sorted (page_ink.cc, orientation.cc, sheet.cc). What
// runs out of memory throws std::bad_alloc.
#pragma once

#include <new>
#include <vector>

#include "media/image.h"
#include "media/lept.h"

namespace glmocr {

inline constexpr int kLeastSideForNormalising = 60;  // leptonica's background map needs a few tiles
inline constexpr int kPaper = 200;                   // level of the paper after Even

// leptonica returns null for arguments, which are checked, and memory.
inline PixPtr OrThrow(Pix* pix) {
  if (pix == nullptr) throw std::bad_alloc();
  return PixPtr(pix);
}

PixPtr ToPix(const Image& image);  // 32 bits
Image FromPix(Pix* pix);           // of 32 bits

// The functions below take 8 bits.
// Most of a page is background; when most of it is dark, the letters are light.
bool IsLightOnDark(Pix* gray);
// The background brought to kPaper all over the page, so that one threshold serves lamps and
// shadows.
PixPtr Even(Pix* gray);
// Most pixels have one level, to two steps: drawn by a program, or saved so. Scanned paper has
// grain.
bool IsDrawn(Pix* gray);
// Level 1 for ink. Otsu's choice of threshold is kept where it makes sense, so that the grain of an
// empty page is no ink.
PixPtr Binarise(Pix* even, bool drawn);

// Of a picture of 1 bit.
std::vector<Box> Components(Pix* binary);

}  // namespace glmocr
