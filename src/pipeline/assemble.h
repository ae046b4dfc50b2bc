// Puts a region's text together from what was read of its lines and cells.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "document/page.h"

namespace glmocr {

// Lines of running text as one paragraph: joined by spaces; a word that was hyphenated at a line's
// end ("exam-", "ple"; also with U+2010 or a soft hyphen) becomes whole. A hyphen before anything
// but a small letter stays, and so do both parts of "A-" + "B". An entry of a table of contents,
// which ends with dots and a number, ends its line.
std::string JoinParagraph(std::span<const std::string_view> lines);

// Cells as an HTML table, <th> for header cells, row by row. Texts are escaped.
std::string TableHtml(std::span<const ReadCell> cells);

// Sets region.text from its lines, or from its cells where it has some.
void AssembleText(ReadRegion& region);

}  // namespace glmocr
