// Lines to regions: paragraphs, list items, blocks of single lines.
#include <algorithm>
#include <cmath>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Multiples of the font size.
constexpr double kIndent = 0.7;      // least indentation or outdentation that means something
constexpr double kAligned = 0.45;    // most difference of edges that mean the same margin
constexpr double kMostPitch = 1.75;  // from line to line within a paragraph of ordinary setting
constexpr double kSlack = 0.9;       // room at a line's end that a setter may leave unused
constexpr double kWordSpace = 0.3;
// Ratios.
constexpr double kMorePitch = 1.22;  // against the paragraph's own: white space before a new one
constexpr double kOtherFont = 1.2;
constexpr double kOtherFontShort = 1.35;   // lines of few letters are measured less exactly
constexpr double kBold = 1.28;             // thickness of strokes, bold against regular
constexpr double kMostForcedNarrow = 0.3;  // the same of blocks like addresses
constexpr double kNarrow = 16;             // their width, multiples of the font size
constexpr size_t kMostAddress = 8;         // their lines
constexpr int kFewLetters = 10;
constexpr double kMostForced = 0.6;  // share of line ends: more make a block of single lines
constexpr double kSameEdge = 2.5;    // of the font size: right edges of running text, ragged
constexpr int kLeastAsWide = 3;      // lines that end so
constexpr double kFreeRight = 1.25;  // of a block's width: room enough that lines end on purpose

double Luminance(const uint8_t* rgb) { return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]; }

// Mean thickness of the strokes that rows of pixels cut: darkness in sum over the number of runs.
double StrokePx(const Image& image, const Box& box) {
  double dark = 0, runs = 0;
  const int x1 = std::min(box.right(), image.width_px),
            y1 = std::min(box.bottom(), image.height_px);
  double darkest = 255;
  for (int y = std::max(0, box.y); y < y1; ++y) {
    for (int x = std::max(0, box.x); x < x1; ++x)
      darkest = std::min(darkest, Luminance(image.row(y) + 3 * x));
  }
  const double range = std::max(40.0, 250 - darkest);
  for (int y = std::max(0, box.y); y < y1; ++y) {
    bool in_run = false;
    for (int x = std::max(0, box.x); x < x1; ++x) {
      const double ink = std::clamp((250 - Luminance(image.row(y) + 3 * x)) / range, 0.0, 1.0);
      if (ink > 0.15) dark += ink;
      if (ink > 0.5 && !in_run) runs += 1;
      in_run = ink > 0.5;
    }
  }
  return runs > 0 ? dark / runs : 0;
}

double Median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

double At(std::vector<double> v, double share) {
  if (v.empty()) return 0;
  const auto i = static_cast<size_t>(share * static_cast<double>(v.size() - 1));
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(i), v.end());
  return v[i];
}

// What the lines of one column have in common.
struct Column {
  double left = 0, right = 0;
  double pitch = 0;  // the commonest small one, in multiples of the font size
  std::vector<Box> lines = {};
};

double Pitch(const Line& a, const Line& b) { return b.text.baseline_y - a.text.baseline_y; }

Column MeasureColumn(const std::vector<Line>& lines, size_t begin, size_t end) {
  std::vector<double> lefts, rights, pitches;
  std::vector<Box> boxes;
  for (size_t i = begin; i < end; ++i) {
    boxes.push_back(lines[i].text.box);
    lefts.push_back(lines[i].text.box.x);
    rights.push_back(lines[i].text.box.right());
    if (i == begin) continue;
    const double font = std::max(lines[i - 1].text.font_px, lines[i].text.font_px);
    const double pitch = Pitch(lines[i - 1], lines[i]) / font;
    if (pitch > 0.8 && pitch < 3) pitches.push_back(pitch);
  }
  Column out{At(lefts, 0.1), At(rights, 0.9), At(pitches, 0.3)};
  // Double spacing is a pitch like any other; single lines apart from each other have none.
  if (out.pitch == 0) out.pitch = 1.25;
  out.lines = std::move(boxes);
  return out;
}

