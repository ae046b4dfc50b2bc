// Internal to the line finder: connected components, chains of them, and the three steps after
// binarisation.
#pragma once

#include <vector>

#include "media/lines.h"

namespace glmocr::lines {

// A chain of components: a line, or the part of one that lies in a column.
struct Chain {
  std::vector<Box> parts;    // components, sorted by x once Measure ran
  Box box;                   // of the parts
  double baseline = 0;       // y
  double cap = 0;            // height of the tall letters above the baseline
  double font = 0;           // estimated font size
  bool two_heights = false;  // short and tall letters both occur, so `font` is certain
  int column = 0;
};

Box Union(const Box& a, const Box& b);

// The typical height of letters among `components`, 0 when there are none.
double TypicalHeight(const std::vector<Box>& components, const LineFinderOptions& options);

// Chains letters to lines and hands them their dots, accents and punctuation. `unit` from
// TypicalHeight.
std::vector<Chain> ChainComponents(const std::vector<Box>& components, double unit,
                                   const LineFinderOptions& options);

// Sets box, baseline, cap and font from the parts; sorts the parts.
void Measure(Chain& chain);
// Settles `font` of chains whose letters all have one height (all capitals, or "one cose") by their
// neighbours.
void SettleFonts(std::vector<Chain>& chains);

// Reading order: columns by white space, top to bottom within; chains of one row of a column become
// one. Sets `column`.
std::vector<Chain> OrderChains(const std::vector<Chain>& chains);

// Cuts an ordered chain into pieces.
TextLine CutLine(const Chain& chain, const std::vector<Chain>& all, int page_width, int page_height,
                 const LineFinderOptions& options);

}  // namespace glmocr::lines
