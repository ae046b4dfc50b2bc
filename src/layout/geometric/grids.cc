// Ruled tables and frames.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Multiples of the typical height of letters, which is about half a font size.
constexpr double kTouch = 0.7;      // rules that meet may miss each other by this
constexpr double kSameLine = 0.7;   // rules this close are one line of the grid (double rules)
constexpr double kOpenSide = 1.5;   // rules that reach so far beyond the last line show a side
constexpr double kLeastCell = 1.3;  // least width and height
constexpr double kComb = 3.5;       // boxes for single letters are narrower

constexpr double kLeastEdge = 0.5;  // of a cell's side that a rule must cover
constexpr size_t kMostLines = 400;  // of a grid in one direction; more is a pattern, no table

struct RuleGroup {
  std::vector<Box> horizontal, vertical;
  Box box;
};

class Sets {
 public:
  explicit Sets(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t Find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(size_t a, size_t b) { parent_[Find(a)] = Find(b); }

 private:
  std::vector<size_t> parent_;
};

// Rules that cross or meet, directly or through others.
std::vector<RuleGroup> GroupRules(const PageInk& ink) {
  const std::vector<Box>&h = ink.horizontal_rules, &v = ink.vertical_rules;
  const double reach = std::max(4.0, kTouch * ink.letter_px);
  Sets sets(h.size() + v.size());
  for (size_t i = 0; i < h.size(); ++i) {
    for (size_t j = 0; j < v.size(); ++j) {
      const double x = v[j].x + v[j].width / 2.0, y = h[i].y + h[i].height / 2.0;
      const bool meet = x >= h[i].x - reach && x <= h[i].right() + reach && y >= v[j].y - reach &&
                        y <= v[j].bottom() + reach;
      if (meet) sets.Join(i, h.size() + j);
    }
  }
  std::vector<RuleGroup> groups;
  std::vector<int> group_of(h.size() + v.size(), -1);
  for (size_t i = 0; i < h.size() + v.size(); ++i) {
    const Box& b = i < h.size() ? h[i] : v[i - h.size()];
    int& index = group_of[sets.Find(i)];
    if (index < 0) {
      index = static_cast<int>(groups.size());
      groups.push_back({.box = b});
    }
    RuleGroup& group = groups[static_cast<size_t>(index)];
    (i < h.size() ? group.horizontal : group.vertical).push_back(b);
    group.box = Union(group.box, b);
  }
  return groups;
}

// Middles of the rules, those of one line of the grid averaged.
std::vector<double> Positions(std::vector<double> at, double tolerance) {
  std::sort(at.begin(), at.end());
  std::vector<double> out;
  size_t begin = 0;
  for (size_t i = 1; i <= at.size(); ++i) {
    if (i < at.size() && at[i] - at[i - 1] <= tolerance) continue;
    out.push_back((at[begin] + at[i - 1]) / 2);
    begin = i;
  }
  return out;
}

struct Lattice {
  std::vector<double> xs, ys;  // the lines of the grid
};

Lattice MakeLattice(const RuleGroup& group, double unit) {
  std::vector<double> xs, ys;
  for (const Box& b : group.vertical) xs.push_back(b.x + b.width / 2.0);
  for (const Box& b : group.horizontal) ys.push_back(b.y + b.height / 2.0);
  Lattice out{Positions(xs, kSameLine * unit), Positions(ys, kSameLine * unit)};
  // Sides without a rule: tables ruled inside only.
  const auto open = [&](std::vector<double>* at, double first, double last) {
    if (at->empty()) return;
    if (at->front() - first > kOpenSide * unit) at->insert(at->begin(), first);
    if (last - at->back() > kOpenSide * unit) at->push_back(last);
  };
  open(&out.xs, group.box.x, group.box.right());
  open(&out.ys, group.box.y, group.box.bottom());
  return out;
}

// How much of [from, to] at `at` the rules cover. `horizontal`: rules run along x.
double Covered(const std::vector<Box>& rules, bool horizontal, double at, double from, double to,
               double tolerance) {
  std::vector<std::pair<double, double>> parts;
  for (const Box& b : rules) {
    const double middle = horizontal ? b.y + b.height / 2.0 : b.x + b.width / 2.0;
    if (std::fabs(middle - at) > tolerance) continue;
    const double begin = std::max<double>(from, horizontal ? b.x : b.y);
    const double end = std::min<double>(to, horizontal ? b.right() : b.bottom());
    if (end > begin) parts.emplace_back(begin, end);
  }
  std::sort(parts.begin(), parts.end());
  double sum = 0, reached = from;
  for (const auto& [begin, end] : parts) {
    sum += std::max(0.0, end - std::max(begin, reached));
    reached = std::max(reached, end);
  }
  return to > from ? sum / (to - from) : 0;
}

// The fields of the lattice with missing edges between them joined, made rectangular.
std::vector<TableCell> Cells(const RuleGroup& group, const Lattice& lattice, double unit) {
  const size_t n_rows = lattice.ys.size() - 1, n_columns = lattice.xs.size() - 1;
  const double tolerance = kSameLine * unit;
  Sets sets(n_rows * n_columns);
  for (size_t r = 0; r < n_rows; ++r) {
    for (size_t c = 0; c < n_columns; ++c) {
      const size_t at = r * n_columns + c;
      if (c + 1 < n_columns && Covered(group.vertical, false, lattice.xs[c + 1], lattice.ys[r],
                                       lattice.ys[r + 1], tolerance) < kLeastEdge) {
        sets.Join(at, at + 1);
      }
      if (r + 1 < n_rows && Covered(group.horizontal, true, lattice.ys[r + 1], lattice.xs[c],
                                    lattice.xs[c + 1], tolerance) < kLeastEdge) {
        sets.Join(at, at + n_columns);
      }
    }
  }
  // Joined fields that are no rectangle grow to one, until nothing changes.
  struct Span {
    size_t top, left, bottom, right;
  };
  std::vector<Span> spans;
  for (bool changed = true; changed;) {
    changed = false;
    spans.assign(n_rows * n_columns, {n_rows, n_columns, 0, 0});
    for (size_t i = 0; i < n_rows * n_columns; ++i) {
      Span& s = spans[sets.Find(i)];
      s = {std::min(s.top, i / n_columns), std::min(s.left, i % n_columns),
           std::max(s.bottom, i / n_columns), std::max(s.right, i % n_columns)};
    }
    for (size_t i = 0; i < n_rows * n_columns; ++i) {
      if (sets.Find(i) != i) continue;
      const Span s = spans[i];
      for (size_t r = s.top; r <= s.bottom; ++r) {
        for (size_t c = s.left; c <= s.right; ++c) {
          const size_t at = r * n_columns + c;
          if (sets.Find(at) == sets.Find(i)) continue;
          sets.Join(at, i);
          changed = true;
        }
      }
    }
  }
  std::vector<TableCell> cells;
  for (size_t i = 0; i < n_rows * n_columns; ++i) {
    const Span& s = spans[sets.Find(i)];
    if (s.top * n_columns + s.left != i) continue;
    const int x = static_cast<int>(std::lround(lattice.xs[s.left]));
    const int y = static_cast<int>(std::lround(lattice.ys[s.top]));
    cells.push_back({.row = static_cast<int>(s.top),
                     .column = static_cast<int>(s.left),
                     .row_span = static_cast<int>(s.bottom - s.top + 1),
                     .column_span = static_cast<int>(s.right - s.left + 1),
                     .box = {x, y, static_cast<int>(std::lround(lattice.xs[s.right + 1])) - x,
                             static_cast<int>(std::lround(lattice.ys[s.bottom + 1])) - y}});
  }
  return cells;
}

// Axes and grid lines have curves and bars between them, or hardly any writing.
bool IsPlot(const PageInk& ink, const RuleGroup& group) {
  const double area = static_cast<double>(group.box.width) * group.box.height;
  double pictures = 0;
  for (const Box& b : ink.pictures) {
    if (HasCentre(group.box, b)) pictures += static_cast<double>(b.width) * b.height;
  }
  if (pictures > 0.05 * area) return true;
  return std::any_of(ink.letters.begin(), ink.letters.end(), [&](const Box& b) {
    return HasCentre(group.box, b) && b.width > 0.3 * group.box.width &&
           b.height > 4 * ink.letter_px;
  });
}

bool AllSides(const RuleGroup& group, double unit) {
  const double tolerance = std::max(4.0, kTouch * unit);
  const Box& b = group.box;
  return Covered(group.horizontal, true, b.y, b.x, b.right(), tolerance) > 0.8 &&
         Covered(group.horizontal, true, b.bottom(), b.x, b.right(), tolerance) > 0.8 &&
         Covered(group.vertical, false, b.x, b.y, b.bottom(), tolerance) > 0.8 &&
         Covered(group.vertical, false, b.right(), b.y, b.bottom(), tolerance) > 0.8;
}

// The rule below the first row is at least half again as thick as those below it.
bool HeavyRuleBelowFirstRow(const RuleGroup& group, const Lattice& lattice, double unit) {
  if (lattice.ys.size() < 4) return false;
  double first = 0, other = 0;
  for (const Box& b : group.horizontal) {
    const double y = b.y + b.height / 2.0;
    if (std::fabs(y - lattice.ys[1]) <= kSameLine * unit) first = std::max<double>(first, b.height);
    for (size_t i = 2; i + 1 < lattice.ys.size(); ++i) {
      if (std::fabs(y - lattice.ys[i]) <= kSameLine * unit)
        other = std::max<double>(other, b.height);
    }
  }
  return other > 0 && first >= 1.5 * other && first >= other + 2;
}

}  // namespace

