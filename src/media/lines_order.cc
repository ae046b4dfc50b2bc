// Reading order: recursive cuts at columns of white space, rows within a column.
#include <algorithm>
#include <cmath>

#include "media/line_steps.h"

namespace glmocr::lines {
namespace {

using Group = std::vector<Chain>;

constexpr double kBlocksApart = 1.6;  // of the font size: white space between parts of a page

double MedianFont(const Group& group) {
  std::vector<double> fonts;
  for (const Chain& c : group) fonts.push_back(c.font);
  std::nth_element(fonts.begin(), fonts.begin() + static_cast<std::ptrdiff_t>(fonts.size() / 2),
                   fonts.end());
  return fonts[fonts.size() / 2];
}

int Width(const Group& group) {
  Box box = group.front().box;
  for (const Chain& c : group) box = Union(box, c.box);
  return box.width;
}

// How many chains of `b` stand on the same row as one of `a`.
double AlignedShare(const Group& a, const Group& b) {
  int n = 0;
  for (const Chain& c : b) {
    if (c.object >= 0) continue;
    n += std::any_of(a.begin(), a.end(), [&](const Chain& o) {
      return o.object < 0 && std::fabs(o.baseline - c.baseline) < 0.15 * std::max(o.font, c.font);
    });
  }
  return static_cast<double>(n) / static_cast<double>(b.size());
}

// How much of their columns' widths lines take on average: near 1 for running text, low for cells
// of a table. Chains over each other make a column; 0 when one is too narrow for text.
double Fill(const Group& group, double font) {
  constexpr double kLeastColumn = 5;
  Group sorted = group;
  std::sort(sorted.begin(), sorted.end(),
            [](const Chain& a, const Chain& b) { return a.box.x < b.box.x; });
  double sum = 0, widths = 0;
  int n = 0, left = sorted.front().box.x, right = left;
  const auto close = [&] {
    if (right - left < kLeastColumn * font) return false;
    sum += widths / (right - left);
    widths = 0;
    return true;
  };
  for (const Chain& c : sorted) {
    if (n > 0 && c.box.x >= right) {
      if (!close()) return 0;
      left = c.box.x;
    }
    right = std::max(right, c.box.right());
    widths += c.box.width;
    ++n;
  }
  return close() ? sum / n : 0;
}

// How many lines high the group is when its chains stand one below the other.
double Lines(const Group& group) {
  double n = 0;
  for (const Chain& c : group) n += c.object < 0 ? 1 : std::max(1.0, c.box.height / (1.3 * c.font));
  return n;
}

struct Extent {
  int top, bottom;
};

Extent ExtentOf(const Group& group) {
  Box box = group.front().box;
  for (const Chain& c : group) box = Union(box, c.box);
  return {box.y, box.bottom()};
}

Group Within(const Group& group, int top, int bottom) {
  Group out;
  for (const Chain& c : group) {
    if (c.box.y < bottom && top < c.box.bottom()) out.push_back(c);
  }
  return out;
}

// The pitch of lines within the group, in multiples of the font size; 0 for a single line.
double MedianPitch(const Group& group, double font) {
  std::vector<double> baselines, pitches;
  for (const Chain& c : group) {
    if (c.object < 0) baselines.push_back(c.baseline);
  }
  std::sort(baselines.begin(), baselines.end());
  for (size_t i = 1; i < baselines.size(); ++i) {
    const double pitch = baselines[i] - baselines[i - 1];
    if (pitch > 0.3 * font) pitches.push_back(pitch);  // else cells of one row
  }
  if (pitches.empty()) return 0;
  const auto middle = pitches.begin() + static_cast<std::ptrdiff_t>(pitches.size() / 2);
  std::nth_element(pitches.begin(), middle, pitches.end());
  return *middle / font;
}

// Two dots one over the other at the chain's end: a label before its value.
bool EndsWithColon(const Chain& chain) {
  if (chain.parts.size() < 3) return false;
  const Box &a = chain.parts[chain.parts.size() - 2], &b = chain.parts.back();
  const auto dot = [&](const Box& p) {
    return p.width < 0.25 * chain.font && p.height < 0.25 * chain.font;
  };
  const bool over = a.x < b.right() && b.x < a.right();
  return dot(a) && dot(b) && over && std::abs(a.y - b.y) > 0.15 * chain.font;
}

// Labels with their values to the right, each row by itself: rows far apart from each other, or
// colons at the labels' ends.
bool AreFields(const Group& left, const Group& right, double font) {
  constexpr double kRowsApart = 1.85;  // running text has 1.0 to 1.5
  if (AlignedShare(left, right) <= 0.8 && AlignedShare(right, left) <= 0.8) return false;
  if (MedianPitch(left, font) > kRowsApart && MedianPitch(right, font) > kRowsApart) return true;
  const auto colons = std::count_if(left.begin(), left.end(), EndsWithColon);
  return static_cast<double>(colons) >= 0.6 * static_cast<double>(left.size());
}

// Two sides of white space are columns when both are wide and several lines long, stand beside each
// other, and are no rows of a table or form.
bool AreColumns(const Group& left, const Group& right, double font, int gap) {
  if (Lines(left) < 2 || Lines(right) < 2) return false;
  if (std::min(Width(left), Width(right)) < 5 * font) return false;
  const Extent l = ExtentOf(left), r = ExtentOf(right);
  const int top = std::max(l.top, r.top), bottom = std::min(l.bottom, r.bottom);
  if (bottom - top < 0.4 * std::min(l.bottom - l.top, r.bottom - r.top)) return false;
  // Tables and forms are told by what stands side by side, not by a title above.
  const Group l_beside = Within(left, top, bottom), r_beside = Within(right, top, bottom);
  if (l_beside.empty() || r_beside.empty()) return false;
  if (AreFields(l_beside, r_beside, font)) return false;
  if (AlignedShare(l_beside, r_beside) <= 0.8) return true;
  // Two or three lines level with their neighbours say little; more white space says more.
  constexpr double kFewLines = 3.5, kWideGap = 2.2;
  if (std::min(Lines(l_beside), Lines(r_beside)) < kFewLines && gap < kWideGap * font) return false;
  return std::min(Fill(l_beside, font), Fill(r_beside, font)) >= 0.62;
}

// Parts of the group with white space of at least `least` pixels between them across its width.
std::vector<Group> Blocks(const Group& group, double least) {
  Group sorted = group;
  std::sort(sorted.begin(), sorted.end(),
            [](const Chain& a, const Chain& b) { return a.box.y < b.box.y; });
  std::vector<Group> blocks;
  int bottom = 0;
  for (Chain& c : sorted) {
    if (blocks.empty() || c.box.y - bottom > least) blocks.emplace_back();
    bottom = std::max(bottom, c.box.bottom());
    blocks.back().push_back(std::move(c));
  }
  return blocks;
}

// Whether a part of the group, apart from the rest by white space, is a table or a form that the
// split into `left` and the rest would cut.
bool CutsTable(const Group& group, const Group& left, double font) {
  constexpr double kLeastRows = 3;
  const std::vector<Group> blocks = Blocks(group, kBlocksApart * font);
  if (blocks.size() < 2) return false;
  int edge = 0;
  for (const Chain& c : left) edge = std::max(edge, c.box.right());
  for (const Group& block : blocks) {
    Group l, r;
    for (const Chain& c : block) (c.box.right() <= edge ? l : r).push_back(c);
    if (l.empty() || r.empty() || Lines(l) < kLeastRows || Lines(r) < kLeastRows) continue;
    if (AreFields(l, r, font)) return true;
  }
  return false;
}

// The widest fitting vertical white space through the whole group; false when there is none.
bool SplitColumns(const Group& group, Group* left, Group* right, int* gap_px = nullptr) {
  if (Lines(group) < 4) return false;
  const double font = MedianFont(group);
  Group sorted = group;
  std::sort(sorted.begin(), sorted.end(),
            [](const Chain& a, const Chain& b) { return a.box.x < b.box.x; });
  std::vector<std::pair<int, size_t>> gaps;  // width, first chain on the right
  int right_end = sorted.front().box.right();
  for (size_t i = 1; i < sorted.size(); ++i) {
    const int gap = sorted[i].box.x - right_end;
    if (gap >= 0.9 * font) gaps.emplace_back(gap, i);
    right_end = std::max(right_end, sorted[i].box.right());
  }
  std::sort(gaps.rbegin(), gaps.rend());
  for (const auto& [gap, at] : gaps) {
    left->assign(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(at));
    right->assign(sorted.begin() + static_cast<std::ptrdiff_t>(at), sorted.end());
    if (!AreColumns(*left, *right, font, gap)) continue;
    if (CutsTable(group, *left, font)) continue;
    if (gap_px != nullptr) *gap_px = gap;
    return true;
  }
  return false;
}

// Parts of the group with more white space between them than there is between its columns: a footer
// or a title belongs to no column even where it would fit into one.
std::vector<Group> SplitBlocks(const Group& group, int column_gap) {
  return Blocks(group, std::max(kBlocksApart * MedianFont(group), 1.2 * column_gap));
}

// Chains whose baselines are level, top to bottom, each row left to right.
std::vector<Group> Rows(Group group) {
  std::sort(group.begin(), group.end(),
            [](const Chain& a, const Chain& b) { return a.baseline < b.baseline; });
  std::vector<Group> rows;
  for (Chain& c : group) {
    const bool lines = !rows.empty() && rows.back().front().object < 0 && c.object < 0;
    const bool level = lines && std::fabs(rows.back().front().baseline - c.baseline) <
                                    0.4 * std::min(rows.back().front().font, c.font);
    // Chains over each other are two lines, however close their baselines.
    const bool free =
        level && std::none_of(rows.back().begin(), rows.back().end(), [&](const Chain& o) {
          return o.box.x < c.box.right() && c.box.x < o.box.right();
        });
    if (!free) rows.emplace_back();
    rows.back().push_back(std::move(c));
  }
  for (Group& row : rows) {
    std::sort(row.begin(), row.end(),
              [](const Chain& a, const Chain& b) { return a.box.x < b.box.x; });
  }
  return rows;
}

Chain Merge(Group row) {
  Chain all = std::move(row.front());
  const double font = all.font, cap = all.cap;
  double most_font = font, most_cap = cap;
  for (size_t i = 1; i < row.size(); ++i) {
    all.parts.insert(all.parts.end(), row[i].parts.begin(), row[i].parts.end());
    most_font = std::max(most_font, row[i].font);
    most_cap = std::max(most_cap, row[i].cap);
  }
  if (row.size() > 1) {
    Measure(all);
    all.font = most_font;
    all.cap = most_cap;
  }
  return all;
}

// A run of rows that reads top to bottom; new numbers where the font changes would split
// paragraphs, so one block.
void EmitRows(const std::vector<Group>& rows, int* column, std::vector<Chain>* out) {
  if (rows.empty()) return;
  for (const Group& row : rows) {
    out->push_back(Merge(row));
    out->back().column = *column;
  }
  ++*column;
}

Group Flatten(const std::vector<Group>& rows, size_t begin, size_t end) {
  Group out;
  for (size_t i = begin; i < end; ++i) out.insert(out.end(), rows[i].begin(), rows[i].end());
  return out;
}

// The end of the longest run of rows from `begin` on that splits into columns, 0 when none does.
// Long pages are tried in larger steps first.
size_t LongestSplit(const std::vector<Group>& rows, size_t begin) {
  constexpr int kMostMisses = 8;  // a short row or two decide nothing
  Group left, right;
  size_t best = 0, last = rows.size();
  for (size_t step = 1 + (rows.size() - begin) / 64;; step = 1) {
    int misses = 0;
    for (size_t end = std::max(best + 1, begin + 2); end <= last && misses < kMostMisses;
         end += step) {
      if (SplitColumns(Flatten(rows, begin, end), &left, &right)) {
        best = end;
        misses = 0;
      } else {
        ++misses;
      }
    }
    if (step == 1) return best;
    last = std::min(rows.size(), std::max(best, begin + 1) + step);
  }
}

// Which of the rows belong to a table or a form: a part of the group, apart from the rest by white
// space, with rows that its widest gap divides into labels and values.
std::vector<bool> FieldRows(const Group& group, const std::vector<Group>& rows) {
  std::vector<bool> out(rows.size(), false);
  const double font = MedianFont(group);
  for (const Group& block : Blocks(group, kBlocksApart * font)) {
    if (block.size() < 4) continue;
    Group sorted = block;
    std::sort(sorted.begin(), sorted.end(),
              [](const Chain& a, const Chain& b) { return a.box.x < b.box.x; });
    int right = sorted.front().box.right(), widest = 0;
    size_t at = 0;
    for (size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i].box.x - right > widest) {
        widest = sorted[i].box.x - right;
        at = i;
      }
      right = std::max(right, sorted[i].box.right());
    }
    if (at == 0 || widest < 0.9 * font) continue;
    const Group l(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(at));
    const Group r(sorted.begin() + static_cast<std::ptrdiff_t>(at), sorted.end());
    if (Lines(l) < 2 || Lines(r) < 2 || !AreFields(l, r, font)) continue;
    const Extent extent = ExtentOf(block);
    for (size_t i = 0; i < rows.size(); ++i) {
      const double y = rows[i].front().box.y + rows[i].front().box.height / 2.0;
      out[i] = out[i] || (y >= extent.top && y <= extent.bottom);
    }
  }
  return out;
}

