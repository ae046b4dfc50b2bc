#include "pipeline/word_places.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "document/line_place.h"
#include "media/box_math.h"

namespace glmocr {
namespace {

constexpr double kSpace = 0.28;  // em, between words

// The usual advance of a letter in em, in fonts of books and screens.
double Advance(char32_t c) {
  const auto is_one_of = [c](std::u32string_view set) {
    return set.find(c) != std::u32string_view::npos;
  };
  if (is_one_of(U"ijl.,;:'!|’‘ıI")) return 0.27;
  if (is_one_of(U"ftr()[]{}-/\\\"“”*")) return 0.36;
  if (is_one_of(U"mMW@%—w")) return 0.80;
  if (c >= U'A' && c <= U'Z') return 0.66;
  if (c >= 0x2E80 && c <= 0xFFDC) return 1;  // East Asian
  return 0.52;
}

// Of bytes that begin with a character and hold no other; ill-formed ones are letters.
char32_t CodePoint(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (lead < 0xC0 || bytes.size() == 1) return lead;
  char32_t c = lead & (0x7FU >> bytes.size());
  for (const char byte : bytes.substr(1)) c = c << 6 | (static_cast<unsigned char>(byte) & 0x3FU);
  return c;
}

// White space between words, as Unicode has it.
bool IsSpace(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

struct Word {
  size_t begin = 0, end = 0;  // bytes in the piece's text
  double em = 0;
};

std::vector<Word> Words(std::string_view text) {
  std::vector<Word> words;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    size_t next = at + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    const char32_t c = CodePoint(text.substr(at, std::min<size_t>(4, next - at)));
    const bool space = IsSpace(c);
    if (!space) {
      if (!in_word) words.push_back({.begin = at});
      words.back().end = next;
      words.back().em += Advance(c);
    }
    in_word = !space;
    at = next;
  }
  return words;
}

// Ink without a white column in it: parts [begin, end).
struct Stretch {
  double from, to;
  size_t begin, end;
};

std::vector<Stretch> Stretches(std::span<const InkPart> ink) {
  std::vector<Stretch> out;
  for (size_t i = 0; i < ink.size(); ++i) {
    if (!out.empty() && ink[i].from_px <= out.back().to) {
      out.back().to = std::max(out.back().to, ink[i].to_px);
      out.back().end = i + 1;
    } else {
      out.push_back({ink[i].from_px, ink[i].to_px, i, i + 1});
    }
  }
  return out;
}

// For each word the number of stretches before its first, by dynamic programming over (words,
// stretches). There are at least as many stretches as words.
std::vector<size_t> Assign(const std::vector<Word>& words, const std::vector<Stretch>& ink) {
  const size_t n = words.size(), m = ink.size();
  double em = kSpace * static_cast<double>(n - 1);
  for (const Word& word : words) em += word.em;
  const double em_px = std::max(1e-3, (ink.back().to - ink.front().from) / em);
  // Fonts differ: a letter's width by a fifth or so, a word's by less of its own.
  const auto cost_of_width = [&](const Word& word, size_t begin, size_t end) {
    const double off = (ink[end - 1].to - ink[begin].from) / em_px - word.em;
    const double times = std::fabs(off) / (0.2 + 0.15 * word.em);
    // Far off, it is another font (of equal widths, say), about which one word tells as much as
    // two.
    constexpr double kFar = 1.5;
    return times <= kFar ? times * times : kFar * (2 * times - kFar);
  };
  // Gaps between letters are below a tenth of an em, those between words above a fifth.
  const auto worth_of_gap = [&](size_t before) {
    constexpr double kWorth = 40, kMost = 0.6;
    return kWorth * std::min(kMost, (ink[before].from - ink[before - 1].to) / em_px);
  };
  constexpr double kNever = std::numeric_limits<double>::infinity();
  // best[w][s]: words before w took the stretches before s.
  std::vector<std::vector<double>> best(n + 1, std::vector<double>(m + 1, kNever));
  std::vector<std::vector<size_t>> from(n + 1, std::vector<size_t>(m + 1, 0));
  best[0][0] = 0;
  for (size_t w = 0; w < n; ++w) {
    for (size_t begin = w; begin + (n - w) <= m; ++begin) {
      if (best[w][begin] == kNever) continue;
      const double sum = best[w][begin] - (w == 0 ? 0 : worth_of_gap(begin));
      for (size_t end = begin + 1; end + (n - w - 1) <= m; ++end) {
        const double cost = sum + cost_of_width(words[w], begin, end);
        if (cost >= best[w + 1][end]) continue;
        best[w + 1][end] = cost;
        from[w + 1][end] = begin;
      }
    }
  }
  std::vector<size_t> begins(n);
  for (size_t w = n, end = m; w > 0; --w) begins[w - 1] = end = from[w][end];
  return begins;
}

// The least probability of the tokens that share bytes with [begin, end) of the text, and of those
// behind them that say that the word ends; `otherwise` when the tokens do not spell it.
float Confidence(const PieceReading& piece, size_t begin, size_t end, float otherwise) {
  float least = 1;
  bool any = false;
  size_t at = 0;
  for (const ReadToken& token : piece.tokens) {
    const size_t shared = std::min(token.text.size(), piece.text.size() - at);
    if (token.text.compare(0, shared, piece.text.substr(at, shared)) != 0)
      return any ? least : otherwise;
    const bool ends = token.text.find_first_not_of(" \t\r\n") == std::string::npos;
    if (at >= end && !ends) break;
    const size_t next = at + token.text.size();
    const bool within = !token.text.empty() && next > begin;
    if (within || (ends && at >= end)) {
      least = std::min(least, token.probability);
      any = true;
    }
    at = next;
  }
  return any ? least : otherwise;
}

LinePlace PartOf(const LinePlace& line, double from_px, double to_px) {
  return {PointOf(line, from_px), PointOf(line, to_px), line.ascent_px, line.descent_px};
}

}  // namespace

void AddWords(const PieceReading& piece, const ReadPage& page, ReadLine* line) {
  const std::vector<Word> words = Words(piece.text);
  const std::vector<Stretch> ink = Stretches(piece.ink);
  if (words.empty() || ink.empty()) return;
  const bool by_ink = ink.size() >= words.size();
  const std::vector<size_t> begins = by_ink ? Assign(words, ink) : std::vector<size_t>();
  double em = kSpace * static_cast<double>(words.size() - 1);
  for (const Word& word : words) em += word.em;
  const double em_px = (ink.back().to - ink.front().from) / em;
  double at = ink.front().from;
  for (size_t w = 0; w < words.size(); ++w) {
    ReadWord word = {
        .text = std::string(piece.text.substr(words[w].begin, words[w].end - words[w].begin))};
    word.confidence = Confidence(piece, words[w].begin, words[w].end, line->confidence);
    if (by_ink) {
      const Stretch& first = ink[begins[w]];
      const Stretch& last = ink[(w + 1 < words.size() ? begins[w + 1] : ink.size()) - 1];
      word.place = PartOf(line->place, first.from, last.to);
      word.box_px = piece.ink[first.begin].box_px;
      for (size_t i = first.begin; i < last.end; ++i)
        word.box_px = Union(word.box_px, piece.ink[i].box_px);
    } else {
      word.place = PartOf(line->place, at, at + words[w].em * em_px);
      const auto corners = CornersOf(word.place);
      word.box_px = BoundingBox({corners.begin(), corners.end()}, page.width_px, page.height_px);
      at += (words[w].em + kSpace) * em_px;
    }
    if (w == 0 && piece.start == PieceStart::kInWord && !line->words.empty()) {
      ReadWord& begun = line->words.back();
      begun.text += word.text;
      begun.confidence = std::min(begun.confidence, word.confidence);
      begun.place.end = word.place.end;
      begun.box_px = Union(begun.box_px, word.box_px);
    } else {
      line->words.push_back(std::move(word));
    }
  }
}

}  // namespace glmocr
