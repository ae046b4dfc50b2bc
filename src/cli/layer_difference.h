// Where a PDF's own text and the reading of its page differ, for `--text-layer compare`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/page.h"

namespace glmocr::cli {

// Words that differ, with a word before and behind them that does not.
struct TextDifference {
  std::string read, layer;
};
std::vector<TextDifference> WordDifferences(std::string_view read, std::string_view layer);

// One line for the page, `place` being its name, and one for each difference, the first few of a
// page.
std::vector<std::string> DescribeDifferences(const ReadPage& page, const std::string& place);

}  // namespace glmocr::cli
