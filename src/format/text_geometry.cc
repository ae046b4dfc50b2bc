#include "format/text_geometry.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "document/line_place.h"
#include "format/py_text.h"
#include "format/tables.h"

namespace glmocr {
namespace {

using py::Text;
using py::View;

// Of the printed line's height: how far above its lower edge letters stand, when nothing says so.
constexpr double kDescent = 0.2;
// The mean advance of a character over the distance of lines (Latin text: half an em, lines at 1.2
// em).
constexpr double kAdvancePerLeading = 0.42;
// The widest a cell of estimated lines gets, over the distance of lines.
constexpr double kMaxCell = 0.6;

// East Asian wide characters take two cells.
int Cells(char32_t c) { return std::max(1, utf8proc_charwidth(static_cast<utf8proc_int32_t>(c))); }

int Cells(View s) {
  int cells = 0;
  for (const char32_t c : s) cells += Cells(c);
  return cells;
}

bool InXml(char32_t c) {
  return c == U'\t' || c == U'\n' || c == U'\r' || (c >= 0x20 && c != 0xFFFE && c != 0xFFFF);
}

Text XmlCharacters(std::string_view text) {
  Text out = py::Decode(text);
  std::replace_if(
      out.begin(), out.end(), [](char32_t c) { return !InXml(c); }, U'\uFFFD');
  return out;
}

std::vector<View> Words(View s) {
  std::vector<View> words;
  for (size_t i = 0; i < s.size();) {
    if (py::IsSpace(s[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < s.size() && !py::IsSpace(s[end])) ++end;
    words.push_back(s.substr(i, end - i));
    i = end;
  }
  return words;
}

Box AtLeastAPixel(Box box) {
  box.width = std::max(1, box.width);
  box.height = std::max(1, box.height);
  return box;
}

// A rectangle that may be turned: its upper left corner and its sides as vectors.
struct Frame {
  PointF corner, along, down;

  PointF At(double x, double y) const {
    return {corner.x + x * along.x + y * down.x, corner.y + x * along.y + y * down.y};
  }
  double width() const { return std::hypot(along.x, along.y); }
  double height() const { return std::hypot(down.x, down.y); }
};

Frame FrameOf(const Box& box) {
  return {{1.0 * box.x, 1.0 * box.y},
          {std::max(1.0, 1.0 * box.width), 0},
          {0, std::max(1.0, 1.0 * box.height)}};
}

// The outline where that is a rectangle (up to the rounding of its corners), else the box.
Frame FrameOf(const std::vector<Point>& outline, const Box& box) {
  constexpr double kRounding = 3;
  if (outline.size() != 4) return FrameOf(box);
  const auto from = [&](size_t i) {
    return PointF{1.0 * outline[i].x - outline[0].x, 1.0 * outline[i].y - outline[0].y};
  };
  const PointF along = from(1), across = from(2), down = from(3);
  const double width = std::hypot(along.x, along.y), height = std::hypot(down.x, down.y);
  if (width < 1 || height < 1) return FrameOf(box);
  const bool closes =
      std::hypot(along.x + down.x - across.x, along.y + down.y - across.y) <= kRounding;
  const bool square =
      std::fabs(along.x * down.x + along.y * down.y) <= kRounding * std::max(width, height);
  if (!closes || !square) return FrameOf(box);
  return {{1.0 * outline[0].x, 1.0 * outline[0].y}, along, down};
}

// Around what stands on a baseline.
Box BoxAround(const LinePlace& place) {
  double x0 = 1e30, y0 = 1e30, x1 = -1e30, y1 = -1e30;
  for (const PointF& p : CornersOf(place)) {
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  const auto x = static_cast<int>(std::lround(x0)), y = static_cast<int>(std::lround(y0));
  return AtLeastAPixel(
      {x, y, static_cast<int>(std::lround(x1)) - x, static_cast<int>(std::lround(y1)) - y});
}

// The part of `inner` that lies in `outer`, of which it is at least one pixel.
Box Within(const Box& inner, const Box& outer) {
  const int x0 = std::clamp(inner.x, outer.x, outer.right() - 1);
  const int y0 = std::clamp(inner.y, outer.y, outer.bottom() - 1);
  return {x0, y0, std::clamp(inner.right(), x0 + 1, outer.right()) - x0,
          std::clamp(inner.bottom(), y0 + 1, outer.bottom()) - y0};
}

LinePlace PlaceIn(const Frame& frame) {
  const double height = frame.height();
  return {.start = frame.At(0, 1 - kDescent),
          .end = frame.At(1, 1 - kDescent),
          .ascent_px = (1 - kDescent) * height,
          .descent_px = kDescent * height};
}

// The place as given, or where a line of text is in `box` when it says nothing.
LinePlace Completed(const LinePlace& place, const Box& box) {
  const bool known = place.start != place.end && place.ascent_px + place.descent_px > 0;
  return known ? place : PlaceIn(FrameOf(box));
}

// A line of these words, or null without words. `found`: their places where they are known.
std::optional<PlacedLine> Place(const std::vector<View>& words, const Box& box,
                                const LinePlace& place, float confidence,
                                const std::vector<ReadWord>& found = {}) {
  if (words.empty()) return std::nullopt;
  PlacedLine line;
  line.box_px = AtLeastAPixel(box);
  line.place = Completed(place, line.box_px);
  line.confidence = std::clamp(confidence, 0.0F, 1.0F);
  double total = static_cast<double>(words.size()) - 1;
  for (const View word : words) total += Cells(word);
  const PointF &start = line.place.start, &end = line.place.end;
  const auto point_of = [&](double cells) {
    const double t = cells / total;
    return PointF{start.x + t * (end.x - start.x), start.y + t * (end.y - start.y)};
  };
  double at = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    PlacedWord word = {.text = py::Encode(words[i]), .confidence = line.confidence};
    const double right = at + Cells(words[i]);
    word.place = {point_of(at), point_of(right), line.place.ascent_px, line.place.descent_px};
    if (found.size() == words.size()) {
      word.box_px = AtLeastAPixel(found[i].box_px);
      word.confidence = std::clamp(found[i].confidence, 0.0F, 1.0F);
      if (found[i].place.start != found[i].place.end) word.place = found[i].place;
    } else {
      word.box_px = Within(BoxAround(word.place), line.box_px);
    }
    if (!line.text.empty()) line.text += ' ';
    line.text += word.text;
    line.words.push_back(std::move(word));
    at = right + 1;
  }
  return line;
}

// Where a whole region's text may stand: its own line breaks kept, long lines broken so that rows
// fill the box.
std::vector<PlacedLine> Spread(const Text& text, const Frame& frame, const Box& box,
                               float confidence) {
  std::vector<std::vector<View>> paragraphs;
  double cells = 0;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(U'\n', begin), text.size());
    auto words = Words(View(text).substr(begin, end - begin));
    if (!words.empty()) {
      for (const View word : words) cells += Cells(word) + 1;
      paragraphs.push_back(std::move(words));
    }
    begin = end + 1;
  }
  if (paragraphs.empty()) return {};
  // n rows of height h / n hold n · w / (advance · h / n) characters.
  const double w = frame.width(), h = frame.height();
  const double rows_wanted =
      std::max(1.0, std::round(std::sqrt(cells * kAdvancePerLeading * h / w)));
  const double row_cells = std::max(1.0, std::ceil(cells / rows_wanted));
  std::vector<std::vector<View>> rows;
  for (const auto& words : paragraphs) {
    double used = row_cells;  // every paragraph starts a row
    bool first = true;
    for (const View word : words) {
      const double size = Cells(word) + 1;
      if (first || used + size > row_cells + 1) {
        rows.emplace_back();
        used = 0;
        first = false;
      }
      rows.back().push_back(word);
      used += size;
    }
  }
  std::vector<PlacedLine> lines;
  const double row_height = h / static_cast<double>(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    double used = -1;
    for (const View word : rows[i]) used += Cells(word) + 1;
    // Short text in a large box is not torn apart.
    const double width =
        std::min(w * std::min(1.0, used / row_cells), used * kMaxCell * row_height);
    const double top = static_cast<double>(i) / static_cast<double>(rows.size());
    const Frame row = {frame.At(0, top),
                       {frame.along.x * width / w, frame.along.y * width / w},
                       {frame.down.x * row_height / h, frame.down.y * row_height / h}};
    const LinePlace place = PlaceIn(row);
    const Box row_box = Within(BoxAround(place), AtLeastAPixel(box));
    if (auto line = Place(rows[i], row_box, place, confidence)) lines.push_back(*std::move(line));
  }
  return lines;
}

void Append(std::vector<PlacedLine>& to, std::vector<PlacedLine> lines) {
  std::move(lines.begin(), lines.end(), std::back_inserter(to));
}

}  // namespace

std::vector<PlacedLine> PlaceLines(const ReadRegion& region) {
  std::vector<PlacedLine> lines;
  if (TaskOf(region.label) == RegionTask::kSkip) return lines;
  if (!region.lines.empty()) {
    for (const ReadLine& line : region.lines) {
      const Text text = XmlCharacters(line.text);
      if (auto placed = Place(Words(text), line.box_px, line.place, line.confidence, line.words))
        lines.push_back(*std::move(placed));
    }
    return lines;
  }
  if (!region.cells.empty()) {
    for (const ReadCell& cell : region.cells)
      Append(lines, Spread(XmlCharacters(cell.text), FrameOf(cell.polygon_px, cell.box_px),
                           cell.box_px, region.confidence));
    return lines;
  }
  const auto table = TableOf(region);
  return Spread(XmlCharacters(table ? TabTable(*table) : region.text),
                FrameOf(region.polygon_px, region.box_px), region.box_px, region.confidence);
}

std::string XmlText(std::string_view text) { return py::Encode(XmlCharacters(text)); }

}  // namespace glmocr
