#include "media/orientation.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numbers>
#include <vector>

#include "media/lightness.h"
#include "media/page_pix.h"

namespace glmocr {
namespace {

// Letters by squares of a grid, so that neighbours are found without looking at all of the page.
class Grid {
 public:
  Grid(const std::vector<Box>& boxes, double square) : square_(std::max(1.0, square)) {
    int right = 1, bottom = 1;
    for (const Box& b : boxes) {
      right = std::max(right, b.right());
      bottom = std::max(bottom, b.bottom());
    }
    columns_ = Square(right) + 1;
    rows_ = Square(bottom) + 1;
    squares_.resize(static_cast<size_t>(columns_) * rows_);
    for (size_t i = 0; i < boxes.size(); ++i) {
      for (int r = Square(boxes[i].y); r <= Square(boxes[i].bottom()); ++r) {
        for (int c = Square(boxes[i].x); c <= Square(boxes[i].right()); ++c)
          squares_[static_cast<size_t>(r) * columns_ + c].push_back(static_cast<int>(i));
      }
    }
  }

  // Calls `look` with the numbers of all boxes near the area, some more than once.
  template <typename Look>
  void Near(double x0, double y0, double x1, double y1, const Look& look) const {
    const int c1 = std::min(Square(x1), columns_ - 1), r1 = std::min(Square(y1), rows_ - 1);
    for (int r = std::min(Square(y0), rows_); r <= r1; ++r) {
      for (int c = std::min(Square(x0), columns_); c <= c1; ++c) {
        for (const int i : squares_[static_cast<size_t>(r) * columns_ + c]) look(i);
      }
    }
  }

 private:
  int Square(double at) const { return static_cast<int>(std::max(0.0, at) / square_); }

