#include "pipeline/text_layer_use.h"

#include <algorithm>

#include "media/box_math.h"
#include "pipeline/assemble.h"

namespace glmocr {
namespace {

bool HoldsMiddle(const Box& box, const Box& word) {
  const int x = word.x + word.width / 2, y = word.y + word.height / 2;
  return x >= box.x && x < box.right() && y >= box.y && y < box.bottom();
}

}  // namespace

TextLayerUse::TextLayerUse(const PdfTextLayer& layer, const ReadPage& page)
    : layer_(layer), words_(page.regions.size()) {
  for (size_t w = 0; w < layer.words.size(); ++w) {
    // The smallest region counts: one may lie in another.
    std::vector<int>* to = &uncovered_;
    int64_t smallest = INT64_MAX;
    for (size_t r = 0; r < page.regions.size(); ++r) {
      const Box& box = page.regions[r].box_px;
      if (!HoldsMiddle(box, layer.words[w].box_px) || Area(box) >= smallest) continue;
      smallest = Area(box);
      to = &words_[r];
    }
    to->push_back(static_cast<int>(w));
  }
}

// Words that share a line of the layer, lines from top to bottom.
std::vector<ReadLine> TextLayerUse::Lines(const std::vector<int>& words) const {
  std::vector<ReadLine> lines;
  int number = -1;
  for (const int w : words) {
    const PdfWord& word = layer_.words[static_cast<size_t>(w)];
    if (lines.empty() || word.line != number) {
      number = word.line;
      lines.push_back({.box_px = word.box_px, .text = word.text, .confidence = 1});
      continue;
    }
    lines.back().text += " " + word.text;
    lines.back().box_px = Union(lines.back().box_px, word.box_px);
  }
  for (ReadLine& line : lines) line.baseline_y = line.box_px.bottom();
  std::stable_sort(lines.begin(), lines.end(), [](const ReadLine& a, const ReadLine& b) {
    // Lines that overlap by half in height are pieces of one row.
    const int overlap =
        std::min(a.box_px.bottom(), b.box_px.bottom()) - std::max(a.box_px.y, b.box_px.y);
    const bool same_row = 2 * overlap > std::min(a.box_px.height, b.box_px.height);
    return same_row ? a.box_px.x < b.box_px.x : a.box_px.y < b.box_px.y;
  });
  return lines;
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
        if (HoldsMiddle(cell.box_px, layer_.words[static_cast<size_t>(w)].box_px))
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
