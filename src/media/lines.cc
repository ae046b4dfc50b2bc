#include "media/lines.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "base/check.h"
#include "media/line_steps.h"
#include "media/page_ink.h"
#include "media/resize.h"

namespace glmocr {
namespace lines {

Result<std::vector<Chain>> FindChains(const std::vector<Box>& components, double unit,
                                      const LineFinderOptions& options) {
  std::vector<Chain> chains = ChainComponents(components, unit, options);
  if (static_cast<int>(chains.size()) > options.max_lines) {
    return Error{
        ErrorCode::kResourceExhausted,
        fmt::format("the page has {} text lines, more than the limit of {}; it may be noise",
                    chains.size(), options.max_lines)};
  }
  SettleFonts(chains);
  return chains;
}

}  // namespace lines

namespace {

using lines::Chain;

Result<LinePage> Find(const Image& page, const LineFinderOptions& options) {
  GLM_ASSIGN(PageInk ink, FindInk(page, options));
  LinePage out = {.image = std::move(ink.image),
                  .transform = ink.transform,
                  .skew_degrees = ink.skew_degrees,
                  .inverted = ink.inverted};
  if (ink.letter_px <= 0) return out;
  GLM_ASSIGN(std::vector<Chain> chains, lines::FindChains(ink.letters, ink.letter_px, options));
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
    return Error{ErrorCode::kOutOfMemory, "not enough memory to look for text lines"};
  }
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
