// Whether the text of a PDF page says what the page shows, found out by reading a little of it.
//
// Why: a font's table may name other characters than its glyphs show (shifted or scrambled on
// purpose, or written wrongly), and nothing but the glyphs' picture tells. Whatever the page draws
// as text comes from some font, and a font names each of its characters in one way; so a few pieces
// of lines are read, chosen so that they show nearly all characters of all fonts, and held against
// the layer. How to use: ChooseSamples, read them, JudgeSamples. Text that the page does not draw
// cannot be told from errors this way, and is not asked about.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace glmocr {

// A letter or digit of the layer, in the form that is compared, with its font.
struct LayerSymbol {
  uint32_t symbol = 0;
  int font = -1;
  bool operator==(const LayerSymbol&) const = default;
};

// The letters and digits of `text`: without accents, ligatures taken apart; characters that look
// alike in most fonts (0 and O, 1, I and l, small and capital letters of one shape) are one.
// `text` must be well-formed UTF-8.
std::vector<LayerSymbol> LayerSymbols(std::string_view text, int font);

// Which of the pieces of lines to read: their indices, ascending. Pieces from all parts of the
// page, of every font, and as many as show nearly all characters of all fonts twice; at most
// kMaxLayerSamples.
// Empty when no piece has letters or digits. The same for the same page.
inline constexpr size_t kMaxLayerSamples = 12;
// Fonts with fewer letters and digits on a page are not asked about.
inline constexpr size_t kLeastOfFont = 4;
std::vector<size_t> ChooseSamples(std::span<const std::vector<LayerSymbol>> pieces);

struct LayerSample {
  std::vector<LayerSymbol> layer;
  std::string layer_text, read_text;  // as they are
  double confidence = 1;              // of the reading
};

struct LayerVerdict {
  bool agrees = false;
  std::string why;  // of a layer that does not: a clause for the user, "it says ... where ..."
  // It agrees as far as it could be checked: pieces in another script than Latin were read with low
  // confidence and without one letter of that script, so the model does not know it. Such text is
  // still drawn by a font that names its characters, and worth more than a reading of noise.
  bool unread_script = false;
};

// `page`: all symbols of the page, for how much a character counts.
LayerVerdict JudgeSamples(std::span<const LayerSample> samples, std::span<const LayerSymbol> page);

// `text` between quotes, for messages: control, format and unassigned characters escaped, cut after
// `max_characters`. Well-formed UTF-8.
std::string QuotedText(std::string_view text, size_t max_characters);

}  // namespace glmocr
