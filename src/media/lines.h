// Finds the text lines of a printed page, for models that read single lines.
//
// What: an RGB page in; the page made upright, dark on light and evenly lit and its lines in
// reading order out, each cut into pieces that fit the model. Why not projections alone: headings,
// columns, pictures and rules share a page, so lines are chains of neighbouring connected
// components and columns are found afterwards between the chains. Binarisation, skew and components
// are leptonica's. How to use:
//   GLM_ASSIGN(LinePage page, FindTextLines(image, {}));
//   for (const TextLine& line : page.lines)
//     for (const LinePiece& piece : line.pieces) Read(PieceForModel(page.image, piece));
// All boxes are in pixels of LinePage::image; LinePage::transform leads back to the input.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "media/image.h"
#include "media/page_transform.h"

namespace glmocr {

struct LineFinderOptions {
  int min_text_height_px = 6;     // components lower than this start no line
  int max_lines = 5000;           // more is noise: kResourceExhausted
  double max_skew_degrees = 8.0;  // searched range, to both sides
  double max_piece_windows =
      18;  // a piece's padded width over its padded height, at most (about 40 characters)
  // Of a piece's height, above and below each. The band is the font's already; measured with the
  // starter model 0.03 and 0.06 read alike, 0.10 and more worse (docs/media.md).
  double pad_vertical = 0.05;
  double pad_horizontal = 0.20;  // of a piece's height, left and right each
};

// How a piece continues the one before it in its line.
enum class PieceStart {
  kWord,    // after a word gap: join the texts with a space
  kInWord,  // the line had no gap to cut at: join without one
};

// A part of a line. Its height is that of the line's band (ascender to descender of the font, more
// where ink goes on), the same for every piece, because that is what the model was trained on.
struct LinePiece {
  Box box;               // ink from left to right, the band from top to bottom; inside the page
  Box crop;              // box with padding; may reach outside the page
  std::vector<Box> ink;  // its connected components, by their left edges
  PieceStart start = PieceStart::kWord;
};

struct TextLine {
  Box box;                        // of all pieces
  std::vector<LinePiece> pieces;  // left to right, at least one
  int column = 0;         // number of the block of lines (column, heading, ...) in reading order
  int index = 0;          // in LinePage::lines
  double baseline_y = 0;  // where the letters stand, at the line's middle
  double font_px = 0;     // estimated font size (em)
  // Of program code: it is set in by so many characters, and stands below an empty line.
  int n_spaces = 0;
  bool after_blank = false;
};

struct LinePage {
  // The page made easy to read: upright (larger than the input when turned), dark on light, evenly
  // lit.
  Image image;
  PageTransform transform;  // from `image` to the input
  double skew_degrees = 0;  // the input was turned by this much, clockwise positive
  bool inverted = false;
  std::vector<TextLine> lines;  // in reading order; empty for a page without text
};

// Errors: kInvalidArgument (empty image), kResourceExhausted (max_lines), kOutOfMemory.
Result<LinePage> FindTextLines(const Image& page, const LineFinderOptions& options = {});

// piece.crop of the page; what lies outside repeats the page's border pixels.
Image CropPiece(const Image& page, const LinePiece& piece);

// CropPiece scaled to the model's height: [window_px, n * window_px] with n = max(1, round(width /
// height)).
Image PieceForModel(const Image& page, const LinePiece& piece, int window_px = 28,
                    ThreadPool* pool = nullptr);

}  // namespace glmocr