// A heading that stands in the left column but parts both: the right one has nothing beside it, and
// both go on below at one height. Nothing: there is none.
const Chain* DividingHeading(const Group& left, const Group& right, double font) {
  constexpr double kAbove = 0.7, kBelow = 0.3, kFree = 1.2, kLevel = 0.35;
  const auto around = [](const Group& group, const Chain& c, int* above, int* below,
                         double* baseline) {
    *above = *below = -1;
    for (const Chain& o : group) {
      if (&o == &c) continue;
      if (o.box.y < c.box.bottom() && c.box.y < o.box.bottom()) return false;
      if (o.box.bottom() <= c.box.y) *above = std::max(*above, o.box.bottom());
      if (o.box.y >= c.box.bottom() && (*below < 0 || o.box.y < *below)) {
        *below = o.box.y;
        *baseline = o.baseline;
      }
    }
    return *above >= 0 && *below >= 0;
  };
  for (const Chain& c : left) {
    if (c.object >= 0) continue;
    int above = 0, below = 0, right_above = 0, right_below = 0;
    double on = 0, right_on = 0;
    if (!around(left, c, &above, &below, &on)) continue;
    if (!around(right, c, &right_above, &right_below, &right_on)) continue;
    if (c.box.y - above < kAbove * font || below - c.box.bottom() < kBelow * font) continue;
    if (right_below - right_above < c.box.height + kFree * font) continue;
    if (std::fabs(on - right_on) > kLevel * font) continue;
    return &c;
  }
  return nullptr;
}

