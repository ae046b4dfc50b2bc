#include "media/ink_cover.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace glmocr {
namespace {

enum : uint8_t { kInk = 1, kRule = 2, kText = 4, kPicture = 8 };

// Paper is the lightest of a tile and its neighbours: writing of up to three tiles' width has some
// beside it.
constexpr int kTile = 32;
constexpr int kInkPercent = 65;   // of the paper's level
constexpr int kLeastPaper = 70;   // darker surroundings are no paper
constexpr int kRulePart = 20;     // of the page's side: longer straight runs are rules
constexpr int kLeastRule = 40;    // pixels
constexpr int kMarginPart = 250;  // of the page's side: by so much boxes of text grow

class Map {
 public:
  explicit Map(const Image& page)
      : width_(page.width_px),
        height_(page.height_px),
        gray_(static_cast<size_t>(width_) * static_cast<size_t>(height_)),
        flags_(gray_.size()) {
    for (int y = 0; y < height_; ++y) {
      const uint8_t* rgb = page.row(y);
      uint8_t* to = gray_.data() + At(0, y);
      for (int x = 0; x < width_; ++x, rgb += 3)
        to[x] = static_cast<uint8_t>((rgb[0] + 2 * rgb[1] + rgb[2]) / 4);
    }
    FindInk();
    FindRules();
  }

  void Paint(const Box& box, int margin, uint8_t flag) {
    const int x0 = std::clamp(box.x - margin, 0, width_);
    const int x1 = std::clamp(box.right() + margin, 0, width_);
    const int y1 = std::clamp(box.bottom() + margin, 0, height_);
    for (int y = std::clamp(box.y - margin, 0, height_); y < y1; ++y) {
      for (int x = x0; x < x1; ++x) flags_[At(x, y)] |= flag;
    }
  }

  void Count(InkCover* out) const {
    out->page_px = int64_t{width_} * height_;
    for (const uint8_t f : flags_) {
      if ((f & kInk) == 0 || (f & kRule) != 0) continue;
      ++out->ink_px;
      out->uncovered_px += (f & (kText | kPicture)) == 0;
      out->picture_px += (f & kPicture) != 0 && (f & kText) == 0;
    }
  }

  // The median height of connected pieces of ink, without dust and without what is flat or tall.
  double LetterPx() const;

  int margin() const { return 3 + std::max(width_, height_) / kMarginPart; }

 private:
  size_t At(int x, int y) const {
    return static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x);
  }

  void FindInk() {
    const int across = (width_ + kTile - 1) / kTile, down = (height_ + kTile - 1) / kTile;
    std::vector<uint8_t> lightest(static_cast<size_t>(across) * static_cast<size_t>(down));
    const auto tile = [&](int tx, int ty) -> uint8_t& {
      return lightest[static_cast<size_t>(ty) * static_cast<size_t>(across) +
                      static_cast<size_t>(tx)];
    };
    for (int y = 0; y < height_; ++y) {
      for (int tx = 0; tx < across; ++tx) {
        const uint8_t* from = gray_.data() + At(tx * kTile, y);
        const int n = std::min(kTile, width_ - tx * kTile);
        uint8_t most = tile(tx, y / kTile);
        for (int x = 0; x < n; ++x) most = std::max(most, from[x]);
        tile(tx, y / kTile) = most;
      }
    }
    for (int ty = 0; ty < down; ++ty) {
      for (int tx = 0; tx < across; ++tx) {
        int paper = 0;
        for (int v = std::max(0, ty - 1); v <= std::min(down - 1, ty + 1); ++v) {
          for (int u = std::max(0, tx - 1); u <= std::min(across - 1, tx + 1); ++u)
            paper = std::max<int>(paper, tile(u, v));
        }
        if (paper < kLeastPaper) continue;
        const int least = paper * kInkPercent / 100;
        const int n = std::min(kTile, width_ - tx * kTile);
        for (int y = ty * kTile; y < std::min(height_, (ty + 1) * kTile); ++y) {
          const uint8_t* from = gray_.data() + At(tx * kTile, y);
          uint8_t* to = flags_.data() + At(tx * kTile, y);
          for (int x = 0; x < n; ++x) to[x] = from[x] < least ? kInk : 0;
        }
      }
    }
  }

