// Program code: lines of typewriter type, whose ends and indentation mean something.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <set>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Width of a character in multiples of the estimated font size.
constexpr double kLeastPitch = 0.45, kMostPitch = 0.8, kPitchStep = 0.004;
constexpr double kPitchError = 0.02;  // of one that is measured over several words
// Mean of unit vectors whose angle is a component's place within its character cell: 1 where all
// stand in the middle of theirs.
constexpr double kTypewriter = 0.85;
constexpr size_t kLeastOfLine = 12;  // components that tell what type a line is set in
constexpr size_t kLeastOfRun = 16;
constexpr size_t kLeastTyped = 3;  // lines, where all is typed
// Of the run's line ends: at so many the line is not full, or the next is set in otherwise. Of
// what is typed as a whole more are needed, or lines set in by different amounts: of paragraphs of
// three lines, whose first is set in, two of three ends are such.
constexpr double kLeastMeant = 0.5, kLeastMeantTyped = 0.75;
constexpr size_t kLeastLevels = 2;
constexpr double kLeastIndent = 1.5, kMostIndent = 24;  // characters
constexpr double kOtherFont = 1.2;
constexpr double kMostGap = 3.2;    // from baseline to baseline, of the font size: a blank line
constexpr double kBlankLine = 1.7;  // of the run's own pitch

std::vector<double> Centres(const Line& line) {
  std::vector<double> out;
  for (const LinePiece& piece : line.text.pieces) {
    for (const Box& b : piece.ink) {
      // Letters that touch stand in no cell of their own.
      if (b.width < 0.9 * line.text.font_px) out.push_back(b.x + b.width / 2.0);
    }
  }
  return out;
}

// How well the columns of characters of this pitch hold the components' middles.
double Fit(const std::vector<double>& centres, double pitch) {
  std::complex<double> sum = 0;
  for (const double c : centres) sum += std::polar(1.0, 2 * std::numbers::pi * c / pitch);
  return std::abs(sum) / static_cast<double>(centres.size());
}

struct Columns {
  double pitch = 0, fit = 0;
};

Columns FindColumns(const std::vector<double>& centres, double least, double most) {
  Columns best;
  for (double p = least; p <= most; p += kPitchStep * most) {
    const double fit = Fit(centres, p);
    if (fit > best.fit) best = {p, fit};
  }
  return best;
}

// Of the line's first word, pixels; a space is a free column.
double FirstWordPx(const Line& line, double pitch) {
  double left = -1, right = 0, centre = 0;
  for (const LinePiece& piece : line.text.pieces) {
    for (const Box& b : piece.ink) {
      const double c = b.x + b.width / 2.0;
      if (left < 0) left = b.x;
      if (right > 0 && c - centre > 1.5 * pitch) return right - left;
      right = std::max<double>(right, b.right());
      centre = c;
    }
  }
  return right - left;
}

bool Continues(const Line& previous, const Line& line, double right) {
  const double font = std::max(previous.text.font_px, line.text.font_px);
  const double ratio = font / std::max(1.0, std::min(previous.text.font_px, line.text.font_px));
  const double step = line.text.baseline_y - previous.text.baseline_y;
  // A brace by itself may pass for a column.
  return step > 0.5 * font && step < kMostGap * font && line.text.box.x < right &&
         (ratio < kOtherFont || std::min(line.n_parts, previous.n_parts) < 10);
}

}  // namespace

bool IsTypewriter(const Line& line) {
  const std::vector<double> centres = Centres(line);
  return centres.size() >= kLeastOfLine &&
         FindColumns(centres, kLeastPitch * line.text.font_px, kMostPitch * line.text.font_px)
                 .fit >= kTypewriter;
}

Typed FindTyped(std::vector<Line>* lines, size_t begin, const Style& style) {
  std::vector<double> centres;
  double font = 0, left = 1e9, right = 0;
  Columns columns;
  size_t last = begin;
  for (size_t i = begin; i < lines->size(); ++i) {
    const Line& line = (*lines)[i];
    if (i > begin && !Continues((*lines)[i - 1], line, right)) break;
    std::vector<double> more = Centres(line);
    more.insert(more.end(), centres.begin(), centres.end());
    if (more.empty()) break;
    font = std::max(font, line.text.font_px);
    const bool known = centres.size() >= kLeastOfRun;
    const Columns found = known ? FindColumns(more, (1 - kPitchError) * columns.pitch,
                                              (1 + kPitchError) * columns.pitch)
                                : FindColumns(more, kLeastPitch * font, kMostPitch * font);
    if (found.fit < kTypewriter) break;
    centres = std::move(more);
    columns = found;
    last = i + 1;
    left = std::min<double>(left, line.text.box.x);
    right = std::max<double>(right, line.text.box.right());
  }
  if (last < begin + 2 || centres.size() < kLeastOfRun) return {begin};
  size_t n_meant = 0;
  std::set<int> levels;  // characters by which lines are set in
  double least_step = 1e9;
  const auto spaces = [&](const Line& line) { return (line.text.box.x - left) / columns.pitch; };
  for (size_t i = begin; i < last; ++i) {
    const Line& line = (*lines)[i];
    if (spaces(line) > kLeastIndent && spaces(line) < kMostIndent)
      levels.insert(static_cast<int>(std::lround(spaces(line))));
    if (i + 1 == last) break;
    const Line& next = (*lines)[i + 1];
    const bool forced =
        line.text.box.right() + columns.pitch + FirstWordPx(next, columns.pitch) < right;
    n_meant += forced || std::fabs(spaces(next) - spaces(line)) > kLeastIndent;
    least_step = std::min(least_step, next.text.baseline_y - line.text.baseline_y);
  }
  // What is typed as a whole has code only where lines are set in; in print, typewriter type is
  // code.
  const bool deep = levels.size() >= kLeastLevels;
  const double least = style.typewriter && !deep ? kLeastMeantTyped : kLeastMeant;
  if (static_cast<double>(n_meant) < least * static_cast<double>(last - begin - 1) ||
      (style.typewriter && (levels.empty() || last - begin < kLeastTyped))) {
    return {last, false};
  }
  for (size_t i = begin; i < last; ++i) {
    TextLine& text = (*lines)[i].text;
    text.n_spaces = static_cast<int>(std::lround(spaces((*lines)[i])));
    if (i == begin) continue;
    const double step = text.baseline_y - (*lines)[i - 1].text.baseline_y;
    text.after_blank = step > kBlankLine * least_step;
  }
  return {last, true};
}

}  // namespace glmocr::geometric
