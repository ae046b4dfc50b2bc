// For tests: pages drawn from shapes that line finding takes for letters.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "media/image.h"

namespace glmocr::geometric {

class TestPage {
 public:
  TestPage(int width, int height, uint8_t paper = 255) : image(width, height, paper) {}

  void Fill(const Box& b, uint8_t level) {
    for (int y = std::max(0, b.y); y < std::min(b.bottom(), image.height_px); ++y) {
      for (int x = std::max(0, b.x); x < std::min(b.right(), image.width_px); ++x) {
        std::fill_n(image.row(y) + 3 * x, 3, level);
      }
    }
  }
  void HorizontalRule(int x0, int x1, int y, int thick = 2) {
    Fill({x0, y - thick / 2, x1 - x0, thick}, 0);
  }
  void VerticalRule(int x, int y0, int y1, int thick = 2) {
    Fill({x - thick / 2, y0, thick, y1 - y0}, 0);
  }
  void Frame(const Box& b, int thick = 2) {
    HorizontalRule(b.x, b.right() + 1, b.y, thick);
    HorizontalRule(b.x, b.right() + 1, b.bottom(), thick);
    VerticalRule(b.x, b.y, b.bottom() + 1, thick);
    VerticalRule(b.right(), b.y, b.bottom() + 1, thick);
  }

  struct Type {
    int font = 24;         // px
    double stroke = 0.09;  // of the font
    uint8_t level = 0;
  };

  // A line of words of 3 to 7 letters from x on, as many as fit into `width`; returns its right
  // end.
  int Line(int x, int baseline, int width, const Type& type) {
    const int end = x + width;
    int right = x;
    while (true) {
      // The word that did not fit begins the next line, as in any setting.
      const int n = carried_ > 0 ? carried_ : 3 + static_cast<int>(Next() % 5);
      carried_ = n;
      const int word = WordWidth(n, type);
      if (x + word > end) break;
      right = Word(x, baseline, n, type);
      carried_ = 0;
      x = right + static_cast<int>(0.3 * type.font);
    }
    return right;
  }
  int Line(int x, int baseline, int width) { return Line(x, baseline, width, Type()); }

  // Letters like n and h, the first one h.
  int Word(int x, int baseline, int n_letters, const Type& type) {
    const int letter = LetterWidth(type), step = letter + Between(type);
    for (int i = 0; i < n_letters; ++i, x += step) {
      const bool tall = i % 3 == 0;
      Letter(x, baseline, tall, type);
    }
    return x - Between(type);
  }

  Image image;

 private:
  static int LetterWidth(const Type& type) { return static_cast<int>(0.42 * type.font); }
  static int Between(const Type& type) { return std::max(1, static_cast<int>(0.09 * type.font)); }
  static int WordWidth(int n, const Type& type) {
    return n * (LetterWidth(type) + Between(type)) - Between(type);
  }
  void Letter(int x, int baseline, bool tall, const Type& type) {
    const int stem = std::max(1, static_cast<int>(std::lround(type.stroke * type.font)));
    const int low = static_cast<int>(0.5 * type.font), high = static_cast<int>(0.72 * type.font);
    const int width = LetterWidth(type);
    Fill({x, baseline - (tall ? high : low), stem, tall ? high : low}, type.level);
    Fill({x + width - stem, baseline - low, stem, low}, type.level);
    Fill({x, baseline - low, width, stem}, type.level);
  }
  uint64_t Next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return state_ >> 33;
  }
  uint64_t state_ = 1;
  int carried_ = 0;
};

}  // namespace glmocr::geometric