  // Row by row, for columns too: stepping down a column leaves the cache at every pixel.
  void FindRules() {
    const int least_across = std::max(kLeastRule, width_ / kRulePart);
    const int least_down = std::max(kLeastRule, height_ / kRulePart);
    std::vector<int> down(static_cast<size_t>(width_));  // ink above, in each column
    for (int y = 0; y <= height_; ++y) {
      int across = 0;
      for (int x = 0; x <= width_; ++x) {
        const bool ink = y < height_ && x < width_ && (flags_[At(x, y)] & kInk) != 0;
        if (ink) {
          ++across;
        } else {
          for (int k = x - across; across >= least_across && k < x; ++k) flags_[At(k, y)] |= kRule;
          across = 0;
        }
        if (x == width_) continue;
        int& above = down[static_cast<size_t>(x)];
        if (ink) {
          ++above;
        } else {
          for (int k = y - above; above >= least_down && k < y; ++k) flags_[At(x, k)] |= kRule;
          above = 0;
        }
      }
    }
  }

  const int width_, height_;
  std::vector<uint8_t> gray_, flags_;
};

// Pieces of ink by runs of rows that touch those of the row above.
class Pieces {
 public:
  int Add(int y) {
    parent_.push_back(static_cast<int>(parent_.size()));
    top_.push_back(y);
    bottom_.push_back(y);
    width_.push_back(0);
    return parent_.back();
  }
  int Root(int i) {
    while (parent_[static_cast<size_t>(i)] != i) {
      int& up = parent_[static_cast<size_t>(i)];
      up = parent_[static_cast<size_t>(up)];
      i = up;
    }
    return i;
  }
  void Join(int a, int b) {
    const auto i = static_cast<size_t>(Root(a)), j = static_cast<size_t>(Root(b));
    if (i == j) return;
    parent_[j] = static_cast<int>(i);
    top_[i] = std::min(top_[i], top_[j]);
    bottom_[i] = std::max(bottom_[i], bottom_[j]);
    width_[i] = std::max(width_[i], width_[j]);
  }
  void Grow(int i, int y, int width) {
    const auto r = static_cast<size_t>(Root(i));
    bottom_[r] = std::max(bottom_[r], y);
    width_[r] = std::max(width_[r], width);
  }
  std::vector<int> Heights() const {
    std::vector<int> out;
    for (size_t i = 0; i < parent_.size(); ++i) {
      const int height = bottom_[i] - top_[i] + 1;
      if (parent_[i] == static_cast<int>(i) && height >= 2 && width_[i] < 12 * height)
        out.push_back(height);
    }
    return out;
  }

 private:
  std::vector<int> parent_, top_, bottom_, width_;
};

double Map::LetterPx() const {
  struct Run {
    int from, to, piece;
  };
  Pieces pieces;
  std::vector<Run> above, here;
  for (int y = 0; y < height_; ++y) {
    here.clear();
    size_t next = 0;
    for (int x = 0; x < width_;) {
      if ((flags_[At(x, y)] & (kInk | kRule)) != kInk) {
        ++x;
        continue;
      }
      Run run = {x, x, -1};
      while (run.to < width_ && (flags_[At(run.to, y)] & (kInk | kRule)) == kInk) ++run.to;
      while (next < above.size() && above[next].to < run.from) ++next;
      for (size_t a = next; a < above.size() && above[a].from <= run.to; ++a) {
        if (run.piece < 0) run.piece = above[a].piece;
        pieces.Join(run.piece, above[a].piece);
      }
      if (run.piece < 0) run.piece = pieces.Add(y);
      pieces.Grow(run.piece, y, run.to - run.from);
      here.push_back(run);
      x = run.to;
    }
    above.swap(here);
  }
  std::vector<int> heights = pieces.Heights();
  if (heights.empty()) return 0;
  // Dots and dust are many and low.
  const auto at = [&](double part) {
    const auto k = static_cast<std::ptrdiff_t>(part * static_cast<double>(heights.size() - 1));
    std::nth_element(heights.begin(), heights.begin() + k, heights.end());
    return heights[static_cast<size_t>(k)];
  };
  const double upper = at(0.75);
  std::erase_if(heights, [&](int h) { return h < 0.35 * upper; });
  return at(0.5);
}

}  // namespace

InkCover MeasureInk(const Image& page, std::span<const Box> text, std::span<const Box> pictures,
                    LetterHeight letters) {
  InkCover out;
  if (page.empty()) return out;
  Map map(page);
  for (const Box& box : text) map.Paint(box, map.margin(), kText);
  for (const Box& box : pictures) map.Paint(box, 0, kPicture);
  map.Count(&out);
  if (letters == LetterHeight::kMeasure) out.letter_px = map.LetterPx();
  return out;
}

}  // namespace glmocr
