#include "media/page_ink.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numbers>

#include "media/lept.h"
#include "media/line_steps.h"
#include "media/open_brick.h"
#include "media/page_panels.h"
#include "media/page_pix.h"

namespace glmocr {
namespace {

// Pale writing: what is darker than the paper, but lighter than Binarise's threshold, and touches
// no ink that was found.
PixPtr AddPale(PixPtr binary, Pix* even) {
  constexpr int kPale = 165;  // writing of 60 % grey is at 120
  const PixPtr all = OrThrow(pixThresholdToBinary(even, kPale));
  const PixPtr touched = OrThrow(pixSeedfillBinary(nullptr, binary.get(), all.get(), 8));
  const PixPtr pale = OrThrow(pixSubtract(nullptr, all.get(), touched.get()));
  return OrThrow(pixOr(nullptr, binary.get(), pale.get()));
}

// Shadows and grey paper: brings the paper of `color` to nearly white when somewhere it is darker
// than the models that read lines were trained on (205). False: nothing to do, nothing changed.
bool EvenLight(Pix* gray, PixPtr* color) {
  constexpr int kDarkPaper = 215, kWhite = 245, kTile = 16;
  if (std::min(pixGetWidth(gray), pixGetHeight(gray)) < kLeastSideForNormalising) return false;
  Pix* raw = nullptr;
  if (pixGetBackgroundGrayMap(gray, nullptr, kTile, kTile, 60, 64, &raw) != 0) return false;
  PixPtr map(raw);
  Numa* histogram = pixGetGrayHistogram(map.get(), 1);
  if (histogram == nullptr) return false;
  l_float32 dark = 0, total = 0;
  numaGetSum(histogram, &total);
  numaGetSumOnInterval(histogram, 0, kDarkPaper, &dark);
  numaDestroy(&histogram);
  // A picture is dark as well; a shadow or the paper's colour covers more.
  if (dark < 0.1f * total) return false;
  PixPtr lit(pixBackgroundNorm(color->get(), nullptr, nullptr, kTile, kTile, 60, 64, kWhite, 2, 2));
  if (lit == nullptr) return false;
  *color = std::move(lit);
  return true;
}

double FindSkew(Pix* binary, const LineFinderOptions& options) {
  // Below this confidence (ratio of the scores of best and worst angle) there is no direction to
  // speak of.
  constexpr float kLeastConfidence = 2.5f;
  constexpr double kLeastDegrees = 0.08;
  constexpr int kLeastSide = 80;
  if (std::min(pixGetWidth(binary), pixGetHeight(binary)) < kLeastSide) return 0;
  l_float32 angle = 0, confidence = 0;
  const int reduction = std::min(pixGetWidth(binary), pixGetHeight(binary)) > 1000 ? 4 : 2;
  if (pixFindSkewSweepAndSearch(binary, &angle, &confidence, reduction, std::max(1, reduction / 2),
                                static_cast<l_float32>(options.max_skew_degrees), 1.0f,
                                0.01f) != 0) {
    return 0;
  }
  if (confidence < kLeastConfidence || std::fabs(angle) < kLeastDegrees) return 0;
  return angle;
}

struct Ruled {
  PixPtr rest;  // the ink without rules
  PixPtr horizontal, vertical;
};

// Rules and table lines: long straight runs, taken out together with the anti-aliased pixels beside
// them.
Ruled TakeRules(Pix* binary, double unit) {
  const int across = std::max(24, static_cast<int>(unit * 6));
  const int down = std::max(24, static_cast<int>(unit * 4));
  Ruled out;
  out.rest = OrThrow(pixCopy(nullptr, binary));
  for (const bool horizontal : {true, false}) {
    PixPtr runs = OpenBrick(binary, horizontal ? across : 1, horizontal ? 1 : down);
    // Thick runs belong to pictures and black borders; components sort those out.
    PixPtr thick = OpenBrick(runs.get(), horizontal ? 1 : std::max(3, int(unit / 2)),
                             horizontal ? std::max(3, int(unit / 2)) : 1);
    PixPtr thin = OrThrow(pixSubtract(nullptr, runs.get(), thick.get()));
    PixPtr grown =
        OrThrow(pixDilateBrick(nullptr, thin.get(), horizontal ? 5 : 3, horizontal ? 3 : 5));
    out.rest = OrThrow(pixSubtract(nullptr, out.rest.get(), grown.get()));
    (horizontal ? out.horizontal : out.vertical) = std::move(thin);
  }
  return out;
}

// Pictures, stamps, black borders: what is solid over several letters in both directions once small
// gaps are closed.
std::vector<Box> Pictures(Pix* binary, double unit) {
  const int gap = std::max(2, static_cast<int>(unit * 0.3));
  PixPtr closed = OrThrow(pixCloseSafeBrick(nullptr, binary, gap, gap));
  const int solid = std::max(8, static_cast<int>(unit * 2.6));
  PixPtr opened = OpenBrick(closed.get(), solid, solid);
  // Grown back over the whole blob that the solid part belongs to.
  PixPtr filled(pixSeedfillBinary(nullptr, opened.get(), closed.get(), 8));
  std::vector<Box> out;
  for (const Box& b : Components(filled != nullptr ? filled.get() : opened.get())) {
    if (b.width >= unit * 3.5 && b.height >= unit * 3.5) out.push_back(b);
  }
  return out;
}

// Areas of one dark tint, which Even takes for background; not those with writing on them, which is
// read.
std::vector<Box> SolidAreas(Pix* gray, double unit, const std::vector<Box>& components) {
  constexpr double kDark = 0.62;     // of the paper's level
  constexpr int kMostLetters = 8;    // components of letter size
  constexpr double kMostPage = 0.7;  // of the page's area
  Numa* histogram = pixGetGrayHistogram(gray, 4);
  if (histogram == nullptr) return {};
  l_float32 paper = 255;
  numaHistogramGetValFromRank(histogram, 0.8f, &paper);
  numaDestroy(&histogram);
  const int solid = std::max(8, static_cast<int>(unit * 2.6));
  PixPtr dark = OrThrow(pixThresholdToBinary(gray, static_cast<l_int32>(kDark * paper)));
  PixPtr opened = OpenBrick(dark.get(), solid, solid);
  std::vector<Box> out;
  const int width = pixGetWidth(gray), height = pixGetHeight(gray);
  for (const Box& b : Components(opened.get())) {
    if (std::min(b.width, b.height) < unit * 3.5) continue;
    if (static_cast<double>(b.width) * b.height > kMostPage * width * height) continue;
    // Shadows along the page's edges.
    const bool at_edge = b.x <= 2 || b.y <= 2 || b.right() >= width - 2 || b.bottom() >= height - 2;
    if (at_edge && std::max(b.width, b.height) > 4 * std::min(b.width, b.height)) continue;
    const auto letters = std::count_if(components.begin(), components.end(), [&](const Box& c) {
      const int x = c.x + c.width / 2, y = c.y + c.height / 2;
      return c.height > 0.5 * unit && c.height < 2.5 * unit && x >= b.x && x < b.right() &&
             y >= b.y && y < b.bottom();
    });
    if (letters < kMostLetters) out.push_back(b);
  }
  return out;
}

bool Inside(const Box& b, const std::vector<Box>& regions) {
  const int cx = b.x + b.width / 2, cy = b.y + b.height / 2;
  return std::any_of(regions.begin(), regions.end(), [&](const Box& r) {
    return cx >= r.x && cx < r.right() && cy >= r.y && cy < r.bottom();
  });
}

Box Transposed(const Box& b) { return {b.y, b.x, b.height, b.width}; }

// Pieces of one horizontal rule, which scanning and crossing strokes have broken, become one.
void JoinPieces(std::vector<Box>* rules, double unit) {
  std::sort(rules->begin(), rules->end(), [](const Box& a, const Box& b) { return a.x < b.x; });
  std::vector<Box> out;
  for (const Box& b : *rules) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const Box& o) {
      const double apart = std::fabs(o.y + o.height / 2.0 - b.y - b.height / 2.0);
      return apart <= std::max(2.0, 0.2 * unit) && b.x - o.right() <= unit;
    });
    if (same == out.end()) {
      out.push_back(b);
    } else {
      *same = Union(*same, b);
    }
  }
  *rules = std::move(out);
}