// Headings beside their text: every block on the left begins level with a block on the right. Where
// they begin, from top to bottom; nothing: they are no such headings.
std::vector<int> SideHeadings(const Group& left, const Group& right, double font) {
  constexpr double kLevel = 0.35, kApart = 0.6, kMostWidth = 0.6, kMoreLines = 1.5;
  if (Width(left) > kMostWidth * Width(right) || Lines(right) < kMoreLines * Lines(left)) return {};
  const std::vector<Group> headings = Blocks(left, kApart * font);
  if (headings.size() < 2) return {};
  std::vector<int> tops;
  for (const Group& heading : headings) {
    const Chain& first = heading.front();
    if (first.object >= 0) return {};
    const auto level = std::find_if(right.begin(), right.end(), [&](const Chain& c) {
      return c.object < 0 && std::fabs(c.baseline - first.baseline) < kLevel * font;
    });
    if (level == right.end()) return {};
    const bool begins = std::none_of(right.begin(), right.end(), [&](const Chain& c) {
      return &c != &*level && c.box.y < level->box.y &&
             level->box.y - c.box.bottom() < kApart * font;
    });
    if (!begins) return {};
    tops.push_back(std::min(first.box.y, level->box.y));
  }
  // What stands above the first heading belongs to none.
  for (const Chain& c : right) {
    if (c.box.bottom() <= tops.front()) return {};
  }
  return tops;
}

