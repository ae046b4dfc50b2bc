#include "pipeline/text_layer_use.h"

#include <algorithm>
#include <cmath>

#include "media/box_math.h"
#include "pipeline/assemble.h"

namespace glmocr {
namespace {

bool HoldsMiddle(const Box& box, const std::vector<Point>& outline, const Box& word) {
  const int x = word.x + word.width / 2, y = word.y + word.height / 2;
  if (x < box.x || x >= box.right() || y < box.y || y >= box.bottom()) return false;
  if (outline.size() < 3) return true;
  bool inside = false;  // the number of edges to one side is odd
  for (size_t i = 0, j = outline.size() - 1; i < outline.size(); j = i++) {
    const Point &a = outline[i], &b = outline[j];
    if ((a.y > y) == (b.y > y)) continue;
    if (x < a.x + static_cast<double>(b.x - a.x) * (y - a.y) / (b.y - a.y)) inside = !inside;
  }
  return inside;
}

}  // namespace

TextLayerUse::TextLayerUse(const PdfTextLayer& layer, const ReadPage& page,
                           const PageTransform& transform)
    : layer_(layer), transform_(transform), words_(page.regions.size()) {
  for (size_t w = 0; w < layer.words.size(); ++w) {
    // The smallest region counts: one may lie in another.
    std::vector<int>* to = &uncovered_;
    int64_t smallest = INT64_MAX;
    for (size_t r = 0; r < page.regions.size(); ++r) {
      const ReadRegion& region = page.regions[r];
      const Box& box = region.box_px;
      if (Area(box) >= smallest || !HoldsMiddle(box, region.polygon_px, layer.words[w].box_px))
        continue;
      smallest = Area(box);
      to = &words_[r];
    }
    to->push_back(static_cast<int>(w));
  }
}

// Around the box in the upright page.
Box TextLayerUse::Upright(const Box& box) const {
  if (transform_.IsIdentity()) return box;
  const double width = box.width, height = box.height;
  const PointF middle = transform_.FromInput(PointF{box.x + width / 2, box.y + height / 2});
  const PointF side = transform_.FromInput(PointF{box.x + width, box.y + height / 2});
  const bool lying = std::fabs(side.x - middle.x) < std::fabs(side.y - middle.y);
  const double w = lying ? height : width, h = lying ? width : height;
  return {static_cast<int>(std::lround(middle.x - w / 2)),
          static_cast<int>(std::lround(middle.y - h / 2)), static_cast<int>(w),
          static_cast<int>(h)};
}

// Words that share a line of the layer, lines from top to bottom.
std::vector<ReadLine> TextLayerUse::Lines(const std::vector<int>& words) const {
  struct Found {
    ReadLine line;
    std::vector<Box> upright;  // of the words
    Box box;                   // of `upright`
  };
  std::vector<Found> lines;
  int number = -1;
  for (const int w : words) {
    const PdfWord& word = layer_.words[static_cast<size_t>(w)];
    const Box upright = Upright(word.box_px);
    if (lines.empty() || word.line != number) {
      number = word.line;
      lines.push_back({{.box_px = word.box_px, .text = word.text, .confidence = 1}, {}, upright});
    } else {
      ReadLine& line = lines.back().line;
      line.text += " " + word.text;
      line.box_px = Union(line.box_px, word.box_px);
      lines.back().box = Union(lines.back().box, upright);
    }
    lines.back().upright.push_back(upright);
    lines.back().line.words.push_back({.text = word.text, .confidence = 1, .box_px = word.box_px});
  }
  for (Found& found : lines) Place(found.upright, found.box, found.line);
  std::stable_sort(lines.begin(), lines.end(), [](const Found& a, const Found& b) {
    // Lines that overlap by half in height are pieces of one row.
    const int overlap = std::min(a.box.bottom(), b.box.bottom()) - std::max(a.box.y, b.box.y);
    const bool same_row = 2 * overlap > std::min(a.box.height, b.box.height);
    return same_row ? a.box.x < b.box.x : a.box.y < b.box.y;
  });
  std::vector<ReadLine> out;
  out.reserve(lines.size());
  for (Found& found : lines) out.push_back(std::move(found.line));
  return out;
}

// Sets the places of a line and its words. `boxes`: of the words' ink, in the upright page.
void TextLayerUse::Place(const std::vector<Box>& boxes, const Box& box, ReadLine& line) const {
  constexpr double kDescent = 0.2;
  std::vector<int> bottoms;  // of words that stand on the baseline
  for (size_t i = 0; i < boxes.size(); ++i) {
    if (line.words[i].text.find_first_of("gjpqy,;()[]{}|/_Q@$\"'*^-~`.:") == std::string::npos)
      bottoms.push_back(boxes[i].bottom());
  }
  double baseline = box.bottom() - kDescent * box.height;
  if (!bottoms.empty()) {
    const auto middle = bottoms.begin() + static_cast<ptrdiff_t>(bottoms.size() / 2);
    std::nth_element(bottoms.begin(), middle, bottoms.end());
    baseline = std::clamp(*middle, box.y + 1, box.bottom());
  }
  const auto place = [&](const Box& at) {
    return LinePlace{.start = transform_.ToInput(PointF{1.0 * at.x, baseline}),
                     .end = transform_.ToInput(PointF{1.0 * at.right(), baseline}),
                     .ascent_px = baseline - box.y,
                     .descent_px = box.bottom() - baseline};
  };
  line.place = place(box);
  for (size_t i = 0; i < boxes.size(); ++i) line.words[i].place = place(boxes[i]);
}

void TextLayerUse::Fill(size_t region, ReadRegion& read) const {
  read.confidence = 1;
  read.from_text_layer = true;
  if (read.cells.empty()) {
    read.lines = Lines(words_[region]);
  } else {
    read.lines.clear();
    for (ReadCell& cell : read.cells) {
      std::vector<int> inside;
      for (const int w : words_[region]) {
        if (HoldsMiddle(cell.box_px, cell.polygon_px, layer_.words[static_cast<size_t>(w)].box_px))
          inside.push_back(w);
      }
      const std::vector<ReadLine> lines = Lines(inside);
      std::vector<std::string_view> texts;
      texts.reserve(lines.size());
      for (const ReadLine& line : lines) texts.push_back(line.text);
      cell.text = JoinParagraph(texts);
      read.lines.insert(read.lines.end(), lines.begin(), lines.end());
    }
  }
  AssembleText(read);
}

std::vector<ReadRegion> TextLayerUse::Uncovered() const {
  std::vector<ReadRegion> regions;
  for (ReadLine& line : Lines(uncovered_)) {
    ReadRegion region = {.box_px = line.box_px, .new_paragraph = true};
    region.confidence = 1;
    region.from_text_layer = true;
    region.lines.push_back(std::move(line));
    AssembleText(region);
    regions.push_back(std::move(region));
  }
  return regions;
}

}  // namespace glmocr
