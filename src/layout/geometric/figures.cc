// Pictures, drawings, diagrams with their labels, and ink that is nothing else.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Multiples of the typical height of letters.
constexpr double kDrawing = 6;       // a component larger than this in both directions is no letter
constexpr double kJoin = 2;          // parts of one figure are no farther apart
constexpr double kLeastLeft = 2;     // a lone component smaller than this is dirt or a mark
constexpr double kLeastThick = 0.4;  // thinner ones are rests of rules
// Labels of a diagram, multiples of their font size.
constexpr double kLabelReach = 1.3;
constexpr double kMostLabel = 10;
constexpr int kLeastLabels = 4;  // of axes
// A check box, multiples of the font size.
constexpr double kLeastCheckBox = 0.55, kMostCheckBox = 1.7, kAfterCheckBox = 0.4;
constexpr size_t kMostPieces = 2000;  // of leftover ink; more is noise, and one picture

// Boxes that are close to each other become one, until none are.
std::vector<Box> JoinClose(std::vector<Box> boxes, double reach) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < boxes.size(); ++i) {
      for (size_t j = i + 1; j < boxes.size();) {
        if (Distance(boxes[i], boxes[j]) <= reach) {
          boxes[i] = Union(boxes[i], boxes[j]);
          boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(j));
          changed = true;
        } else {
          ++j;
        }
      }
    }
  }
  return boxes;
}

bool InAny(const std::vector<Box>& boxes, const Box& b) {
  return std::any_of(boxes.begin(), boxes.end(), [&](const Box& o) { return HasCentre(o, b); });
}

// A square whose four sides are drawn through. Round letters leave its corners free, most others a
// side; characters that are squares (of Chinese) have no such space after them.
bool IsCheckBox(const Image& image, const Box& b, double font) {
  if (b.width < kLeastCheckBox * font || b.width > kMostCheckBox * font) return false;
  if (std::abs(b.width - b.height) > std::max(2, b.width / 8)) return false;
  const int depth = std::max(2, b.width / 7);
  const auto dark = [&](int x, int y) {
    const uint8_t* rgb =
        image.row(std::clamp(y, 0, image.height_px - 1)) + 3 * std::clamp(x, 0, image.width_px - 1);
    return rgb[0] + rgb[1] + rgb[2] < 3 * 150;
  };
  int missing = 0;
  for (int i = 0; i < b.width; ++i) {
    bool top = false, bottom = false;
    for (int k = 0; k < depth; ++k) {
      top = top || dark(b.x + i, b.y + k);
      bottom = bottom || dark(b.x + i, b.bottom() - 1 - k);
    }
    missing += !top + !bottom;
  }
  for (int i = 0; i < b.height; ++i) {
    bool left = false, right = false;
    for (int k = 0; k < depth; ++k) {
      left = left || dark(b.x + k, b.y + i);
      right = right || dark(b.right() - 1 - k, b.y + i);
    }
    missing += !left + !right;
  }
  return missing * 20 <= 2 * (b.width + b.height);
}

}  // namespace

std::vector<Box> FindFigures(const PageInk& ink, const Grids& grids) {
  std::vector<Box> seeds = grids.plots;
  const auto in_table = [&](const Box& b) {
    return std::any_of(grids.tables.begin(), grids.tables.end(),
                       [&](const Table& t) { return HasCentre(t.box, b); });
  };
  for (const Box& b : ink.pictures) {
    if (!in_table(b)) seeds.push_back(b);
  }
  for (const Box& b : ink.letters) {
    const bool large = std::min(b.width, b.height) > kDrawing * ink.letter_px;
    if (large && !in_table(b)) seeds.push_back(b);
  }
  return JoinClose(std::move(seeds), kJoin * ink.letter_px);
}

void TakeLabels(std::vector<Box>* figures, std::vector<Chain>* chains) {
  for (Box& figure : *figures) {
    // The numbers at the axes, then the axes' names beyond them.
    for (int pass = 0; pass < 2; ++pass) {
      const Box core = figure;
      Box grown = figure;
      int n_labels = 0;
      for (const Chain& c : *chains) {
        if (HasCentre(core, c.box)) continue;
        if (c.box.width > kMostLabel * c.font || c.box.width > 0.4 * core.width) continue;
        if (Distance(core, c.box) > kLabelReach * c.font) continue;
        grown = Union(grown, c.box);
        ++n_labels;
      }
      // One or two short lines close by are text, or the caption.
      if (n_labels < (pass == 0 ? kLeastLabels : 1)) break;
      figure = grown;
    }
  }
  std::erase_if(*chains, [&](const Chain& c) { return InAny(*figures, c.box); });
}

void TakeCheckBoxes(const Image& image, std::vector<Chain>* chains, std::vector<Box>* boxes) {
  for (Chain& c : *chains) {
    if (c.parts.size() < 4) continue;  // a box and a word
    const Box first = c.parts.front();
    int end = first.right();  // of what is drawn within the box, its cross
    size_t n = 1;
    while (n < c.parts.size() && Contains(first, c.parts[n], 2)) ++n;
    if (n == c.parts.size() || c.parts[n].x - end < kAfterCheckBox * c.font) continue;
    if (!IsCheckBox(image, first, c.font)) continue;
    boxes->push_back(first);
    c.parts.erase(c.parts.begin(), c.parts.begin() + static_cast<std::ptrdiff_t>(n));
    lines::Measure(c);
  }
}

std::vector<Box> LeftOver(const std::vector<Box>& letters, const std::vector<Chain>& chains,
                          double letter_px) {
  const auto key = [](const Box& b) { return std::tuple(b.x, b.y, b.width, b.height); };
  std::set<std::tuple<int, int, int, int>> used;
  for (const Chain& c : chains) {
    for (const Box& part : c.parts) used.insert(key(part));
  }
  std::vector<Box> left;
  for (const Box& b : letters) {
    if (std::min(b.width, b.height) < kLeastThick * letter_px) continue;
    if (std::max(b.width, b.height) < 0.8 * letter_px) continue;
    if (!used.contains(key(b))) left.push_back(b);
  }
  if (left.size() > kMostPieces) {
    Box all = left.front();
    for (const Box& b : left) all = Union(all, b);
    return {all};
  }
  left = JoinClose(std::move(left), letter_px);
  std::erase_if(left,
                [&](const Box& b) { return std::max(b.width, b.height) < kLeastLeft * letter_px; });
  return left;
}

}  // namespace glmocr::geometric