// The side of a low box is too short for TakeRules: an upright stroke from one horizontal rule to
// the next.
bool JoinsTwoRules(const Box& b, const std::vector<Box>& horizontal, double unit) {
  if (b.height < 1.2 * unit || b.width > std::max(4.0, 0.3 * unit)) return false;
  const double reach = std::max(4.0, 0.3 * unit);
  bool above = false, below = false;
  for (const Box& h : horizontal) {
    if (b.x < h.x - reach || b.right() > h.right() + reach) continue;
    above = above || std::fabs(h.bottom() - b.y) <= reach;
    below = below || std::fabs(h.y - b.bottom()) <= reach;
  }
  return above && below;
}

// Sorts the ink of the page into rules, pictures and letters.
void SortInk(Pix* binary, Pix* gray, const LineFinderOptions& options, PageInk* out) {
  out->letter_px = lines::TypicalHeight(Components(binary), options);
  if (out->letter_px <= 0) return;
  const double rough_unit = out->letter_px;
  const Ruled ruled = TakeRules(binary, rough_unit);
  out->pictures = Pictures(ruled.rest.get(), rough_unit);
  out->horizontal_rules = Components(ruled.horizontal.get());
  out->vertical_rules = Components(ruled.vertical.get());
  std::vector<Box> all = Components(ruled.rest.get());
  out->letter_px = lines::TypicalHeight(all, options);
  for (const Box& b : SolidAreas(gray, rough_unit, all)) out->pictures.push_back(b);
  JoinPieces(&out->horizontal_rules, rough_unit);
  for (const Box& b : all) {
    if (Inside(b, out->pictures)) {
      const int slack = std::max(2, static_cast<int>(0.3 * rough_unit));
      const bool whole = std::any_of(out->pictures.begin(), out->pictures.end(), [&](const Box& p) {
        return std::abs(p.x - b.x) <= slack && std::abs(p.y - b.y) <= slack &&
               std::abs(p.right() - b.right()) <= slack &&
               std::abs(p.bottom() - b.bottom()) <= slack;
      });
      if (whole) out->solid_components.push_back(b);
      continue;
    }
    if (JoinsTwoRules(b, out->horizontal_rules, rough_unit)) {
      out->vertical_rules.push_back(b);
    } else {
      out->letters.push_back(b);
    }
  }
  for (Box& b : out->vertical_rules) b = Transposed(b);
  JoinPieces(&out->vertical_rules, rough_unit);
  for (Box& b : out->vertical_rules) b = Transposed(b);
}

