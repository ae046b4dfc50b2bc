#include "format/text_geometry.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

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

// A line of these words in `box`, or null without words.
std::optional<PlacedLine> Place(const std::vector<View>& words, const Box& box, double baseline_y,
                                float confidence) {
  if (words.empty()) return std::nullopt;
  PlacedLine line;
  line.box_px = AtLeastAPixel(box);
  line.baseline_y = baseline_y > line.box_px.y && baseline_y <= line.box_px.bottom()
                        ? baseline_y
                        : line.box_px.bottom() - kDescent * line.box_px.height;
  line.confidence = std::clamp(confidence, 0.0F, 1.0F);
  double total = static_cast<double>(words.size()) - 1;
  for (const View word : words) total += Cells(word);
  double at = 0;
  const auto x_of = [&](double cells) {
    return line.box_px.x + static_cast<int>(std::lround(cells / total * line.box_px.width));
  };
  for (const View word : words) {
    const double end = at + Cells(word);
    const int left = x_of(at);
    line.words.push_back({py::Encode(word), AtLeastAPixel({left, line.box_px.y, x_of(end) - left,
                                                           line.box_px.height})});
    if (!line.text.empty()) line.text += ' ';
    line.text += line.words.back().text;
    at = end + 1;
  }
  return line;
}

// Where a whole region's text may stand: its own line breaks kept, long lines broken so that rows
// fill the box.
std::vector<PlacedLine> Spread(const Text& text, const Box& box, float confidence) {
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
  const double w = std::max(1, box.width), h = std::max(1, box.height);
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
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto y_of = [&](size_t row) {
      return box.y + static_cast<int>(std::floor(static_cast<double>(row) * h /
                                                 static_cast<double>(rows.size())));
    };
    double used = -1;
    for (const View word : rows[i]) used += Cells(word) + 1;
    const int height = y_of(i + 1) - y_of(i);
    // Short text in a large box is not torn apart.
    const double width = std::min(w * std::min(1.0, used / row_cells), used * kMaxCell * height);
    const Box row_box{box.x, y_of(i), static_cast<int>(std::ceil(width)), height};
    if (auto line = Place(rows[i], row_box, 0, confidence)) lines.push_back(*std::move(line));
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
      if (auto placed = Place(Words(text), line.box_px, line.baseline_y, line.confidence))
        lines.push_back(*std::move(placed));
    }
    return lines;
  }
  if (!region.cells.empty()) {
    for (const ReadCell& cell : region.cells)
      Append(lines, Spread(XmlCharacters(cell.text), cell.box_px, region.confidence));
    return lines;
  }
  const auto table = TableOf(region);
  return Spread(XmlCharacters(table ? TabTable(*table) : region.text), region.box_px,
                region.confidence);
}

std::string XmlText(std::string_view text) { return py::Encode(XmlCharacters(text)); }

}  // namespace glmocr