bool Contains(const Box& outer, const Box& inner, int slack) {
  return inner.x >= outer.x - slack && inner.y >= outer.y - slack &&
         inner.right() <= outer.right() + slack && inner.bottom() <= outer.bottom() + slack;
}

bool HasCentre(const Box& outer, const Box& inner) {
  const int x = inner.x + inner.width / 2, y = inner.y + inner.height / 2;
  return x >= outer.x && x < outer.right() && y >= outer.y && y < outer.bottom();
}

int Distance(const Box& a, const Box& b) {
  const int dx = std::max(a.x, b.x) - std::min(a.right(), b.right());
  const int dy = std::max(a.y, b.y) - std::min(a.bottom(), b.bottom());
  return std::max({0, dx, dy});
}

Grids FindGrids(const PageInk& ink) {
  Grids out;
  const double unit = ink.letter_px;
  for (const RuleGroup& group : GroupRules(ink)) {
    if (group.vertical.empty() || group.horizontal.empty()) continue;
    if (IsPlot(ink, group)) {
      out.plots.push_back(group.box);
      continue;
    }
    if (group.vertical.size() + group.horizontal.size() < 3) continue;
    const Lattice lattice = MakeLattice(group, unit);
    if (lattice.xs.size() < 2 || lattice.ys.size() < 2) continue;
    if (lattice.xs.size() > kMostLines || lattice.ys.size() > kMostLines) continue;
    std::vector<TableCell> cells = Cells(group, lattice, unit);
    const bool rows = lattice.ys.size() > 2, columns = lattice.xs.size() > 2;
    if (cells.size() == 1 || !rows || !columns) {
      // A frame, or boxes side by side or one below the other.
      double least = 1e9;
      for (const TableCell& cell : cells) least = std::min<double>(least, cell.box.width);
      if (cells.size() > 1 && least < kComb * unit) continue;
      if (!AllSides(group, unit)) continue;
      for (const TableCell& cell : cells) out.frames.push_back(cell.box);
      continue;
    }
    const bool too_small = std::any_of(cells.begin(), cells.end(), [&](const TableCell& cell) {
      return std::min(cell.box.width, cell.box.height) < kLeastCell * unit;
    });
    if (too_small && !AllSides(group, unit)) continue;
    Table table{.box = group.box, .cells = std::move(cells)};
    table.letters.resize(table.cells.size());
    table.chains.resize(table.cells.size());
    table.heavy_rule_below_first_row = HeavyRuleBelowFirstRow(group, lattice, unit);
    out.tables.push_back(std::move(table));
  }
  // A table within a cell of another stays part of that one.
  std::vector<Table> outer;
  for (const Table& t : out.tables) {
    const bool inside = std::any_of(out.tables.begin(), out.tables.end(), [&](const Table& o) {
      return Contains(o.box, t.box) && !(o.box == t.box);
    });
    if (!inside) outer.push_back(t);
  }
  out.tables = std::move(outer);
  return out;
}

}  // namespace glmocr::geometric