  double square_;
  int columns_ = 1, rows_ = 1;
  std::vector<std::vector<int>> squares_;
};

int OverlapX(const Box& a, const Box& b) {
  return std::min(a.right(), b.right()) - std::max(a.x, b.x);
}
int OverlapY(const Box& a, const Box& b) {
  return std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
}
int Size(const Box& b) { return std::max(b.width, b.height); }

struct Letters {
  std::vector<Box> letters, marks;  // marks: dots, commas, accents
  double unit = 0;                  // the letters' typical size, in either direction
};

// A page of noise has more components than any page of text that is worth the time.
constexpr size_t kMostComponents = 30000;
constexpr int kLeastLetterPx = 6;

Letters Choose(std::vector<Box> components) {
  Letters out;
  if (components.size() > kMostComponents) components.resize(kMostComponents);
  std::vector<int> sizes;
  for (const Box& b : components) {
    if (Size(b) >= kLeastLetterPx && Size(b) <= 8 * std::min(b.width, b.height))
      sizes.push_back(Size(b));
  }
  if (sizes.empty()) return out;
  const auto at = [&](double share) {
    const auto n = static_cast<std::ptrdiff_t>(share * static_cast<double>(sizes.size() - 1));
    std::nth_element(sizes.begin(), sizes.begin() + n, sizes.end());
    return sizes[static_cast<size_t>(n)];
  };
  // Dots and dirt are many and small.
  const int upper = at(0.75);
  std::erase_if(sizes, [&](int s) { return s < 0.35 * upper; });
  out.unit = at(0.5);
  for (const Box& b : components) {
    const int size = Size(b), thin = std::min(b.width, b.height);
    if (size >= 0.5 * out.unit && size <= 3 * out.unit && size <= 12 * thin) {
      out.letters.push_back(b);
    } else if (size >= 0.1 * out.unit && size < 0.5 * out.unit && size <= 3 * thin) {
      out.marks.push_back(b);
    }
  }
  return out;
}

struct Directions {
  int across = 0, down = 0;
};

// Whether each letter's nearest neighbour is beside it or below it.
Directions CountDirections(const Letters& page) {
  const double reach = 2.5 * page.unit;
  const Grid grid(page.letters, 2 * page.unit);
  Directions out;
  for (size_t i = 0; i < page.letters.size(); ++i) {
    const Box& a = page.letters[i];
    double beside = reach, below = reach;
    grid.Near(a.x, a.y, a.right() + reach, a.bottom(), [&](int j) {
      const Box& b = page.letters[static_cast<size_t>(j)];
      if (b.x + b.width / 2 <= a.x + a.width / 2 || static_cast<size_t>(j) == i) return;
      if (OverlapY(a, b) < 0.4 * std::min(a.height, b.height)) return;
      beside = std::min(beside, static_cast<double>(std::max(0, b.x - a.right())));
    });
    grid.Near(a.x, a.y, a.right(), a.bottom() + reach, [&](int j) {
      const Box& b = page.letters[static_cast<size_t>(j)];
      if (b.y + b.height / 2 <= a.y + a.height / 2 || static_cast<size_t>(j) == i) return;
      if (OverlapX(a, b) < 0.4 * std::min(a.width, b.width)) return;
      below = std::min(below, static_cast<double>(std::max(0, b.y - a.bottom())));
    });
    // Less than a fifth of a letter's size tells nothing.
    if (beside + 0.2 * page.unit < below) ++out.across;
    if (below + 0.2 * page.unit < beside) ++out.down;
  }
  return out;
}

struct Pair {
  Box left, right;
};

// Neighbours in one line. Letters that touch are one component; long ones say nothing.
std::vector<Pair> FindPairs(const Letters& page) {
  const double reach = 0.8 * page.unit;
  const Grid grid(page.letters, 2 * page.unit);
  std::vector<Pair> out;
  for (size_t i = 0; i < page.letters.size(); ++i) {
    const Box& a = page.letters[i];
    if (a.width > 1.8 * page.unit) continue;
    const Box* best = nullptr;
    grid.Near(a.x, a.y, a.right() + reach, a.bottom(), [&](int j) {
      const Box& b = page.letters[static_cast<size_t>(j)];
      if (b.x < a.x + 0.6 * a.width || static_cast<size_t>(j) == i) return;
      if (OverlapY(a, b) < 0.5 * std::min(a.height, b.height)) return;
      if (b.x - a.right() > reach) return;
      if (best == nullptr || b.x < best->x) best = &b;
    });
    if (best != nullptr && best->width <= 1.8 * page.unit) out.push_back({a, *best});
  }
  return out;
}

double MiddleX(const Box& b) { return b.x + b.width / 2.0; }

// The slope of the lines, from neighbours of equal height. 0 when there are few.
double Slope(const std::vector<Pair>& pairs, double unit) {
  constexpr size_t kLeastPairs = 12;
  std::vector<double> slopes;
  for (const auto& [a, b] : pairs) {
    if (std::abs(a.height - b.height) > 0.08 * unit) continue;
    const double dx = MiddleX(b) - MiddleX(a);
    if (dx < 0.3 * unit) continue;
    slopes.push_back((b.y + b.bottom() - a.y - a.bottom()) / 2.0 / dx);
  }
  if (slopes.size() < kLeastPairs) return 0;
  // The middle half's mean: pixels are whole, their mean is finer.
  std::sort(slopes.begin(), slopes.end());
  const size_t from = slopes.size() / 4, to = slopes.size() - from;
  double sum = 0;
  for (size_t i = from; i < to; ++i) sum += slopes[i];
  return sum / static_cast<double>(to - from);
}

struct Standing {
  int up = 0, down = 0;
};

Standing CountStanding(const Letters& page, const std::vector<Pair>& pairs, double slope) {
  const double same = 0.12 * page.unit, other = 0.25 * page.unit;
  Standing out;
  for (const auto& [a, b] : pairs) {
    const double shift = slope * (MiddleX(b) - MiddleX(a));
    const double top = std::fabs(b.y - a.y - shift);
    const double bottom = std::fabs(b.bottom() - a.bottom() - shift);
    out.up += bottom <= same && top >= other;
    out.down += top <= same && bottom >= other;
  }
  // Full stops and commas stand on the baseline; dots of i and accents are above their letters.
  const Grid grid(page.letters, 2 * page.unit);
  for (const Box& mark : page.marks) {
    const Box* beside = nullptr;
    int above = 0, below = 0;
    const double reach = 0.6 * page.unit;
    grid.Near(mark.x - 2 * page.unit, mark.y - reach, mark.right(), mark.bottom() + reach,
              [&](int j) {
                const Box& b = page.letters[static_cast<size_t>(j)];
                if (OverlapX(mark, b) >= 0.5 * std::min(mark.width, b.width)) {
                  if (b.y >= mark.bottom() && b.y - mark.bottom() < reach) above = 1;
                  if (b.bottom() <= mark.y && mark.y - b.bottom() < reach) below = 1;
                } else if (b.right() <= mark.x + 1 && mark.x - b.right() < reach &&
                           OverlapY(mark, b) > 0) {
                  if (beside == nullptr || b.right() > beside->right()) beside = &b;
                }
              });
    if (above + below > 0) {
      out.up += above > below;
      out.down += below > above;
    } else if (beside != nullptr) {
      const double shift = slope * (MiddleX(mark) - MiddleX(*beside));
      out.up += std::fabs(mark.bottom() - beside->bottom() - shift) <= same;
      out.down += std::fabs(mark.y - beside->y - shift) <= same;
    }
  }
  return out;
}

// Boxes of a page that was turned clockwise once, as they are on the upright one.
void TurnBack(std::vector<Box>* boxes, int input_width_px) {
  for (Box& b : *boxes) b = {b.y, input_width_px - b.right(), b.height, b.width};
}

PixPtr Ink(const Image& page) {
  PixPtr gray = OrThrow(pixCreateNoInit(page.width_px, page.height_px, 8));
  for (int y = 0; y < page.height_px; ++y) {
    l_uint32* line = pixGetData(gray.get()) + static_cast<size_t>(y) * pixGetWpl(gray.get());
    const uint8_t* rgb = page.row(y);
    for (int x = 0; x < page.width_px; ++x, rgb += 3) SET_DATA_BYTE(line, x, Lightness(rgb));
  }
  if (IsLightOnDark(gray.get())) gray = OrThrow(pixInvert(nullptr, gray.get()));
  const bool drawn = IsDrawn(gray.get());
  return Binarise(Even(gray.get()).get(), drawn);
}

// Above this slope, boxes of slanted letters no longer tell their height.
constexpr double kMostSlope = 0.05;
constexpr double kMostSkewDegrees = 22;
constexpr double kMostDifference = 4;  // degrees, between the letters' slope and the lines'

Orientation Find(const Image& page) {
  constexpr int kLeastPairs = 10;
  constexpr double kClearly = 1.6;  // times as many pairs one way as the other
  Orientation out;
  SilenceLeptonica();
  PixPtr binary = Ink(page);
  Letters letters = Choose(Components(binary.get()));
  if (letters.unit == 0) return out;
  const Directions directions = CountDirections(letters);
  out.n_across = directions.across;
  out.n_down = directions.down;
  const int n = directions.across + directions.down;
  const bool sideways = directions.down > directions.across;
  out.sure_direction =
      n >= kLeastPairs && std::max(directions.across, directions.down) >=
                              kClearly * std::min(directions.across, directions.down);
  int width = page.width_px;
  if (sideways) {
    TurnBack(&letters.letters, width);
    TurnBack(&letters.marks, width);
    out.turns = 1;
  }
  std::vector<Pair> pairs = FindPairs(letters);
  double slope = Slope(pairs, letters.unit);
  if (std::fabs(slope) > kMostSlope) {
    if (sideways) binary = OrThrow(pixRotateOrth(binary.get(), 3));
    l_float32 angle = 0, confidence = 0;
    const int reduction =
        std::min(pixGetWidth(binary.get()), pixGetHeight(binary.get())) > 1000 ? 4 : 2;
    if (pixFindSkewSweepAndSearch(binary.get(), &angle, &confidence, reduction, 1, kMostSkewDegrees,
                                  1.0f, 0.1f) == 0 &&
        std::fabs(-angle - std::atan(slope) * 180 / std::numbers::pi) < kMostDifference) {
      out.skew_degrees = -angle;
      binary =
          OrThrow(pixRotate(binary.get(), static_cast<l_float32>(angle * std::numbers::pi / 180),
                            L_ROTATE_SAMPLING, L_BRING_IN_WHITE, 0, 0));
      letters = Choose(Components(binary.get()));
      if (letters.unit == 0) return out;
      pairs = FindPairs(letters);
      slope = Slope(pairs, letters.unit);
    }
  }
  const Standing standing = CountStanding(letters, pairs, slope);
  out.n_standing = standing.up;
  out.n_hanging = standing.down;
  if (standing.down > standing.up) out.turns += 2;
  const double sum = standing.up + standing.down;
  constexpr double kLeastDeviations = 4, kLeastRatio = 2.0;
  const double most = std::max(standing.up, standing.down);
  const bool sure_standing = sum > 0 && (2 * most - sum) / std::sqrt(sum) >= kLeastDeviations &&
                             most >= kLeastRatio * (sum - most);
  out.sure = out.sure_direction && sure_standing;
  return out;
}

}  // namespace

Result<Orientation> FindOrientation(const Image& page) {
  if (page.empty())
    return Error{ErrorCode::kInvalidArgument, "the page image is empty (no pixels)"};
  try {
    return Find(page);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "not enough memory to find which way up the page is"};
  }
}

Image TurnQuarters(const Image& image, int turns) {
  const int quarters = (turns % 4 + 4) % 4;
  if (quarters == 0) return image;
  const int w = image.width_px, h = image.height_px;
  Image out(quarters == 2 ? w : h, quarters == 2 ? h : w);
  // Squares of pixels, so that the columns that are read stay in the cache.
  constexpr int kSquare = 64;
  for (int y0 = 0; y0 < h; y0 += kSquare) {
    for (int x0 = 0; x0 < w; x0 += kSquare) {
      for (int y = y0; y < std::min(h, y0 + kSquare); ++y) {
        const uint8_t* from = image.row(y) + static_cast<size_t>(x0) * 3;
        for (int x = x0; x < std::min(w, x0 + kSquare); ++x, from += 3) {
          const int to_x = quarters == 1 ? h - 1 - y : quarters == 2 ? w - 1 - x : y;
          const int to_y = quarters == 1 ? x : quarters == 2 ? h - 1 - y : w - 1 - x;
          uint8_t* to = out.row(to_y) + static_cast<size_t>(to_x) * 3;
          to[0] = from[0];
          to[1] = from[1];
          to[2] = from[2];
        }
      }
    }
  }
  return out;
}

}  // namespace glmocr
