// The text that a PDF page carries, as words with boxes, and whether it can be believed.
//
// A text layer is what a program wrote beside what it drew; nothing keeps the two together. So the
// layer is held against the page's picture and its own characters before anyone uses it in place of
// reading. docs/pdf.md says how good the test is.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "media/image.h"
#include "pdf/protocol.h"

namespace glmocr {

struct PdfWord {
  std::string text;  // UTF-8, not empty; U+FFFD where the character is unknown
  Box box_px;        // its ink's box in the page's picture, not empty, inside it
  int line = 0;      // words of one printed line share a number; lines count up in content order
  // The page's picture shows it: at least half of its characters are drawn, and high enough to be
  // seen. Text that is invisible, white on white, clipped or behind a picture is not.
  bool drawn = false;
  int font = -1;  // number of the font of its first character, on this page; -1: not known
};

struct PdfTextLayer {
  std::vector<PdfWord> words;  // in the order in which the page's content places them
  int n_chars = 0;             // of `words`
  double unmapped_share = 0;   // of the characters: unknown to the font, private, or control codes
  double invisible_share =
      0;                    // of the characters: drawn invisibly, as OCR software does over scans
  double drawn_share = 0;   // of the words: those that the page's picture shows
  double on_ink_share = 0;  // of the words: those with ink in their box
  double ink_covered_share = 0;  // of the page's dark pixels: those in a word's box
  bool cut = false;              // the page has more characters than the reader takes
  // It may stand in for reading the page where it has words: at least one character, at most 2 %
  // of them unmapped, at most 10 % invisible, at least 95 % of the words on ink, not cut. Says
  // nothing about parts of the page without words, such as pictures of text.
  bool good = false;
};

namespace pdf {

// Words out of characters; boxes are clipped to `page`, and words outside it are left out. Takes
// any bits.
PdfTextLayer MakeTextLayer(std::span<const CharRecord> chars, const Image& page);

}  // namespace pdf
}  // namespace glmocr
