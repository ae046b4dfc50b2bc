// What a user should know about how a page was read, judged from what was read and from what the
// picture shows: no text, ink left out, an unsure model, text that was cut, letters too small.
//
// Pure functions; the page reader calls them when a page is complete. Each threshold is held from
// both sides by a test, and tests/e2e/warnings_test.cc measures them on pages that are read well
// and on turned, foreign-script and noise pages (docs/warnings.md has the figures).
#pragma once

#include <cstdint>
#include <vector>

#include "document/page.h"
#include "media/ink_cover.h"

namespace glmocr {

// What the picture shows, measured before the page is read.
struct PageFacts {
  InkCover ink;                // in the picture that was read, against the page's regions
  double font_px = 0;          // the median font size (em) of its lines; 0 when no lines are known
  double largest_picture = 0;  // of the page's area
};

// What the texts of a page look like. What was taken from a PDF's own text does not count.
struct TextSigns {
  int64_t n_letters = 0;  // characters without blanks
  int64_t n_tokens = 0;
  double confidence = 0;  // geometric mean of the tokens' probabilities
  double weak = 0;        // the share of letters in lines of a confidence below kSureLine
};
TextSigns SignsOf(const ReadPage& page);

// Starter model: of parts of clean sample pages the least sure has 0.89, the surest of foreign and
// turned ones 0.62. The middle leaves room for other weights.
inline constexpr double kSurePage = 0.75, kSureLine = 0.75;
// Of a page's letters. Clean: 0.08 at most. Foreign and turned: 0.71 at least.
inline constexpr double kMostWeak = 0.35;
// With fewer tokens the mean is chance, and a page is warned of only where it is lower: dust that
// was read as letters.
inline constexpr int64_t kLeastTokens = 8;
inline constexpr double kSureFew = 0.6;
// Of the page's pixels: a sheet with punch holes and dust has less, one line of text more.
inline constexpr double kLeastInk = 0.001;
// Of the ink. Clean: 0.02 at most.
inline constexpr double kMostUncovered = 0.15;
// Of the page's area and of its ink: a picture as large as the page that holds writing.
inline constexpr double kPageSized = 0.7, kMostInPicture = 0.25;
// Fonts of fewer pixels (em) are read with three times the mistakes of larger ones. Letters without
// ascenders are half as high.
inline constexpr double kLeastFontPx = 12.5, kLetterPerFont = 0.5;

// In the order of WarningKind. `page.warnings` is not looked at.
std::vector<Warning> JudgePage(const ReadPage& page, const PageFacts& facts);

}  // namespace glmocr
