// What stands in the cells of a table.
#include <algorithm>
#include <cstdlib>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

constexpr double kBold = 1.25;   // strokes of a head over those of the rest
constexpr int kLeastParts = 3;   // components of a cell that tell how thick its strokes are
constexpr int kOtherGround = 8;  // grey levels between the grounds of a head and the rest

// Padding that would show the rules around the cell ends before them.
void ClampCrops(const Box& cell, TextLine* line) {
  constexpr int kRule = 2;  // half a rule's thickness, and its anti-aliased side
  for (LinePiece& piece : line->pieces) {
    const int x0 = std::max(piece.crop.x, std::min(cell.x + kRule, piece.box.x));
    const int y0 = std::max(piece.crop.y, std::min(cell.y + kRule, piece.box.y));
    const int x1 = std::min(piece.crop.right(), std::max(cell.right() - kRule, piece.box.right()));
    const int y1 =
        std::min(piece.crop.bottom(), std::max(cell.bottom() - kRule, piece.box.bottom()));
    piece.crop = {x0, y0, x1 - x0, y1 - y0};
  }
}

// The commonest grey level within the box: the ground that the writing stands on.
int Ground(const Image& image, const Box& box) {
  std::vector<int> n(256, 0);
  const int x1 = std::min(box.right() - 2, image.width_px);
  const int y1 = std::min(box.bottom() - 2, image.height_px);
  for (int y = std::max(0, box.y + 2); y < y1; ++y) {
    for (int x = std::max(0, box.x + 2); x < x1; ++x) {
      const uint8_t* rgb = image.row(y) + 3 * x;
      ++n[static_cast<size_t>(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])];
    }
  }
  return static_cast<int>(std::max_element(n.begin(), n.end()) - n.begin());
}

// Mean thickness of the strokes in a cell, 0 without letters enough to tell.
double CellStroke(const Image& image, const TableCell& cell, const std::vector<Chain>& chains) {
  double sum = 0;
  int n = 0;
  for (size_t k = 0; k < cell.lines.size() && k < chains.size(); ++k) {
    const Line line = MakeLine(image, chains[k], cell.lines[k]);
    sum += line.stroke * line.n_parts;
    n += line.n_parts;
  }
  return n >= kLeastParts ? sum / n : 0;
}

// A dash that stands for nothing is a mark too small for a line of its own elsewhere.
void AddLoneMark(const std::vector<Box>& letters, double font, std::vector<Chain>* chains) {
  Box box;
  Chain mark;
  for (const Box& b : letters) {
    if (std::max(b.width, b.height) < 0.15 * font) continue;
    box = mark.parts.empty() ? b : Union(box, b);
    mark.parts.push_back(b);
  }
  if (mark.parts.empty() || box.height > font) return;
  mark.box = box;
  mark.font = font;
  mark.cap = 0.72 * font;
  mark.baseline = box.height > 0.5 * font ? box.bottom() : box.y + box.height / 2.0 + 0.26 * font;
  chains->push_back(std::move(mark));
}

}  // namespace

void FillCells(const Image& image, const LineFinderOptions& options, Table* table) {
  std::vector<double> fonts;
  for (const std::vector<Chain>& chains : table->chains) {
    for (const Chain& c : chains) fonts.push_back(c.font);
  }
  std::sort(fonts.begin(), fonts.end());
  const double font = fonts.empty() ? 20 : fonts[fonts.size() / 2];
  for (size_t i = 0; i < table->cells.size(); ++i) {
    std::vector<Chain>& chains = table->chains[i];
    if (chains.empty()) AddLoneMark(table->letters[i], font, &chains);
    chains = lines::OrderChains(chains);
    for (const Chain& chain : chains) {
      TextLine line = lines::CutLine(chain, chains, image.width_px, image.height_px, options);
      ClampCrops(table->cells[i].box, &line);
      table->cells[i].lines.push_back(std::move(line));
    }
  }
}

void MarkHeader(const Image& image, const Style& style, Table* table) {
  int n_rows = 0, n_columns = 0;
  for (const TableCell& cell : table->cells) {
    n_rows = std::max(n_rows, cell.row + cell.row_span);
    n_columns = std::max(n_columns, cell.column + cell.column_span);
  }
  if (n_rows < 2 || n_columns < 2) return;
  struct Look {
    double stroke;
    int ground;
  };
  std::vector<Look> looks;
  std::vector<double> strokes;
  std::vector<int> grounds;
  for (size_t i = 0; i < table->cells.size(); ++i) {
    const TableCell& cell = table->cells[i];
    looks.push_back({CellStroke(image, cell, table->chains[i]), Ground(image, cell.box)});
    if (looks.back().stroke > 0) strokes.push_back(looks.back().stroke);
    grounds.push_back(looks.back().ground);
  }
  // Regular type and plain ground: those of the page, or the lighter part of the table.
  double regular = style.stroke;
  if (!strokes.empty()) {
    std::sort(strokes.begin(), strokes.end());
    const double light = strokes[strokes.size() * 3 / 10];
    regular = regular > 0 ? std::min(regular, light) : light;
  }
  std::sort(grounds.begin(), grounds.end());
  const int plain = grounds[grounds.size() * 7 / 10];
  // Cells for which `which` holds: all of them stand out, empty ones aside.
  const auto stand_out = [&](const auto& which) {
    bool bold = true, shaded = true;
    int n = 0, written = 0;
    for (size_t i = 0; i < table->cells.size(); ++i) {
      if (!which(table->cells[i])) continue;
      ++n;
      shaded = shaded && std::abs(looks[i].ground - plain) >= kOtherGround;
      if (looks[i].stroke == 0) continue;
      ++written;
      bold = bold && looks[i].stroke > kBold * regular;
    }
    return n > 0 && ((bold && written > 0) || shaded);
  };
  // The head is as many rows as its highest cell.
  int head = 1;
  for (const TableCell& cell : table->cells) {
    if (cell.row == 0) head = std::max(head, cell.row_span);
  }
  if (head >= n_rows) head = 1;
  const bool has_head = (table->heavy_rule_below_first_row && head == 1) ||
                        stand_out([&](const TableCell& c) { return c.row < head; });
  const bool has_side =
      stand_out([&](const TableCell& c) { return c.column == 0 && c.row >= head; });
  for (TableCell& cell : table->cells) {
    if (cell.row < head ? has_head : has_side && cell.column == 0) cell.header = true;
    // A row of one cell is the head of those below when it looks like one.
    const bool whole_row = cell.column_span == n_columns && n_columns > 1;
    if (whole_row && stand_out([&](const TableCell& c) { return &c == &cell; })) cell.header = true;
  }
}

}  // namespace glmocr::geometric