bool OtherFont(const Line& a, const Line& b) {
  const double ratio = std::max(a.text.font_px, b.text.font_px) /
                       std::max(1.0, std::min(a.text.font_px, b.text.font_px));
  const bool few = std::min(a.n_parts, b.n_parts) < kFewLetters;
  if (ratio > (few ? kOtherFontShort : kOtherFont)) return true;
  const double strokes =
      std::max(a.stroke, b.stroke) / std::max(1e-6, std::min(a.stroke, b.stroke));
  return !few && strokes > kBold;
}

bool Near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance; }

bool Centred(const Line& a, const Line& b) {
  const double font = std::max(a.text.font_px, b.text.font_px);
  const double middles =
      (a.text.box.x + a.text.box.right() - b.text.box.x - b.text.box.right()) / 2.0;
  return std::fabs(middles) < 0.5 * font && !Near(a.text.box.x, b.text.box.x, kIndent * font);
}

// The line ends where a setter would have had room for the next one's first word, in a column from
// `left` to `right`.
bool ForcedEnd(const Line& line, const Line& next, double left, double right) {
  const double font = line.text.font_px;
  const double x = Centred(line, next) ? left : line.text.box.x;
  return x + line.text.box.width + kWordSpace * font + next.first_word_px < right - kSlack * font;
}

// Whether lines[i] begins a region after those from `first` on, by place and type alone.
bool Begins(const std::vector<Line>& lines, size_t first, size_t i, const Column& column) {
  const Line &line = lines[i], &previous = lines[i - 1];
  const double font = std::max(line.text.font_px, previous.text.font_px);
  if (OtherFont(previous, line)) return true;
  const double pitch = Pitch(previous, line);
  double usual = std::min(column.pitch, kMostPitch) * font;
  if (i - first >= 2) usual = Pitch(lines[first], previous) / static_cast<double>(i - first - 1);
  // Pitches of column and paragraph are measured to a pixel or two.
  if (pitch > kMorePitch * usual + 1.5 || pitch > 3 * font || pitch < 0.3 * font) return true;
  if (line.marker) return true;
  if (Centred(previous, line)) return false;
  const double by = line.text.box.x - previous.text.box.x;
  if (by > kIndent * font) {
    // In from the first line of a list item, or a new paragraph's first line.
    if (previous.marker && Near(line.text.box.x, previous.second_word_x, kIndent * font))
      return false;
    const bool hangs = i - 1 == first && i + 1 < lines.size() &&
                       lines[i + 1].text.column == line.text.column &&
                       Near(lines[i + 1].text.box.x, line.text.box.x, kAligned * font);
    const bool last_of_item = i - 1 == first && previous.second_word_x > 0 &&
                              Near(line.text.box.x, previous.second_word_x, kAligned * font);
    return !(hangs || last_of_item) || ForcedEnd(previous, line, column.left, column.right);
  }
  // Out again: after a first line that was indented, the paragraph goes on.
  if (by < -kIndent * font)
    return i - 1 != first || ForcedEnd(previous, line, column.left, column.right);
  return false;
}

// Where the next ink to the right of the box begins, or the area's ends.
double FreeRight(const Box& box, const std::vector<Box>& around) {
  double right = box.right(), next = 1e9;
  for (const Box& o : around) {
    right = std::max<double>(right, o.right());
    const bool beside = o.y < box.bottom() && box.y < o.bottom();
    if (beside && o.x >= box.right()) next = std::min<double>(next, o.x);
  }
  return std::min(right, next);
}

void Append(Block* block, Line line) {
  block->region.box =
      block->lines.empty() ? line.text.box : Union(block->region.box, line.text.box);
  block->lines.push_back(std::move(line));
}

