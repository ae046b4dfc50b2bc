// Internal to the geometric layout engine: what a page is taken apart into, and the steps that do
// it. geometric.cc puts them together:
//   FindInk -> FindGrids (tables, frames) -> FindFigures -> chains of letters per area and cell
//   -> FindOpenTables -> reading order -> MakeRegions (paragraphs) -> LabelRegions (titles, page
//   furniture).
#pragma once

#include <vector>

#include "layout/layout.h"
#include "media/line_steps.h"
#include "media/page_ink.h"

namespace glmocr::geometric {

using lines::Chain;

// A table in the making: the grid, and the letters and chains of each of its cells.
struct Table {
  Box box;
  std::vector<TableCell> cells;             // row by row; `lines` are filled last
  std::vector<std::vector<Box>> letters;    // of each cell
  std::vector<std::vector<Chain>> chains;   // of each cell
  bool heavy_rule_below_first_row = false;  // against the other inner rules
};

struct Grids {
  std::vector<Table> tables;
  std::vector<Box> frames;  // rectangles of rules around something that is not a table
  std::vector<Box> plots;   // rules of diagrams: axes, grid lines
};

// A text line with what its chain tells beyond the TextLine.
struct Line {
  TextLine text;
  double first_word_px = 0;      // width of its first word
  double second_word_x = 0;      // where its second word begins, 0 without one
  double space_after_first = 0;  // between the two
  double stroke = 0;             // thickness of its strokes over its font size
  int n_parts = 0;               // components
  bool marker = false;           // begins with a bullet, a dash, or a number as its neighbours do
  bool numbered = false;         // its first word is short and ends with a full stop or a bracket
  bool wide_gap = false;         // has a gap between words that no text has
};

// What the page's running text looks like.
struct Style {
  double font = 0;          // px
  double stroke = 0;        // as Line::stroke
  bool typewriter = false;  // most of it is set in columns of characters
};

struct Block {
  LayoutRegion region;
  std::vector<Line> lines;  // of the region; TextLines are moved to the region in the end
  int area = 0;             // of the page that it stands in: 0 is the page itself
};

bool Contains(const Box& outer, const Box& inner, int slack = 0);
bool HasCentre(const Box& outer, const Box& inner);  // inner's middle lies in outer
// Pixels between the two, the larger of both directions; 0 when they touch or overlap.
int Distance(const Box& a, const Box& b);

// Tables and frames from the page's rules. Cells have positions, spans and boxes, no lines.
Grids FindGrids(const PageInk& ink);

// Pictures, drawings and diagrams, outside of `tables`.
std::vector<Box> FindFigures(const PageInk& ink, const Grids& grids);
// Labels of diagrams: chains that belong to a figure leave `chains` and widen it.
void TakeLabels(std::vector<Box>* figures, std::vector<Chain>* chains);
// Check boxes at the beginning of lines leave their chains: they are drawings, not letters.
// `boxes`: where they were.
void TakeCheckBoxes(const Image& image, std::vector<Chain>* chains, std::vector<Box>* boxes);
// Components of text size that no chain holds and that are too large to be dirt, close ones joined.
std::vector<Box> LeftOver(const std::vector<Box>& letters, const std::vector<Chain>& chains,
                          double letter_px);

// Tables whose rows stand between horizontal rules alone, beside those `known`; their chains leave
// `chains`. Their cells have letters, no chains.
std::vector<Table> FindOpenTables(const PageInk& ink, const Box& area,
                                  const std::vector<Table>& known, std::vector<Chain>* chains);

// Tables without rules: rows of three cells or more, one below the other, with white space through
// all of them; their chains leave `chains`. Their cells have letters, no chains.
std::vector<Table> FindBorderlessTables(std::vector<Chain>* chains);

// Orders the chains of each cell and makes its lines of them.
void FillCells(const Image& image, const LineFinderOptions& options, Table* table);
// Marks the cells of head rows and of a head column: a heavier rule below, bold type, or another
// ground.
void MarkHeader(const Image& image, const Style& style, Table* table);

// A line that runs up or down the page, and its region, which is read elsewhere: turned upright.
struct Sideways {
  LayoutRegion region;
  Line line;  // in the pixels of region.elsewhere->image
};
// Those whose letters have none beside them; they leave `letters`. `known`: tables and figures.
std::vector<Sideways> TakeSideways(const Image& image, const std::vector<Box>& known,
                                   double letter_px, const LineFinderOptions& options,
                                   std::vector<Box>* letters);

Line MakeLine(const Image& image, const Chain& chain, TextLine text);
Style BodyStyle(const std::vector<Line>& lines);

// Whether the line is long enough to tell, and its letters stand in columns of one width.
bool IsTypewriter(const Line& line);
// Lines that are set in typewriter type, from a given one up to `end`, and whether they are program
// code rather than prose.
struct Typed {
  size_t end = 0;  // `begin` when there are none
  bool code = false;
};
// Lines of code get TextLine::n_spaces and after_blank.
Typed FindTyped(std::vector<Line>* lines, size_t begin, const Style& style);

// Consecutive lines in reading order to paragraphs, list items, blocks of single lines and
// program code.
// `around`: everything that stands in the area, which tells how much room is to the right of lines.
std::vector<Block> MakeRegions(std::vector<Line> lines, const std::vector<Box>& around,
                               const Style& style);
// Titles with their levels, captions, header, footer and page number, among blocks in reading
// order. `rules`: the page's horizontal ones.
void LabelRegions(const LayoutPage& page, const Style& style, const std::vector<Box>& rules,
                  std::vector<Block>* blocks);

}  // namespace glmocr::geometric
