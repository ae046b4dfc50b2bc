// Pictures, drawings, diagrams with their labels, and ink that is nothing else.
#include <algorithm>
#include <set>
#include <tuple>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Multiples of the typical height of letters.
constexpr double kDrawing = 6;     // a component larger than this in both directions is no letter
constexpr double kJoin = 2;        // parts of one figure are no farther apart
constexpr double kLeastLeft = 2;   // a lone component smaller than this is dirt or a mark
constexpr double kLeastThick = 0.4;  // thinner ones are rests of rules
// Labels of a diagram, multiples of their font size.
constexpr double kLabelReach = 1.0;
constexpr double kMostLabel = 10;
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
    const Box core = figure;
    for (const Chain& c : *chains) {
      const bool inside = HasCentre(core, c.box);
      const bool label = c.box.width <= kMostLabel * c.font && c.box.width < 0.4 * core.width &&
                         Distance(core, c.box) <= kLabelReach * c.font;
      if (inside || label) figure = Union(figure, c.box);
    }
  }
  std::erase_if(*chains, [&](const Chain& c) { return InAny(*figures, c.box); });
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
  std::erase_if(left, [&](const Box& b) {
    return std::max(b.width, b.height) < kLeastLeft * letter_px;
  });
  return left;
}

}  // namespace glmocr::geometric