// What pixRotate did: it lays the page into the middle of a larger one, whole pixels from its
// border, and turns about the middle of the pixel at half its width and height.
PageTransform StraighteningOf(double skew_degrees, const Image& page, Pix* upright) {
  const int width = pixGetWidth(upright), height = pixGetHeight(upright);
  const PointF middle = {width / 2 + 0.5, height / 2 + 0.5};
  const int left = (width - page.width_px) / 2, top = (height - page.height_px) / 2;
  return PageTransform::Rotation(skew_degrees, middle, {middle.x - left, middle.y - top},
                                 page.width_px, page.height_px);
}

PageInk Find(const Image& page, const LineFinderOptions& options) {
  SilenceLeptonica();
  PageInk out;
  PixPtr color = ToPix(page);
  PixPtr gray = OrThrow(pixConvertRGBToLuminance(color.get()));
  out.inverted = IsLightOnDark(gray.get());
  if (out.inverted) {
    color = OrThrow(pixInvert(nullptr, color.get()));
    gray = OrThrow(pixInvert(nullptr, gray.get()));
  }
  PixPtr even_gray = Even(gray.get());
  const bool drawn = IsDrawn(gray.get());
  PixPtr binary = Binarise(even_gray.get(), drawn);
  const double turn = FindSkew(binary.get(), options);
  out.transform = PageTransform::Identity(page.width_px, page.height_px);
  if (turn != 0) {
    const auto radians = static_cast<l_float32>(turn * std::numbers::pi / 180);
    color = OrThrow(pixRotate(color.get(), radians, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE,
                              page.width_px, page.height_px));
    gray = OrThrow(pixConvertRGBToLuminance(color.get()));
    out.skew_degrees = -turn;
    out.transform = StraighteningOf(out.skew_degrees, page, color.get());
  }
  out.panels = InvertPanels(gray.get(), color.get());
  if (turn != 0 || !out.panels.empty()) {
    even_gray = Even(gray.get());
    binary = Binarise(even_gray.get(), drawn);
  }
  if (drawn) binary = AddPale(std::move(binary), even_gray.get());
  const bool even = EvenLight(gray.get(), &color);
  const bool changed = turn != 0 || out.inverted || even || !out.panels.empty();
  out.image = changed ? FromPix(color.get()) : page;
  color.reset();
  SortInk(binary.get(), gray.get(), options, &out);
  return out;
}

}  // namespace

Result<PageInk> FindInk(const Image& page, const LineFinderOptions& options) {
  if (page.empty())
    return Error{ErrorCode::kInvalidArgument, "the page image is empty (no pixels)"};
  try {
    return Find(page, options);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "not enough memory to look for text lines"};
  }
}

}  // namespace glmocr
