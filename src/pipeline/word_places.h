// Where the words of a line are, from what was read and the ink that it was read from.
//
// A model that reads a line says its words, not their places. The line's ink is known as parts
// (connected components) with white gaps between them: words are given to stretches of parts so
// that gaps between words are wide and each stretch is about as long as its word. Where there are
// fewer stretches than words (letters touch across a gap), the line is divided by the widths that
// letters usually have.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "document/page.h"
#include "media/lines.h"

namespace glmocr {

// A connected component of a line.
struct InkPart {
  double from_px = 0, to_px = 0;  // along the line's baseline, from its start
  Box box_px;                     // in the page
};

// What was read of a piece of a line, and from which ink, sorted by from_px.
struct PieceReading {
  std::string_view text;
  std::span<const ReadToken> tokens;
  PieceStart start = PieceStart::kWord;
  std::span<const InkPart> ink;
};

// Adds the piece's words to line->words; its first continues the last one there when the piece
// begins in a word. line->place must be set. `page`: its size bounds boxes.
void AddWords(const PieceReading& piece, const ReadPage& page, ReadLine* line);

}  // namespace glmocr
