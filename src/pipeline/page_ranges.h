// Which pages of a document a user wants: "1-3,8,-2-".
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

// The text of --pages, parsed. Numbers count from 1; negative ones from the end, -1 is the last
// page. A part is one page ("8", "-1"), a range ("1-3", "-3--2"), or a range to the end ("5-",
// "-2-" for the last two). Empty text means all pages.
class PageRanges {
 public:
  // kInvalidArgument names the part that is wrong.
  static Result<PageRanges> Parse(std::string_view text);

  // Page numbers from 1, in the order in which they are named, none twice. A page named by itself
  // and a range's first page must exist in a document of `n_pages` > 0; a range's end beyond the
  // last page is the last page, and a range that begins before the first counting from the end
  // begins with it. kInvalidArgument otherwise.
  Result<std::vector<int>> Select(int n_pages) const;

 private:
  struct Part {
    int first = 1;
    int last = 1;
    bool range = false;
  };
  std::vector<Part> parts_;
};

}  // namespace glmocr
