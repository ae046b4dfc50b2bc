#include "media/page_panels.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

#include "media/open_brick.h"

namespace glmocr {
namespace {

constexpr int kLight = 170;  // grey level from which on something is light: orange is 146, sky 120
constexpr int kLeastWidth = 36, kLeastHeight = 12;  // pixels: one word of small type
constexpr double kLeastDark = 0.55;                 // of a panel's box; writing covers the rest
constexpr double kLeastFilled = 0.92;               // the same with the writing: round corners
constexpr double kLeastEven = 0.7;    // of the dark pixels within kEven of the commonest level
constexpr int kEven = 16;             // photos are less even
constexpr int kLeastContrast = 60;    // writing against ground
constexpr int kLeastLetters = 3;      // light components of letter size
constexpr int kLeastLetterPx = 5;     // their height
constexpr size_t kMostPanels = 2000;  // more is texture

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

// Boxes of dark areas: rules that lead away from them taken off, and fields of one band, parted by
// light rules, joined.
std::vector<Box> Candidates(Pix* dark) {
  constexpr int kRule = 5, kLightRule = 8;  // pixels
  const PixPtr solid = OpenBrick(dark, kRule, kRule);
  std::vector<Box> boxes = BoxesOf(solid.get());
  std::erase_if(boxes,
                [](const Box& b) { return b.width < kLeastHeight || b.height < kLeastHeight; });
  std::sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.x < b.x; });
  if (boxes.size() > kMostPanels) return {};
  std::vector<Box> out;
  for (const Box& b : boxes) {
    const auto band = std::find_if(out.begin(), out.end(), [&](const Box& o) {
      return std::abs(o.y - b.y) <= 2 && std::abs(o.bottom() - b.bottom()) <= 2 &&
             b.x >= o.right() && b.x - o.right() <= kLightRule;
    });
    if (band == out.end()) {
      out.push_back(b);
    } else {
      band->width = b.right() - band->x;
    }
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
// The grey level of the ground of a panel, -1 when the box is none.
int PanelGround(Pix* page_gray, Pix* page_dark, const Box& box) {
  const PixPtr dark = Clip(page_dark, box);
  const double area = static_cast<double>(box.width) * box.height;
  l_int32 n_dark = 0;
  pixCountPixels(dark.get(), &n_dark, nullptr);
  if (n_dark < kLeastDark * area) return -1;
  // The writing: light components that do not touch the border.
  const PixPtr light = OrThrow(pixInvert(nullptr, dark.get()));
  const PixPtr outside = OrThrow(pixExtractBorderConnComps(light.get(), 4));
  const PixPtr writing = OrThrow(pixSubtract(nullptr, light.get(), outside.get()));
  l_int32 n_outside = 0;
  pixCountPixels(outside.get(), &n_outside, nullptr);
  if (n_outside > (1 - kLeastFilled) * area) return -1;
  int letters = 0;
  for (const Box& b : BoxesOf(writing.get())) {
    letters += b.height >= kLeastLetterPx && b.width >= 2 && b.height < 0.9 * box.height &&
               b.width < 0.5 * box.width;
  }
  if (letters < kLeastLetters) return -1;
  const PixPtr gray = Clip(page_gray, box);
  const int ground = GroundLevel(gray.get(), dark.get());
  return ground <= 255 - kLeastContrast ? ground : -1;
}

// What a grey level becomes: the ground nearly white, writing lighter than it dark, and rules
// darker than it dark as well.
std::array<uint8_t, 256> Levels(int ground) {
  constexpr int kPaper = 240;      // not quite white: it can still be told that there was a panel
  constexpr int kDarkGround = 50;  // darker ones have no rules, but noise
  std::array<uint8_t, 256> out{};
  for (int v = 0; v < 256; ++v) {
    const int away = v >= ground ? (v - ground) * kPaper / (255 - ground)
                                 : (ground >= kDarkGround ? (ground - v) * kPaper / ground : 0);
    out[v] = static_cast<uint8_t>(kPaper - away);
  }
  return out;
}

struct Panel {
  Box box;
  int ground;  // grey level
};

// Light pixels left and right of a row's first and last dark one are the page around round corners.
void InvertInside(Pix* gray, Pix* color, const Panel& panel) {
  const Box& b = panel.box;
  const std::array<uint8_t, 256> to = Levels(panel.ground);
  for (int y = b.y; y < b.bottom(); ++y) {
    l_uint32* levels = pixGetData(gray) + static_cast<size_t>(y) * pixGetWpl(gray);
    l_uint32* rgb = pixGetData(color) + static_cast<size_t>(y) * pixGetWpl(color);
    int begin = b.x, end = b.right();
    while (begin < end && GET_DATA_BYTE(levels, begin) >= kLight) ++begin;
    while (end > begin && GET_DATA_BYTE(levels, end - 1) >= kLight) --end;
    for (int x = begin; x < end; ++x) {
      const l_uint32 v = to[GET_DATA_BYTE(levels, x)];
      SET_DATA_BYTE(levels, x, v);
      rgb[x] = v << L_RED_SHIFT | v << L_GREEN_SHIFT | v << L_BLUE_SHIFT;
    }
  }
}

}  // namespace

std::vector<Box> InvertPanels(Pix* gray, Pix* color) {
  std::vector<Box> out;
  // A light field within a dark panel is dark within a light one after the first pass.
  for (int pass = 0; pass < 2; ++pass) {
    const PixPtr dark = OrThrow(pixThresholdToBinary(gray, kLight));
    std::vector<Panel> found;
    for (const Box& b : Candidates(dark.get())) {
      if (b.width < kLeastWidth) continue;
      const int ground = PanelGround(gray, dark.get(), b);
      if (ground >= 0) found.push_back({b, ground});
    }
    // Of nested ones the outer; what is within waits for the second pass.
    for (const Panel& panel : found) {
      const Box& b = panel.box;
      const bool nested = std::any_of(found.begin(), found.end(), [&](const Panel& other) {
        const Box& o = other.box;
        return !(o == b) && b.x >= o.x && b.y >= o.y && b.right() <= o.right() &&
               b.bottom() <= o.bottom();
      });
      if (nested) continue;
      InvertInside(gray, color, panel);
      out.push_back(b);
    }
    if (found.empty()) break;
  }
  return out;
}

}  // namespace glmocr