// lines[begin, end) hang together; splits at ends of lines that only a new paragraph explains,
// unless all of them are such: then the block is one of single lines (an address, code).
void Emit(const std::vector<Line>& lines, size_t begin, size_t end, const Column& column,
          const std::vector<Box>& around, std::vector<Block>* out) {
  const auto count_forced = [&](double right, std::vector<bool>* forced) {
    forced->assign(end - begin, false);
    for (size_t i = begin; i + 1 < end; ++i) {
      (*forced)[i - begin] = ForcedEnd(lines[i], lines[i + 1], column.left, right);
    }
    return static_cast<double>(std::count(forced->begin(), forced->end(), true));
  };
  Box box = lines[begin].text.box;
  double font = 0;
  for (size_t i = begin; i < end; ++i) {
    box = Union(box, lines[i].text.box);
    font = std::max(font, lines[i].text.font_px);
  }
  // A block set in from the column's left edge is set in from its right one, too: a caption, a
  // quotation.
  double right = column.right;
  if (box.x > column.left + kIndent * font) {
    right = std::max<double>(box.right(), right - (box.x - column.left));
  }
  std::vector<bool> forced;
  double n_forced = count_forced(right, &forced), n_gaps = 0;
  // Lines of different lengths with free room to their right, as in an address.
  const double free = FreeRight(box, around) - font;
  // Where other lines of the column end near the block's right edge, that edge is the column's.
  int as_wide = 0;
  for (const Box& o : column.lines) {
    const bool own = o.y >= box.y && o.bottom() <= box.bottom();
    as_wide += !own && std::fabs(o.right() - box.right()) < kSameEdge * font;
  }
  const bool in_column = as_wide >= kLeastAsWide && box.width >= kNarrow * font;
  if (!in_column && (n_forced > 0 || end - begin <= 3) && free - box.x > kFreeRight * box.width) {
    n_forced = count_forced(free, &forced);
  }
  for (size_t i = begin; i < end; ++i) n_gaps += lines[i].wide_gap;
  const auto n = static_cast<double>(end - begin);
  const bool narrow = box.width < kNarrow * font && end - begin <= kMostAddress;
  const double most_forced = narrow ? kMostForcedNarrow : kMostForced;
  const bool single_lines =
      end - begin > 1 && ((n_forced > 0 && n_forced >= most_forced * (n - 1)) || n_gaps > 0.5 * n);
  out->emplace_back();
  if (single_lines) out->back().region.label = RegionLabel::kContent;
  for (size_t i = begin; i < end; ++i) {
    const bool split = !single_lines && i > begin && forced[i - begin - 1];
    if (split) out->emplace_back();
    Append(&out->back(), lines[i]);
  }
}

}  // namespace

Line MakeLine(const Image& image, const Chain& chain, TextLine text) {
  Line out;
  out.n_parts = static_cast<int>(chain.parts.size());
  out.stroke = StrokePx(image, text.box) / std::max(1.0, text.font_px);
  out.text = std::move(text);
  if (chain.parts.empty()) return out;
  // Words: parts with less than a word gap between them.
  constexpr double kWordGap = 0.17, kWideGap = 1.6;
  int right = chain.parts.front().right();
  Box first = chain.parts.front();
  int n_words = 1;
  for (const Box& part : chain.parts) {
    const double gap = part.x - right;
    if (gap > kWideGap * chain.font) out.wide_gap = true;
    if (gap > kWordGap * chain.font && n_words++ == 1) {
      out.first_word_px = right - chain.parts.front().x;
      out.second_word_x = part.x;
      out.space_after_first = gap;
    }
    if (n_words == 1) first = Union(first, part);
    right = std::max(right, part.right());
  }
  if (n_words == 1) out.first_word_px = right - chain.parts.front().x;
  // A bullet or dash: low, small, in the middle of the letters' height, with a space after it.
  const double middle = chain.baseline - (first.y + first.height / 2.0);
  out.marker = n_words > 1 && first.height < 0.6 * chain.font && first.width < 0.75 * chain.font &&
               first.bottom() < chain.baseline - 0.05 * chain.font && middle < 0.55 * chain.font &&
               out.space_after_first > 0.2 * chain.font;
  // A number or a letter with a full stop or a bracket, or both of them around it.
  constexpr double kMostNumber = 2.2, kDot = 0.28;
  if (n_words > 1 && out.first_word_px < kMostNumber * chain.font && out.first_word_px > 0) {
    const int end = chain.parts.front().x + static_cast<int>(out.first_word_px);
    const Box* last = &chain.parts.front();
    int n = 0;
    for (const Box& part : chain.parts) {
      if (part.right() > end) continue;
      ++n;
      if (part.right() >= last->right()) last = &part;
    }
    const bool dot = last->width < kDot * chain.font && last->height < kDot * chain.font &&
                     std::fabs(last->bottom() - chain.baseline) < 0.15 * chain.font;
    const bool bracket = last->height > 2.2 * last->width && last->height > 0.75 * chain.font &&
                         last->bottom() > chain.baseline + 0.1 * chain.font;
    out.numbered = n >= 2 && n <= 5 && (dot || bracket);
  }
  return out;
}

