#include "pdf/text_layer.h"

#include <algorithm>
#include <cstdint>

namespace glmocr::pdf {
namespace {

constexpr uint32_t kReplacement = 0xfffd;
// A word with letters that is lower is a speck: 1.4 points at 200 dpi.
constexpr int kMinHeightPx = 4;
constexpr int kInkLevel = 160;  // darker is ink; text of a lighter colour is not held against ink

bool IsSpace(uint32_t c) {
  return c == ' ' || c == '\t' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200b) ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}
bool IsLineEnd(uint32_t c) { return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029; }
// Codes that no reader of the text can use.
bool IsUnusable(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c <= 0xf8ff) || c == kReplacement ||
         (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe || c >= 0xf0000;
}

// Letters and digits, and whatever else is no ASCII sign.
bool IsLetterLike(uint32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0xc0;
}

void AppendUtf8(std::string* out, uint32_t c) {
  const auto put = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

// A rectangle of pixels that grows; empty while right <= left.
struct Extent {
  int left = INT32_MAX, top = INT32_MAX, right = INT32_MIN, bottom = INT32_MIN;
  void Add(const CharRecord& c) {
    left = std::min(left, c.left);
    top = std::min(top, c.top);
    right = std::max(right, c.right);
    bottom = std::max(bottom, c.bottom);
  }
};

class WordMaker {
 public:
  WordMaker(PdfTextLayer* layer, const Image& page) : layer_(*layer), page_(page) {}

  void Add(CharRecord c) {
    if (c.flags & CharRecord::kCut) layer_.cut = true;
    // UTF-16 halves, as builds with a 16-bit wchar_t deliver.
    if (c.codepoint >= 0xd800 && c.codepoint < 0xdc00) {
      EndHigh();
      high_ = c;
      return;
    }
    if (high_.codepoint != 0 && c.codepoint >= 0xdc00 && c.codepoint < 0xe000) {
      c.codepoint = 0x10000 + ((high_.codepoint - 0xd800) << 10) + (c.codepoint - 0xdc00);
      high_ = {};
    }
    EndHigh();
    AddWhole(c);
  }

  void Finish() {
    EndHigh();
    EndWord();
    if (layer_.n_chars > 0) {
      layer_.unmapped_share = static_cast<double>(unmapped_) / layer_.n_chars;
      layer_.invisible_share = static_cast<double>(invisible_) / layer_.n_chars;
    }
  }

 private:
  void EndHigh() {
    if (high_.codepoint == 0) return;
    const CharRecord half = high_;
    high_ = {};
    AddWhole(half);
  }

  void AddWhole(const CharRecord& c) {
    if (IsLineEnd(c.codepoint)) {
      EndWord();
      line_open_ = false;
      return;
    }
    if (IsSpace(c.codepoint)) return EndWord();
    // PDFium leaves out the line's end after a hyphen that it takes for a divided word's.
    const bool hyphen = (c.flags & CharRecord::kHyphen) != 0;
    const bool unusable = !hyphen && IsUnusable(c.codepoint);
    const bool unmapped = unusable || (c.flags & CharRecord::kUnmapped) != 0;
    AppendUtf8(&text_, hyphen ? '-' : unmapped ? kReplacement : c.codepoint);
    extent_.Add(c);
    if (chars_ == 0) font_ = c.font == 0xffff ? -1 : c.font;
    ++chars_;
    word_drawn_ += (c.flags & CharRecord::kDrawn) != 0 ? 1 : 0;
    has_letters_ = has_letters_ || IsLetterLike(c.codepoint);
    word_unmapped_ += unmapped ? 1 : 0;
    word_invisible_ += (c.flags & CharRecord::kInvisible) != 0 ? 1 : 0;
    if (hyphen) {
      EndWord();
      line_open_ = false;
    }
  }

  void EndWord() {
    const int64_t x0 = std::clamp(extent_.left, 0, page_.width_px);
    const int64_t y0 = std::clamp(extent_.top, 0, page_.height_px);
    // A stroke thinner than a pixel still has a place.
    const int64_t x1 = std::clamp<int64_t>(
        std::max(int64_t{extent_.right}, int64_t{extent_.left} + 1), 0, page_.width_px);
    const int64_t y1 = std::clamp<int64_t>(
        std::max(int64_t{extent_.bottom}, int64_t{extent_.top} + 1), 0, page_.height_px);
    if (chars_ > 0 && x1 > x0 && y1 > y0) {
      if (!line_open_) ++lines_;
      line_open_ = true;
      const Box box{static_cast<int>(x0), static_cast<int>(y0), static_cast<int>(x1 - x0),
                    static_cast<int>(y1 - y0)};
      const bool drawn = 2 * word_drawn_ >= chars_ &&
                         (!has_letters_ || std::max(box.width, box.height) >= kMinHeightPx);
      layer_.words.push_back({.text = std::move(text_),
                              .box_px = box,
                              .line = lines_ - 1,
                              .drawn = drawn,
                              .font = font_});
      layer_.n_chars += chars_;
      unmapped_ += word_unmapped_;
      invisible_ += word_invisible_;
    }
    text_.clear();
    extent_ = {};
    chars_ = word_unmapped_ = word_invisible_ = word_drawn_ = 0;
    has_letters_ = false;
  }

  PdfTextLayer& layer_;
  const Image& page_;
  CharRecord high_{};  // half of a character
  std::string text_;   // of the word
  Extent extent_;
  int chars_ = 0, word_unmapped_ = 0, word_invisible_ = 0, word_drawn_ = 0;
  int font_ = -1;
  bool has_letters_ = false;
  int64_t unmapped_ = 0, invisible_ = 0;
  int lines_ = 0;
  bool line_open_ = false;
};

// Dark pixels of the picture as a summed-area table over every second row and column: all that
// shares need.
class Ink {
 public:
  explicit Ink(const Image& page)
      : columns_((page.width_px + 1) / 2),
        rows_((page.height_px + 1) / 2),
        sums_(static_cast<size_t>(columns_ + 1) * static_cast<size_t>(rows_ + 1)) {
    for (int r = 0; r < rows_; ++r) {
      const uint8_t* row = page.row(2 * r);
      const uint8_t* next = 2 * r + 1 < page.height_px ? page.row(2 * r + 1) : row;
      uint32_t sum = 0;
      for (int c = 0; c < columns_; ++c) {
        const int left = 6 * c, right = 2 * c + 1 < page.width_px ? left + 3 : left;
        // The darkest of a square's four, by green: thin strokes count.
        const int level =
            std::min({row[left + 1], row[right + 1], next[left + 1], next[right + 1]});
        sum += level < kInkLevel ? 1 : 0;
        At(r + 1, c + 1) = At(r, c + 1) + sum;
      }
    }
  }
  uint32_t total() const { return At(rows_, columns_); }
  uint32_t In(const Box& box) const {
    const int c0 = box.x / 2, r0 = box.y / 2;
    const int c1 = std::min(columns_, (box.right() + 1) / 2);
    const int r1 = std::min(rows_, (box.bottom() + 1) / 2);
    return At(r1, c1) - At(r0, c1) - At(r1, c0) + At(r0, c0);
  }

 private:
  uint32_t& At(int row, int column) {
    return sums_[static_cast<size_t>(row) * static_cast<size_t>(columns_ + 1) +
                 static_cast<size_t>(column)];
  }
  uint32_t At(int row, int column) const { return const_cast<Ink*>(this)->At(row, column); }
  int columns_, rows_;
  std::vector<uint32_t> sums_;  // [rows + 1, columns + 1]
};

}  // namespace

PdfTextLayer MakeTextLayer(std::span<const CharRecord> chars, const Image& page) {
  PdfTextLayer layer;
  WordMaker maker(&layer, page);
  for (const CharRecord& c : chars) maker.Add(c);
  maker.Finish();
  if (layer.words.empty()) return layer;

  const Ink ink(page);
  int64_t on_ink = 0, drawn = 0;
  uint64_t covered = 0;
  for (const PdfWord& word : layer.words) {
    const uint32_t dark = ink.In(word.box_px);
    on_ink += dark > 0 ? 1 : 0;
    covered += dark;
    drawn += word.drawn ? 1 : 0;
  }
  layer.on_ink_share = static_cast<double>(on_ink) / static_cast<double>(layer.words.size());
  layer.drawn_share = static_cast<double>(drawn) / static_cast<double>(layer.words.size());
  if (ink.total() > 0)  // boxes may overlap
    layer.ink_covered_share = std::min(1.0, static_cast<double>(covered) / ink.total());
  layer.good = layer.unmapped_share <= 0.02 && layer.invisible_share <= 0.10 &&
               layer.on_ink_share >= 0.95 && !layer.cut;
  return layer;
}

}  // namespace glmocr::pdf
