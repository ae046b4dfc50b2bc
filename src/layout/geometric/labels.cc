// Titles and page furniture among the regions.
#include <algorithm>
#include <cmath>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Ratios to the running text.
constexpr double kLarger = 1.17;    // type of a title
constexpr double kDocTitle = 1.45;  // of a page's title
constexpr double kBold = 1.25;      // strokes of a title of the text's own size
constexpr double kSameSize = 1.1;   // titles of one level
constexpr double kSmaller = 0.93;   // type of header and footer
constexpr int kMostTitleLines = 3;
constexpr int kLeastTitleParts = 3;  // components: a large numeral is no title
constexpr int kLeastBoldParts = 4;
// Of the page's height.
constexpr double kTopBand = 0.085, kBottomBand = 0.925;
constexpr double kHeadBand = 0.075;  // of a head in the text's type
constexpr double kTitleBand = 0.5;   // the page's title is above
// Multiples of the font size.
constexpr double kFurnitureGap = 1.2;
constexpr double kNumberWidth = 5.5;
constexpr double kShortNumber = 2.2;
constexpr double kFullPage = 30;  // a lower page is a clipping, which has no furniture
constexpr size_t kLeastLines = 8;

double Font(const Block& block) {
  double sum = 0, n = 0;
  for (const Line& line : block.lines) {
    sum += line.text.font_px * line.n_parts;
    n += line.n_parts;
  }
  return n > 0 ? sum / n : 0;
}

double Stroke(const Block& block) {
  double sum = 0, n = 0;
  for (const Line& line : block.lines) {
    sum += line.stroke * line.n_parts;
    n += line.n_parts;
  }
  return n > 0 ? sum / n : 0;
}

int Parts(const Block& block) {
  int n = 0;
  for (const Line& line : block.lines) n += line.n_parts;
  return n;
}

bool IsText(const Block& block) {
  return !block.lines.empty() &&
         (block.region.label == RegionLabel::kText || block.region.label == RegionLabel::kContent);
}

bool HasWideGap(const Block& block) {
  return std::any_of(block.lines.begin(), block.lines.end(),
                     [](const Line& line) { return line.wide_gap; });
}

bool Overlap(const Box& a, const Box& b) { return a.x < b.right() && b.x < a.right(); }

// White space above and below the block, to what stands in the same columns; the page's edges
// count.
double Gap(const std::vector<Block>& blocks, const Block& block, bool below, int page_height) {
  double least = below ? page_height - block.region.box.bottom() : block.region.box.y;
  for (const Block& o : blocks) {
    if (&o == &block || !Overlap(o.region.box, block.region.box)) continue;
    const double gap = below ? o.region.box.y - block.region.box.bottom()
                             : block.region.box.y - o.region.box.bottom();
    if (gap > -0.5 * block.region.box.height) least = std::min(least, gap);
  }
  return least;
}

// A line of the text's size in bold, by itself above text that is not.
bool IsBoldTitle(const std::vector<Block>& blocks, size_t i, const Style& style, int page_height) {
  const Block& block = blocks[i];
  if (block.lines.size() > 2 || Parts(block) < kLeastBoldParts || HasWideGap(block)) return false;
  if (Stroke(block) < kBold * style.stroke || Font(block) < 0.9 * style.font) return false;
  if (i + 1 >= blocks.size() || block.lines.front().marker) return false;
  const Block& next = blocks[i + 1];
  const double font = Font(block);
  const bool above_text = next.region.box.y > block.region.box.y &&
                          Overlap(next.region.box, block.region.box) &&
                          next.region.box.y - block.region.box.bottom() < 3 * font;
  if (!above_text || Stroke(next) > 0.9 * Stroke(block)) return false;
  return Gap(blocks, block, false, page_height) > 0.35 * font;
}

void LabelTitles(const LayoutPage& page, const Style& style, std::vector<Block>* blocks) {
  struct Title {
    size_t block;
    double font;
  };
  std::vector<Title> titles;
  for (size_t i = 0; i < blocks->size(); ++i) {
    const Block& block = (*blocks)[i];
    if (!IsText(block) || block.lines.size() > kMostTitleLines) continue;
    if (HasWideGap(block) || Parts(block) < kLeastTitleParts) continue;
    const double font = Font(block);
    const bool larger = font >= kLarger * style.font;
    if (larger || IsBoldTitle(*blocks, i, style, page.image.height_px)) titles.push_back({i, font});
  }
  if (titles.empty()) return;
  // Levels by size, largest first. The page's title is alone in its size.
  std::vector<Title> sorted = titles;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Title& a, const Title& b) { return a.font > b.font; });
  const auto n_largest = std::count_if(sorted.begin(), sorted.end(), [&](const Title& t) {
    return t.font * kSameSize >= sorted.front().font;
  });
  const Block& largest = (*blocks)[sorted.front().block];
  const bool has_doc_title = n_largest == 1 && sorted.front().font >= kDocTitle * style.font &&
                             largest.area == 0 &&
                             largest.region.box.y < kTitleBand * page.image.height_px;
  int level = has_doc_title ? 1 : 2;
  double size = sorted.front().font;
  for (const Title& title : sorted) {
    if (title.font * kSameSize < size) ++level;
    size = title.font;  // a chain of close sizes is one level: sizes are measured to some per cent
    LayoutRegion& region = (*blocks)[title.block].region;
    const bool doc = has_doc_title && title.block == sorted.front().block;
    region.label = doc ? RegionLabel::kDocTitle : RegionLabel::kParagraphTitle;
    region.heading_level = std::min(level, 6);
  }
}

