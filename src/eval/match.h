// Which blocks of the truth were read as which blocks of the prediction: OmniDocBench's
// "quick_match" (utils/match_quick.py), step for step.
//
// 1. Captions and page furniture of the truth take away the blocks that resemble them (distance
//    < 0.25).
// 2. Neighbouring blocks of the prediction that together resemble a block of the truth better than
//    apart are joined (a paragraph that was cut in two).
// 3. Blocks are assigned so that the normalized edit distances are least in sum; pairs above 0.7
//    do not count.
// 4. Blocks of the truth left over that are contained in a block of the prediction (distance of
//    some part of equal length < 0.4) join it (paragraphs read as one).
// 5. What is left on both sides is assigned once more; whatever is then left of the truth is
//    matched with nothing. What is left of the prediction is dropped.
#pragma once

#include <vector>

#include "base/result.h"
#include "eval/document.h"
#include "eval/edit_distance.h"

namespace glmocr {

struct MatchItem {
  BlockKind kind = BlockKind::kText;
  Symbols text;      // normalized, not empty
  double order = 0;  // place in reading order
  Symbols as_text;   // of a formula: as a text would be normalized
};

struct Match {
  std::vector<size_t> truth;      // ascending, not empty
  std::vector<size_t> predicted;  // ascending; empty: was not read
};

// More blocks than this on a page are matched in slices of the page, in order; costs grow with the
// cube of the number of blocks.
inline constexpr size_t kMaxBlocksAtOnce = 250;

std::vector<Match> MatchBlocks(const std::vector<MatchItem>& truth,
                               const std::vector<MatchItem>& predicted);

}  // namespace glmocr
