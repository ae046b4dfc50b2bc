// A line's band and its pieces.
#include <algorithm>
#include <cmath>

#include "media/line_steps.h"

namespace glmocr::lines {
namespace {

// Multiples of the font size.
constexpr double kAscent = 0.80, kDescent = 0.22;  // the band that the model was trained on
constexpr double kMostAscent = 1.05,
                 kMostDescent = 0.40;  // ink beyond this belongs to someone else
constexpr double kWordGap = 0.17;      // letters of a word are closer, words are not
constexpr double kCellGap = 1.6;       // always cut here: no text has such spaces

struct Span {
  int begin, end;  // x
};

// Ink from left to right with overlapping parts joined.
std::vector<Span> Spans(const Chain& chain) {
  std::vector<Span> spans;
  for (const Box& p : chain.parts) {
    if (!spans.empty() && p.x <= spans.back().end) {
      spans.back().end = std::max(spans.back().end, p.right());
    } else {
      spans.push_back({p.x, p.right()});
    }
  }
  return spans;
}

struct Run {
  size_t begin, end;  // spans
  PieceStart start;
};

// Where to cut [begin, end) so that the first piece is at most `most_px` wide: at the widest gap
// near the wanted width.
size_t CutAt(const std::vector<Span>& spans, size_t begin, size_t end, double most_px,
             double font) {
  const double width = spans[end - 1].end - spans[begin].begin;
  const double n = std::ceil(width / most_px);
  const double wanted = width / n;
  size_t best = 0;
  double best_score = -1e30;
  for (size_t i = begin + 1; i < end; ++i) {
    const double left = spans[i - 1].end - spans[begin].begin;
    if (left > most_px) break;
    const double gap = (spans[i].begin - spans[i - 1].end) / font;
    // A real word gap beats a better place; among word gaps the place decides, then the gap's
    // width.
    const double score = std::min(gap, 0.5) + (gap >= kWordGap ? 2.0 : 0.0) +
                         (gap >= 1.5 * kWordGap ? 0.5 : 0.0) -
                         1.5 * std::fabs(left - wanted) / wanted;
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best == 0 ? begin + 1 : best;  // one part wider than a piece stays whole
}

std::vector<Run> Cut(const std::vector<Span>& spans, double most_px, double font) {
  std::vector<Run> runs;
  size_t begin = 0;
  PieceStart start = PieceStart::kWord;
  for (size_t i = 1; i <= spans.size(); ++i) {
    if (i < spans.size() && spans[i].begin - spans[i - 1].end <= kCellGap * font) continue;
    size_t at = begin;  // spans [begin, i) hold no large gap
    while (spans[i - 1].end - spans[at].begin > most_px && i - at > 1) {
      const size_t cut = CutAt(spans, at, i, most_px, font);
      runs.push_back({at, cut, start});
      const bool word = cut < i && spans[cut].begin - spans[cut - 1].end >= kWordGap * font;
      start = word ? PieceStart::kWord : PieceStart::kInWord;
      at = cut;
      if (at >= i) break;
    }
    if (at < i) runs.push_back({at, i, start});
    start = PieceStart::kWord;
    begin = i;
  }
  return runs;
}

struct Band {
  int top, bottom;
};

// Padding that would show a neighbouring line's ink ends where that ink does.
void ClampToNeighbours(const Chain& chain, const std::vector<Chain>& all, const Box& box,
                       Box* crop) {
  int top = crop->y, bottom = crop->bottom();
  for (const Chain& other : all) {
    if (&other == &chain || other.box.bottom() <= top || other.box.y >= bottom) continue;
    for (const Box& p : other.parts) {
      if (p.right() <= crop->x || p.x >= crop->right()) continue;
      if (other.baseline < chain.baseline && p.bottom() > top) top = std::min(p.bottom(), box.y);
      if (other.baseline > chain.baseline && p.y < bottom) bottom = std::max(p.y, box.bottom());
    }
  }
  crop->y = top;
  crop->height = bottom - top;
}

}  // namespace

TextLine CutLine(const Chain& chain, const std::vector<Chain>& all, int page_width, int page_height,
                 const LineFinderOptions& options) {
  TextLine line;
  line.column = chain.column;
  line.baseline_y = chain.baseline;
  line.font_px = chain.font;
  Band band{static_cast<int>(std::floor(chain.baseline - kAscent * chain.font)),
            static_cast<int>(std::ceil(chain.baseline + kDescent * chain.font))};
  for (const Box& p : chain.parts) {
    if (p.y >= chain.baseline - kMostAscent * chain.font) band.top = std::min(band.top, p.y);
    if (p.bottom() <= chain.baseline + kMostDescent * chain.font)
      band.bottom = std::max(band.bottom, p.bottom());
  }
  band.top = std::clamp(band.top, 0, page_height - 1);
  band.bottom = std::clamp(band.bottom, band.top + 1, page_height);
  const int height = band.bottom - band.top;
  const double padded_height = height * (1 + 2 * options.pad_vertical);
  const double most_px = std::max<double>(
      height, options.max_piece_windows * padded_height - 2 * options.pad_horizontal * height);

  const std::vector<Span> spans = Spans(chain);
  const int pad_x = static_cast<int>(std::lround(options.pad_horizontal * height));
  const int pad_y = static_cast<int>(std::lround(options.pad_vertical * height));
  for (const Run& run : Cut(spans, most_px, chain.font)) {
    LinePiece piece;
    const int x0 = std::clamp(spans[run.begin].begin, 0, page_width - 1);
    const int x1 = std::clamp(spans[run.end - 1].end, x0 + 1, page_width);
    piece.box = {x0, band.top, x1 - x0, height};
    for (const Box& p : chain.parts) {
      if (p.x >= spans[run.begin].begin && p.x < spans[run.end - 1].end) piece.ink.push_back(p);
    }
    // The neighbours of a cut keep their letters: padding ends in the middle of the gap where the
    // gap is small.
    int left = pad_x, right = pad_x;
    if (run.begin > 0)
      left = std::min(left, std::max(1, spans[run.begin].begin - spans[run.begin - 1].end - 1));
    if (run.end < spans.size())
      right = std::min(right, std::max(1, spans[run.end].begin - spans[run.end - 1].end - 1));
    piece.crop = {x0 - left, band.top - pad_y, x1 - x0 + left + right, height + 2 * pad_y};
    ClampToNeighbours(chain, all, piece.box, &piece.crop);
    piece.start = run.start;
    line.box = line.pieces.empty() ? piece.box : Union(line.box, piece.box);
    line.pieces.push_back(piece);
  }
  return line;
}

}  // namespace glmocr::lines
