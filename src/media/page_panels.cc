#include "media/page_panels.h"

#include <algorithm>
#include <array>
#include <new>

namespace glmocr {
namespace {

constexpr int kLight = 170;  // grey level from which on something is light: orange is 146, sky 120
constexpr int kLeastWidth = 36, kLeastHeight = 12;  // pixels: one word of small type
constexpr double kLeastDark = 0.55;                 // of a panel's box; writing covers the rest
constexpr double kLeastFilled = 0.92;               // the same with the writing: round corners
constexpr double kLeastEven = 0.7;  // of the dark pixels within kEven of the commonest level
constexpr int kEven = 16;           // photos are less even
constexpr int kLeastContrast = 60;  // writing against ground
constexpr int kLeastLetters = 3;    // light components of letter size
constexpr int kLeastLetterPx = 5;   // their height
constexpr int kMostPanels = 2000;   // more is texture

PixPtr OrThrow(Pix* pix) {
  if (pix == nullptr) throw std::bad_alloc();
  return PixPtr(pix);
}

struct BoxDelete {
  void operator()(::Box* b) const { boxDestroy(&b); }
};

// A box of leptonica; its type has our Box's name.
using LeptBox = std::unique_ptr<::Box, BoxDelete>;

PixPtr Clip(Pix* pix, const Box& b) {
  const LeptBox box(boxCreate(b.x, b.y, b.width, b.height));
  return OrThrow(pixClipRectangle(pix, box.get(), nullptr));
}

std::vector<Box> BoxesOf(Pix* binary) {
  std::vector<Box> out;
  const BoxaPtr boxes(pixConnCompBB(binary, 8));
  if (boxes == nullptr) return out;
  for (int i = 0; i < boxaGetCount(boxes.get()); ++i) {
    Box b;
    boxaGetBoxGeometry(boxes.get(), i, &b.x, &b.y, &b.width, &b.height);
    out.push_back(b);
  }
  return out;
}

// The commonest grey level of the dark pixels, -1 when they are uneven.
int GroundLevel(Pix* gray, Pix* dark) {
  std::array<int64_t, 256> n{};
  int64_t total = 0;
  for (int y = 0; y < pixGetHeight(gray); ++y) {
    l_uint32* levels = pixGetData(gray) + static_cast<size_t>(y) * pixGetWpl(gray);
    l_uint32* mask = pixGetData(dark) + static_cast<size_t>(y) * pixGetWpl(dark);
    for (int x = 0; x < pixGetWidth(gray); ++x) {
      if (GET_DATA_BIT(mask, x) == 0) continue;
      ++n[GET_DATA_BYTE(levels, x)];
      ++total;
    }
  }
  const int mode = static_cast<int>(std::max_element(n.begin(), n.end()) - n.begin());
  int64_t even = 0;
  for (int v = std::max(0, mode - kEven); v <= std::min(255, mode + kEven); ++v) even += n[v];
  return static_cast<double>(even) < kLeastEven * static_cast<double>(total) ? -1 : mode;
}

// `dark`: one bit, 1 below kLight.
bool IsPanel(Pix* page_gray, Pix* page_dark, const Box& box) {
  const PixPtr dark = Clip(page_dark, box);
  const double area = static_cast<double>(box.width) * box.height;
  l_int32 n_dark = 0;
  pixCountPixels(dark.get(), &n_dark, nullptr);
  if (n_dark < kLeastDark * area) return false;
  // The writing: light components that do not touch the border.
  const PixPtr light = OrThrow(pixInvert(nullptr, dark.get()));
  const PixPtr outside = OrThrow(pixExtractBorderConnComps(light.get(), 4));
  const PixPtr writing = OrThrow(pixSubtract(nullptr, light.get(), outside.get()));
  l_int32 n_outside = 0;
  pixCountPixels(outside.get(), &n_outside, nullptr);
  if (n_outside > (1 - kLeastFilled) * area) return false;
  int letters = 0;
  for (const Box& b : BoxesOf(writing.get())) {
    letters += b.height >= kLeastLetterPx && b.width >= 2 && b.height < 0.9 * box.height &&
               b.width < 0.5 * box.width;
  }
  if (letters < kLeastLetters) return false;
  const PixPtr gray = Clip(page_gray, box);
  const int ground = GroundLevel(gray.get(), dark.get());
  return ground >= 0 && ground <= 255 - kLeastContrast;
}

// Light pixels left and right of a row's first and last dark one are the page around round corners.
void InvertInside(Pix* gray, Pix* color, const Box& b) {
  for (int y = b.y; y < b.bottom(); ++y) {
    l_uint32* levels = pixGetData(gray) + static_cast<size_t>(y) * pixGetWpl(gray);
    l_uint32* rgb = pixGetData(color) + static_cast<size_t>(y) * pixGetWpl(color);
    int begin = b.x, end = b.right();
    while (begin < end && GET_DATA_BYTE(levels, begin) >= kLight) ++begin;
    while (end > begin && GET_DATA_BYTE(levels, end - 1) >= kLight) --end;
    for (int x = begin; x < end; ++x) {
      SET_DATA_BYTE(levels, x, 255 - GET_DATA_BYTE(levels, x));
      rgb[x] = ~rgb[x];
    }
  }
}

}  // namespace

std::vector<Box> InvertPanels(Pix* gray, Pix* color) {
  std::vector<Box> out;
  // A light field within a dark panel is dark within a light one after the first pass.
  for (int pass = 0; pass < 2; ++pass) {
    const PixPtr dark = OrThrow(pixThresholdToBinary(gray, kLight));
    std::vector<Box> found;
    for (const Box& b : BoxesOf(dark.get())) {
      if (b.width < kLeastWidth || b.height < kLeastHeight) continue;
      if (static_cast<int>(out.size() + found.size()) >= kMostPanels) break;
      if (IsPanel(gray, dark.get(), b)) found.push_back(b);
    }
    // Of nested ones the outer; what is within waits for the second pass.
    for (const Box& b : found) {
      const bool nested = std::any_of(found.begin(), found.end(), [&](const Box& o) {
        return !(o == b) && b.x >= o.x && b.y >= o.y && b.right() <= o.right() &&
               b.bottom() <= o.bottom();
      });
      if (nested) continue;
      InvertInside(gray, color, b);
      out.push_back(b);
    }
    if (found.empty()) break;
  }
  return out;
}

}  // namespace glmocr
