// The line finder step by step, for layout analysis, which has lines of parts of a page to find:
// connected components (media/page_ink.h) to chains, chains to reading order, each to a TextLine.
#pragma once

#include <vector>

#include "media/box_math.h"
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
  // Not a line but something else that takes part in the reading order as one block (a table, a
  // picture): the caller's number of it. Such a chain has no parts.
  int object = -1;
};

// A block for OrderChains; `font` of the text around it.
Chain MakeObject(int object, const Box& box, double font);

// The typical height of letters among `components`, 0 when there are none.
double TypicalHeight(const std::vector<Box>& components, const LineFinderOptions& options);

// Chains letters to lines and hands them their dots, accents and punctuation. `unit` from
// TypicalHeight. Fonts are not settled yet: SettleFonts.
std::vector<Chain> ChainComponents(const std::vector<Box>& components, double unit,
                                   const LineFinderOptions& options);

// ChainComponents and SettleFonts, refusing what is noise: kResourceExhausted when there are more
// chains than max_lines.
Result<std::vector<Chain>> FindChains(const std::vector<Box>& components, double unit,
                                      const LineFinderOptions& options);

// Sets box, baseline, cap and font from the parts; sorts the parts.
void Measure(Chain& chain);
// Settles `font` of chains whose letters all have one height (all capitals, or "one cose") by their
// neighbours.
void SettleFonts(std::vector<Chain>& chains);

// Reading order: columns by white space, top to bottom within; chains of one row of a column become
// one. Objects stay by themselves. Sets `column`.
std::vector<Chain> OrderChains(const std::vector<Chain>& chains);

// Cuts an ordered chain into pieces.
TextLine CutLine(const Chain& chain, const std::vector<Chain>& all, int page_width, int page_height,
                 const LineFinderOptions& options);

}  // namespace glmocr::lines