// Captions: a few lines in smaller type close below or above a figure, or above a table.
void LabelCaptions(const Style& style, std::vector<Block>* blocks) {
  constexpr double kCaptionReach = 1.6, kCaptionType = 0.96;
  constexpr size_t kMostCaptionLines = 4;
  for (size_t i = 0; i < blocks->size(); ++i) {
    const Block& object = (*blocks)[i];
    const bool table = object.region.label == RegionLabel::kTable;
    if (!table && object.region.label != RegionLabel::kImage) continue;
    const Box& around = object.region.box;
    if (around.height < 3 * style.font || around.width < 6 * style.font) continue;
    for (const bool below : {false, true}) {
      if ((table && below) || (!below && i == 0) || (below && i + 1 >= blocks->size())) continue;
      Block& block = (*blocks)[below ? i + 1 : i - 1];
      if (!IsText(block) || block.area != object.area || HasWideGap(block)) continue;
      const Box& b = block.region.box;
      const double font = Font(block);
      const double gap = below ? b.y - around.bottom() : around.y - b.bottom();
      if (!Overlap(b, around) || gap < -0.5 * font || gap > kCaptionReach * font) continue;
      if (font > kCaptionType * style.font || block.lines.size() > kMostCaptionLines) continue;
      block.region.label = RegionLabel::kFigureTitle;
      break;
    }
  }
}

bool IsNumber(const Block& block, const Box& text) {
  const Box& b = block.region.box;
  const double font = Font(block);
  if (b.width > kNumberWidth * font || HasWideGap(block)) return false;
  const double middle = b.x + b.width / 2.0;
  const bool centred = std::fabs(middle - text.x - text.width / 2.0) < 0.04 * text.width;
  const bool outer = b.x - text.x < font || text.right() - b.right() < font;
  return centred || outer;
}

// A running head: a number at one end of a line with a wide gap, or a rule below and nothing above.
bool IsRunningHead(const Block& block, const Box& text, const std::vector<Box>& rules) {
  if (block.lines.size() != 1) return false;
  const TextLine& line = block.lines.front().text;
  const double font = line.font_px;
  if (HasWideGap(block)) {
    const LinePiece &first = line.pieces.front(), &last = line.pieces.back();
    const bool number_left = first.box.width < kShortNumber * font && first.box.x - text.x < font;
    const bool number_right =
        last.box.width < kShortNumber * font && text.right() - last.box.right() < font;
    if (number_left || number_right) return true;
  }
  return std::any_of(rules.begin(), rules.end(), [&](const Box& rule) {
    return rule.width > 0.6 * text.width && rule.y >= line.baseline_y &&
           rule.y < line.baseline_y + 1.5 * font;
  });
}

void LabelFurniture(const LayoutPage& page, const Style& style, const std::vector<Box>& rules,
                    std::vector<Block>* blocks) {
  const int height = page.image.height_px;
  size_t n_lines = 0;
  Box text;
  for (const Block& block : *blocks) {
    text = n_lines == 0 ? block.region.box : Union(text, block.region.box);
    n_lines += std::max<size_t>(1, block.lines.size());
  }
  if (height < kFullPage * style.font || n_lines < kLeastLines) return;
  for (Block& block : *blocks) {
    if (block.area != 0 || !IsText(block) || block.lines.size() > 2) continue;
    const Box& b = block.region.box;
    const bool top = b.bottom()<kTopBand * height, bottom = b.y> kBottomBand * height;
    if (!top && !bottom) continue;
    if (Gap(*blocks, block, top, height) < kFurnitureGap * style.font) continue;
    const double font = Font(block);
    // A lone digit may be taken for a small letter of larger type.
    if (block.lines.size() == 1 && font < 1.6 * style.font && IsNumber(block, text)) {
      block.region.label = RegionLabel::kNumber;
    } else if (font <= kSmaller * style.font ||
               (top && font < kLarger * style.font && b.bottom() < kHeadBand * height &&
                IsRunningHead(block, text, rules))) {
      block.region.label = top ? RegionLabel::kHeader : RegionLabel::kFooter;
    }
  }
}

}  // namespace

void LabelRegions(const LayoutPage& page, const Style& style, const std::vector<Box>& rules,
                  std::vector<Block>* blocks) {
  LabelFurniture(page, style, rules, blocks);
  LabelTitles(page, style, blocks);
  LabelCaptions(style, blocks);
}

}  // namespace glmocr::geometric