void Order(const Group& group, int* column, std::vector<Chain>* out) {
  if (group.empty()) return;
  Group left, right;
  int gap = 0;
  if (SplitColumns(group, &left, &right, &gap)) {
    const std::vector<Group> blocks = SplitBlocks(group, gap);
    if (blocks.size() > 1) {
      for (const Group& block : blocks) Order(block, column, out);
      return;
    }
    if (const Chain* heading = DividingHeading(left, right, MedianFont(group))) {
      Group above, below;
      for (const Group* side : {&left, &right}) {
        for (const Chain& c : *side) {
          if (&c == heading) continue;
          (c.box.bottom() <= heading->box.y ? above : below).push_back(c);
        }
      }
      Order(above, column, out);
      EmitRows({{*heading}}, column, out);
      Order(below, column, out);
      return;
    }
    if (const std::vector<int> tops = SideHeadings(left, right, MedianFont(group)); !tops.empty()) {
      for (size_t i = 0; i < tops.size(); ++i) {
        const auto within = [&](const Group& side) {
          Group part;
          for (const Chain& c : side) {
            const int middle = c.box.y + c.box.height / 2;
            if ((i == 0 || middle >= tops[i]) && (i + 1 == tops.size() || middle < tops[i + 1]))
              part.push_back(c);
          }
          return part;
        };
        Order(within(left), column, out);
        Order(within(right), column, out);
      }
      return;
    }
    Order(left, column, out);
    Order(right, column, out);
    return;
  }
  // Something crosses the columns (a heading, a footer), or there are none. Tables and forms are
  // plain rows. Elsewhere the longest run of rows that splits is taken first for every start; rows
  // before it are plain.
  const std::vector<Group> rows = Rows(group);
  const std::vector<bool> fields = FieldRows(group, rows);
  std::vector<Group> plain;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin;
    while (end < rows.size() && fields[end] == fields[begin]) ++end;
    if (fields[begin]) {
      plain.insert(plain.end(), rows.begin() + static_cast<std::ptrdiff_t>(begin),
                   rows.begin() + static_cast<std::ptrdiff_t>(end));
      begin = end;
      continue;
    }
    const std::vector<Group> part(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                  rows.begin() + static_cast<std::ptrdiff_t>(end));
    for (size_t i = 0; i < part.size();) {
      const size_t best = LongestSplit(part, i);
      if (best == 0 || (best == rows.size() && i == 0)) {
        plain.push_back(part[i++]);
        continue;
      }
      EmitRows(plain, column, out);
      plain.clear();
      Order(Flatten(part, i, best), column, out);
      i = best;
    }
    begin = end;
  }
  EmitRows(plain, column, out);
}

}  // namespace

Chain MakeObject(int object, const Box& box, double font) {
  // It stands in the order where its top does: columns beside a tall picture begin there.
  return {.box = box, .baseline = box.y + font, .cap = 0.72 * font, .font = font, .object = object};
}

std::vector<Chain> OrderChains(const std::vector<Chain>& chains) {
  std::vector<Chain> out;
  int column = 0;
  Order(chains, &column, &out);
  return out;
}

}  // namespace glmocr::lines
