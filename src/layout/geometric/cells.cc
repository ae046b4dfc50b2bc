// What stands in the cells of a table.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

constexpr double kBold = 1.25;   // strokes of a head row over those below
constexpr int kOtherGround = 8;  // grey levels between the grounds of a head row and the next

// Padding that would show the rules around the cell ends before them.
void ClampCrops(const Box& cell, TextLine* line) {
  constexpr int kRule = 2;  // half a rule's thickness, and its anti-aliased side
  for (LinePiece& piece : line->pieces) {
    const int x0 = std::max(piece.crop.x, std::min(cell.x + kRule, piece.box.x));
    const int y0 = std::max(piece.crop.y, std::min(cell.y + kRule, piece.box.y));
    const int x1 = std::min(piece.crop.right(), std::max(cell.right() - kRule, piece.box.right()));
    const int y1 = std::min(piece.crop.bottom(), std::max(cell.bottom() - kRule, piece.box.bottom()));
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

// Mean thickness of the strokes in row `row`, 0 without writing.
double RowStroke(const Image& image, const Table& table, int row) {
  double sum = 0;
  int n = 0;
  for (size_t i = 0; i < table.cells.size(); ++i) {
    if (table.cells[i].row != row) continue;
    for (size_t k = 0; k < table.cells[i].lines.size() && k < table.chains[i].size(); ++k) {
      const Line line = MakeLine(image, table.chains[i][k], table.cells[i].lines[k]);
      if (line.n_parts < 3) continue;
      sum += line.stroke * line.n_parts;
      n += line.n_parts;
    }
  }
  return n > 0 ? sum / n : 0;
}

}  // namespace

void FillCells(const Image& image, const LineFinderOptions& options, Table* table) {
  for (size_t i = 0; i < table->cells.size(); ++i) {
    std::vector<Chain>& chains = table->chains[i];
    chains = lines::OrderChains(chains);
    for (const Chain& chain : chains) {
      TextLine line =
          lines::CutLine(chain, chains, image.width_px, image.height_px, options);
      ClampCrops(table->cells[i].box, &line);
      table->cells[i].lines.push_back(std::move(line));
    }
  }
}

void MarkHeader(const Image& image, Table* table) {
  const int n_rows = std::accumulate(
      table->cells.begin(), table->cells.end(), 0,
      [](int n, const TableCell& cell) { return std::max(n, cell.row + cell.row_span); });
  if (n_rows < 2) return;
  // The head is as many rows as its highest cell.
  int head = 1;
  for (const TableCell& cell : table->cells) {
    if (cell.row == 0) head = std::max(head, cell.row_span);
  }
  if (head >= n_rows) head = 1;
  bool evident = table->heavy_rule_below_first_row && head == 1;
  const double first = RowStroke(image, *table, 0), second = RowStroke(image, *table, head);
  evident = evident || (first > 0 && second > 0 && first > kBold * second);
  if (!evident) {
    // Every cell of the first row on another ground than the one below.
    int n = 0, other = 0, below = -1;
    for (const TableCell& cell : table->cells) {
      if (cell.row == head && below < 0) below = Ground(image, cell.box);
    }
    for (const TableCell& cell : table->cells) {
      if (cell.row != 0) continue;
      ++n;
      other += below >= 0 && std::abs(Ground(image, cell.box) - below) >= kOtherGround;
    }
    evident = n > 0 && other == n;
  }
  if (!evident) return;
  for (TableCell& cell : table->cells) cell.header = cell.row < head;
}

}  // namespace glmocr::geometric
