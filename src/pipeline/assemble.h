// Puts a region's text together from what was read of its lines and cells.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "document/page.h"

namespace glmocr {

// Lines of running text as one paragraph: joined by spaces; a word that was hyphenated at a line's
// end ("exam-", "ple"; also with U+2010 or a soft hyphen) becomes whole. A hyphen before anything
// but a small letter stays, and so do both parts of "A-" + "B". An entry of a table of contents,
// which ends with dots and a number, ends its line.
std::string JoinParagraph(std::span<const std::string_view> lines);

// Cells as an HTML table, <th> for header cells, row by row. Texts are escaped.
std::string TableHtml(std::span<const ReadCell> cells);

// The words of what a model wrote, from its tokens.
class WordSplitter {
 public:
  // A line, or a piece of a line that begins with a new word, ends here.
  void Break();
  // `bytes` are empty for the token that ends an answer.
  void Add(std::string_view bytes, float probability);
  std::vector<ReadWord> Finish();

 private:
  bool open_ = false;  // the last of words_ may go on
  std::vector<ReadWord> words_;
};

// Sets region.text from its lines, or from its cells where it has some.
void AssembleText(ReadRegion& region);

}  // namespace glmocr
