// Lines and words with their places, for formats that lay text over the page's picture (hOCR, ALTO,
// PDF).
//
// Where recognition delivered lines and words, these are they. Models that read a region whole do
// not say where its lines are; then its text is spread over the region in lines of equal height and
// about equal length, which is an estimate good enough to find and select text. Words without a
// place are estimates as well: the line is divided at its spaces in proportion to the number of
// characters, wide East Asian ones counting twice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/page.h"

namespace glmocr {

struct PlacedWord {
  std::string text;  // without white space, not empty
  Box box_px;        // at least one pixel each way
  LinePlace place;
  float confidence = 0;  // 0..1
};

struct PlacedLine {
  std::string text;      // words with one space between them, not empty
  Box box_px;            // at least one pixel each way
  LinePlace place;       // its end is not its start
  float confidence = 0;  // 0..1
  std::vector<PlacedWord> words;
};

// Nothing for pictures and regions without text. Characters that XML 1.0 forbids are U+FFFD, and so
// is ill-formed UTF-8.
std::vector<PlacedLine> PlaceLines(const ReadRegion& region);

// `text` with everything replaced by U+FFFD that may not stand in XML 1.0.
std::string XmlText(std::string_view text);

}  // namespace glmocr
