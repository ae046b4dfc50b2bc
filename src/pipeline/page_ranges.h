// Which pages of a document a user wants: "1-3,8,-2-".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

struct PageSelection {
  std::vector<int> pages;  // from 1, in the order in which they were named, none twice
  // What was named and does not exist, as it was named: "8, 6-99"; empty when all of it exists.
  std::string missing;
};

// The text of --pages, parsed. Numbers count from 1; negative ones from the end, -1 is the last
// page. A part is one page ("8", "-1"), a range ("1-3", "-3--2"), or a range to the end ("5-",
// "-2-" for the last two). Empty text means all pages.
class PageRanges {
 public:
  // kInvalidArgument names the part that is wrong.
  static Result<PageRanges> Parse(std::string_view text);

  // Of a document of `n_pages` > 0: the named pages that exist, and what of the named does not. A
  // range to the end misses nothing, nor does one that begins before the first page counting from
  // the end. kInvalidArgument when no named page exists.
  Result<PageSelection> Select(int n_pages) const;

 private:
  struct Part {
    int first = 1;
    int last = 1;
    bool range = false;
    std::string text;  // as it was named
  };
  std::vector<Part> parts_;
};

}  // namespace glmocr
