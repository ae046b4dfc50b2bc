#include "media/lines.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <numbers>

#include "base/check.h"
#include "media/lept.h"
#include "media/lines_internal.h"
#include "media/resize.h"

namespace glmocr {
namespace {

using lines::Chain;

PixPtr ToPix(const Image& image) {
  PixPtr pix(pixCreateNoInit(image.width_px, image.height_px, 32));
  if (pix == nullptr) throw std::bad_alloc();
  for (int y = 0; y < image.height_px; ++y) {
    l_uint32* line = pixGetData(pix.get()) + static_cast<size_t>(y) * pixGetWpl(pix.get());
    const uint8_t* rgb = image.row(y);
    for (int x = 0; x < image.width_px; ++x, rgb += 3) {
      line[x] = static_cast<l_uint32>(rgb[0]) << L_RED_SHIFT |
                static_cast<l_uint32>(rgb[1]) << L_GREEN_SHIFT |
                static_cast<l_uint32>(rgb[2]) << L_BLUE_SHIFT;
    }
  }
  return pix;
}

Image FromPix(Pix* pix) {
  Image image(pixGetWidth(pix), pixGetHeight(pix));
  for (int y = 0; y < image.height_px; ++y) {
    const l_uint32* line = pixGetData(pix) + static_cast<size_t>(y) * pixGetWpl(pix);
    uint8_t* rgb = image.row(y);
    for (int x = 0; x < image.width_px; ++x, rgb += 3) {
      rgb[0] = static_cast<uint8_t>(line[x] >> L_RED_SHIFT);
      rgb[1] = static_cast<uint8_t>(line[x] >> L_GREEN_SHIFT);
      rgb[2] = static_cast<uint8_t>(line[x] >> L_BLUE_SHIFT);
    }
  }
  return image;
}

PixPtr OrThrow(Pix* pix) {
  if (pix == nullptr)
    throw std::bad_alloc();  // leptonica returns null for arguments, which are checked, and memory
  return PixPtr(pix);
}

// Most of a page is background; when most of it is dark, the letters are light.
bool IsLightOnDark(Pix* gray) {
  Numa* histogram = pixGetGrayHistogram(gray, 4);
  if (histogram == nullptr) return false;
  l_float32 median = 255, level = 0;
  l_float32 total = 0;
  numaGetSum(histogram, &total);
  for (int v = 0; v < 256 && total > 0; ++v) {
    l_float32 n = 0;
    numaGetFValue(histogram, v, &n);
    level += n;
    if (level >= total / 2) {
      median = static_cast<l_float32>(v);
      break;
    }
  }
  numaDestroy(&histogram);
  return median < 100;
}

constexpr int kLeastSideForNormalising = 60;  // leptonica's background map needs a few tiles

// Level 1 for ink. The background is brought to kPaper all over the page first, so that one
// threshold serves lamps and shadows; Otsu's choice is kept where it makes sense, so that the grain
// of an empty page is no ink.
PixPtr Binarise(Pix* gray) {
  constexpr int kPaper = 200, kLeastThreshold = 90, kMostThreshold = 160;
  PixPtr even;
  if (std::min(pixGetWidth(gray), pixGetHeight(gray)) >= kLeastSideForNormalising) {
    even.reset(pixBackgroundNorm(gray, nullptr, nullptr, 16, 16, 60, 64, kPaper, 2, 2));
  }
  int threshold = kMostThreshold;
  if (even == nullptr) {
    even = OrThrow(pixCopy(nullptr, gray));
  }
  Numa* histogram = pixGetGrayHistogram(even.get(), 2);
  if (histogram != nullptr) {
    l_int32 split = threshold;
    l_float32 ink_mean = 0, paper_mean = 0;
    if (numaSplitDistribution(histogram, 0.1f, &split, &ink_mean, &paper_mean, nullptr, nullptr,
                              nullptr) == 0) {
      threshold = std::clamp(split, kLeastThreshold, kMostThreshold);
    }
    numaDestroy(&histogram);
  }
  return OrThrow(pixThresholdToBinary(even.get(), threshold));
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

// Ink without rules and table lines: long straight runs, taken out together with the anti-aliased
// pixels beside them.
PixPtr WithoutRules(Pix* binary, double unit) {
  const int across = std::max(24, static_cast<int>(unit * 6));
  const int down = std::max(24, static_cast<int>(unit * 4));
  PixPtr out = OrThrow(pixCopy(nullptr, binary));
  for (const bool horizontal : {true, false}) {
    PixPtr runs =
        OrThrow(pixOpenBrick(nullptr, binary, horizontal ? across : 1, horizontal ? 1 : down));
    // Thick runs belong to pictures and black borders; components sort those out.
    PixPtr thick =
        OrThrow(pixOpenBrick(nullptr, runs.get(), horizontal ? 1 : std::max(3, int(unit / 2)),
                             horizontal ? std::max(3, int(unit / 2)) : 1));
    PixPtr thin = OrThrow(pixSubtract(nullptr, runs.get(), thick.get()));
    PixPtr grown =
        OrThrow(pixDilateBrick(nullptr, thin.get(), horizontal ? 5 : 3, horizontal ? 3 : 5));
    out = OrThrow(pixSubtract(nullptr, out.get(), grown.get()));
  }
  return out;
}

std::vector<Box> Components(Pix* binary) {
  BoxaPtr boxes(pixConnCompBB(binary, 8));
  std::vector<Box> out;
  if (boxes == nullptr) return out;  // leptonica: no ink
  const int n = boxaGetCount(boxes.get());
  out.reserve(n);
  for (int i = 0; i < n; ++i) {
    Box b;
    boxaGetBoxGeometry(boxes.get(), i, &b.x, &b.y, &b.width, &b.height);
    out.push_back(b);
  }
  return out;
}

// Pictures, stamps, black borders: what is solid over several letters in both directions once small
// gaps are closed.
std::vector<Box> Pictures(Pix* binary, double unit) {
  const int gap = std::max(2, static_cast<int>(unit * 0.3));
  PixPtr closed = OrThrow(pixCloseSafeBrick(nullptr, binary, gap, gap));
  const int solid = std::max(8, static_cast<int>(unit * 2.6));
  PixPtr opened = OrThrow(pixOpenBrick(nullptr, closed.get(), solid, solid));
  // Grown back over the whole blob that the solid part belongs to.
  PixPtr filled(pixSeedfillBinary(nullptr, opened.get(), closed.get(), 8));
  std::vector<Box> out;
  for (const Box& b : Components(filled != nullptr ? filled.get() : opened.get())) {
    if (b.width >= unit * 3.5 && b.height >= unit * 3.5) out.push_back(b);
  }
  return out;
}

bool Inside(const Box& b, const std::vector<Box>& regions) {
  const int cx = b.x + b.width / 2, cy = b.y + b.height / 2;
  return std::any_of(regions.begin(), regions.end(), [&](const Box& r) {
    return cx >= r.x && cx < r.right() && cy >= r.y && cy < r.bottom();
  });
}

std::vector<Box> Letters(Pix* binary, const LineFinderOptions& options, double* unit) {
  *unit = lines::TypicalHeight(Components(binary), options);
  if (*unit <= 0) return {};
  PixPtr clean = WithoutRules(binary, *unit);
  std::vector<Box> pictures = Pictures(clean.get(), *unit);
  std::vector<Box> all = Components(clean.get());
  *unit = lines::TypicalHeight(all, options);
  std::vector<Box> out;
  for (const Box& b : all) {
    if (!Inside(b, pictures)) out.push_back(b);
  }
  return out;
}

Result<LinePage> Find(const Image& page, const LineFinderOptions& options) {
  SilenceLeptonica();
  LinePage out;
  out.original_width_px = page.width_px;
  out.original_height_px = page.height_px;
  PixPtr color = ToPix(page);
  PixPtr gray = OrThrow(pixConvertRGBToLuminance(color.get()));
  out.inverted = IsLightOnDark(gray.get());
  if (out.inverted) {
    color = OrThrow(pixInvert(nullptr, color.get()));
    gray = OrThrow(pixInvert(nullptr, gray.get()));
  }
  PixPtr binary = Binarise(gray.get());
  const double turn = FindSkew(binary.get(), options);
  if (turn != 0) {
    const auto radians = static_cast<l_float32>(turn * std::numbers::pi / 180);
    color = OrThrow(pixRotate(color.get(), radians, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE,
                              page.width_px, page.height_px));
    gray = OrThrow(pixConvertRGBToLuminance(color.get()));
    binary = Binarise(gray.get());
    out.skew_degrees = -turn;
  }
  const bool even = EvenLight(gray.get(), &color);
  out.image = turn != 0 || out.inverted || even ? FromPix(color.get()) : page;
  color.reset();

  double unit = 0;
  std::vector<Box> letters = Letters(binary.get(), options, &unit);
  if (unit <= 0) return out;
  std::vector<Chain> chains = lines::ChainComponents(letters, unit, options);
  if (static_cast<int>(chains.size()) > options.max_lines) {
    return Error{
        ErrorCode::kResourceExhausted,
        fmt::format("the page has {} text lines, more than the limit of {}; it may be noise",
                    chains.size(), options.max_lines)};
  }
  chains = lines::OrderChains(chains);
  for (const Chain& chain : chains) {
    TextLine line = lines::CutLine(chain, chains, out.image.width_px, out.image.height_px, options);
    line.index = static_cast<int>(out.lines.size());
    out.lines.push_back(std::move(line));
  }
  return out;
}

}  // namespace

Result<LinePage> FindTextLines(const Image& page, const LineFinderOptions& options) {
  if (page.empty())
    return Error{ErrorCode::kInvalidArgument, "the page image is empty (no pixels)"};
  try {
    return Find(page, options);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kResourceExhausted, "not enough memory to look for text lines"};
  }
}

void LinePage::ToOriginal(double x, double y, double* original_x, double* original_y) const {
  const double radians = skew_degrees * std::numbers::pi / 180;
  const double dx = x - image.width_px / 2.0, dy = y - image.height_px / 2.0;
  *original_x = original_width_px / 2.0 + dx * std::cos(radians) - dy * std::sin(radians);
  *original_y = original_height_px / 2.0 + dx * std::sin(radians) + dy * std::cos(radians);
}

Image CropPiece(const Image& page, const LinePiece& piece) {
  GLM_CHECK(!page.empty() && piece.crop.width > 0 && piece.crop.height > 0);
  Image out(piece.crop.width, piece.crop.height);
  for (int y = 0; y < out.height_px; ++y) {
    const uint8_t* from = page.row(std::clamp(piece.crop.y + y, 0, page.height_px - 1));
    uint8_t* to = out.row(y);
    for (int x = 0; x < out.width_px; ++x, to += 3) {
      std::memcpy(to, from + std::clamp(piece.crop.x + x, 0, page.width_px - 1) * 3, 3);
    }
  }
  return out;
}

Image PieceForModel(const Image& page, const LinePiece& piece, int window_px, ThreadPool* pool) {
  const Image crop = CropPiece(page, piece);
  const double windows = static_cast<double>(crop.width_px) / crop.height_px;
  const int n = std::max(1, static_cast<int>(std::lround(windows)));
  return ResizeBicubic(crop, n * window_px, window_px, pool);
}

}  // namespace glmocr