// Numbers begin the items of a list where others do so below or above them.
void MarkNumbered(std::vector<Line>* lines, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    Line& line = (*lines)[i];
    if (!line.numbered) continue;
    const double font = line.text.font_px;
    for (size_t j = begin; j < end && !line.marker; ++j) {
      const Line& other = (*lines)[j];
      line.marker = j != i && other.numbered &&
                    (Near(line.second_word_x, other.second_word_x, 0.35 * font) ||
                     Near(line.text.box.x, other.text.box.x, 0.2 * font)) &&
                    Near(line.text.box.x, other.text.box.x, 0.8 * font);
    }
  }
}

Style BodyStyle(const std::vector<Line>& lines) {
  // Medians over letters, not lines: a page of headings and one long paragraph has the paragraph's.
  std::vector<double> fonts, strokes;
  for (const Line& line : lines) {
    for (int i = 0; i < std::min(line.n_parts, 200); ++i) {
      fonts.push_back(line.text.font_px);
      strokes.push_back(line.stroke);
    }
  }
  // Of lines that tell, at most so many are looked at.
  constexpr int kEnough = 60;
  int n_told = 0, n_typewriter = 0;
  for (const Line& line : lines) {
    if (line.n_parts < 20 || n_told == kEnough) continue;
    ++n_told;
    n_typewriter += IsTypewriter(line);
  }
  return {.font = Median(std::move(fonts)),
          .stroke = Median(std::move(strokes)),
          .typewriter = n_typewriter > 0 && 4 * n_typewriter >= 3 * n_told};
}

std::vector<Block> MakeRegions(std::vector<Line> lines, const std::vector<Box>& around,
                               const Style& style) {
  std::vector<Block> out;
  Typed typed;
  for (size_t begin = 0; begin < lines.size();) {
    size_t end = begin + 1;
    while (end < lines.size() && lines[end].text.column == lines[begin].text.column) ++end;
    const Column column = MeasureColumn(lines, begin, end);
    MarkNumbered(&lines, begin, end);
    size_t first = begin;
    for (size_t i = begin; i < end;) {
      if (i >= typed.end) typed = FindTyped(&lines, i, style);
      if (typed.code) {
        if (first < i) Emit(lines, first, i, column, around, &out);
        out.emplace_back().region.label = RegionLabel::kAlgorithm;
        for (; i < typed.end; ++i) Append(&out.back(), lines[i]);
        first = i;
        typed.code = false;
        continue;
      }
      if (i > first && Begins(lines, first, i, column)) {
        Emit(lines, first, i, column, around, &out);
        first = i;
      }
      ++i;
    }
    if (first < end) Emit(lines, first, end, column, around, &out);
    begin = std::max(first, end);
  }
  return out;
}

}  // namespace glmocr::geometric
