// Tables between horizontal rules: a rule above, one below the head, one at the end, or one below
// each row. Columns are white space that goes through the rows.
#include <algorithm>
#include <climits>
#include <cmath>
#include <optional>

#include "layout/geometric/parts.h"

namespace glmocr::geometric {
namespace {

// Multiples of the typical height of letters.
constexpr double kLeastRule = 14;  // width
constexpr double kSameEnd = 1.5;   // ends of rules of one table
constexpr double kSameRule = 0.8;  // rules this close are one (double rules)
// Multiples of the font size.
constexpr double kCellGap = 0.75;   // white space between cells of a row, more than between words
constexpr double kLeastGap = 0.65;  // the same where it goes through all rows
constexpr double kProse = 11;       // columns this wide may be running text
// Shares.
constexpr double kMostCrossing = 0.2;  // of the rows: heads over several columns
constexpr double kLeastRows = 0.45;    // of the rows between two rules that have two cells at least
constexpr double kProseFill = 0.72;    // of a column's width that lines of running text take
constexpr double kBetweenRows = 0.8;   // of the usual pitch: lines of one row are closer

struct Span {  // words without a cell's gap between them
  Box box;
  std::vector<Box> parts;
};

struct Row {
  double baseline = 0, font = 0;
  std::vector<Span> spans;  // left to right
};

// What stands between two rules, row by row.
std::vector<Row> RowsOf(const std::vector<const Chain*>& chains) {
  std::vector<const Chain*> sorted = chains;
  std::sort(sorted.begin(), sorted.end(),
            [](const Chain* a, const Chain* b) { return a->baseline < b->baseline; });
  std::vector<Row> rows;
  std::vector<std::vector<Box>> parts;
  for (const Chain* c : sorted) {
    if (rows.empty() || c->baseline - rows.back().baseline > 0.4 * c->font) {
      rows.push_back({.baseline = c->baseline});
      parts.emplace_back();
    }
    rows.back().font = std::max(rows.back().font, c->font);
    parts.back().insert(parts.back().end(), c->parts.begin(), c->parts.end());
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    std::sort(parts[r].begin(), parts[r].end(),
              [](const Box& a, const Box& b) { return a.x < b.x; });
    for (const Box& p : parts[r]) {
      std::vector<Span>& spans = rows[r].spans;
      if (spans.empty() || p.x - spans.back().box.right() > kCellGap * rows[r].font)
        spans.push_back({.box = p});
      spans.back().box = Union(spans.back().box, p);
      spans.back().parts.push_back(p);
    }
  }
  return rows;
}

// The middles of the white spaces between columns.
std::vector<int> ColumnBorders(const std::vector<Row>& rows, int left, int right, double font) {
  std::vector<int> covering(static_cast<size_t>(std::max(1, right - left)), 0);
  for (const Row& row : rows) {
    for (const Span& s : row.spans) {
      for (int x = std::max(left, s.box.x); x < std::min(right, s.box.right()); ++x)
        ++covering[static_cast<size_t>(x - left)];
    }
  }
  const auto most = static_cast<int>(kMostCrossing * static_cast<double>(rows.size()));
  std::vector<int> borders;
  int begin = -1;
  bool ink_before = false;
  for (int x = 0; x < static_cast<int>(covering.size()); ++x) {
    if (covering[static_cast<size_t>(x)] <= most) {
      if (begin < 0) begin = x;
      continue;
    }
    if (begin >= 0 && ink_before && x - begin >= kLeastGap * font)
      borders.push_back(left + (begin + x) / 2);
    ink_before = true;
    begin = -1;
  }
  return borders;
}

// The left edges of the columns, and the right edge of the last.
std::vector<int> Edges(const std::vector<int>& borders, const Box& box) {
  std::vector<int> edges = {box.x};
  edges.insert(edges.end(), borders.begin(), borders.end());
  edges.push_back(box.right());
  return edges;
}

// How wide the lines between two edges are.
struct Fill {
  int n = 0;
  double mean = 0, widest = 1;  // widths, pixels
};

// Of the spans in the middle of [left, right) that are no wider than `most_px`.
Fill FillOf(const std::vector<Row>& rows, int left, int right, int most_px) {
  Fill out;
  double widths = 0;
  for (const Row& row : rows) {
    for (const Span& s : row.spans) {
      const int middle = s.box.x + s.box.width / 2;
      if (middle < left || middle >= right || s.box.width > most_px) continue;
      widths += s.box.width;
      out.widest = std::max<double>(out.widest, s.box.width);
      ++out.n;
    }
  }
  if (out.n > 0) out.mean = widths / out.n;
  return out;
}

bool IsProse(const std::vector<Row>& rows, const std::vector<int>& borders, const Box& box,
             double font) {
  if (rows.size() < 5) return false;
  const std::vector<int> edges = Edges(borders, box);
  for (size_t c = 0; c + 1 < edges.size(); ++c) {
    const int width = edges[c + 1] - edges[c];
    if (width < kProse * font) return false;
    // A title over the columns is none of theirs.
    const Fill fill = FillOf(rows, edges[c], edges[c + 1], width);
    if (fill.n == 0 || fill.mean < kProseFill * fill.widest) return false;
  }
  return true;
}

struct Section {  // between two rules
  Box above, below;
  std::vector<const Chain*> chains;
  std::vector<Row> rows;
  bool tabular = false;
};

Section MakeSection(const Box& above, const Box& below, const std::vector<Chain>& chains) {
  Section out{.above = above, .below = below};
  const Box between{above.x, above.y, above.width, std::max(1, below.y - above.y)};
  for (const Chain& c : chains) {
    if (HasCentre(between, c.box)) out.chains.push_back(&c);
  }
  out.rows = RowsOf(out.chains);
  const auto cells = std::count_if(out.rows.begin(), out.rows.end(),
                                   [](const Row& row) { return row.spans.size() >= 2; });
  out.tabular = !out.rows.empty() &&
                static_cast<double>(cells) >= kLeastRows * static_cast<double>(out.rows.size());
  return out;
}

// Rules of equal extent, from top to bottom, in groups.
std::vector<std::vector<Box>> EqualRules(const PageInk& ink, const Box& area,
                                         const std::vector<Table>& known) {
  std::vector<std::vector<Box>> groups;
  const double unit = ink.letter_px;
  std::vector<Box> rules = ink.horizontal_rules;
  std::sort(rules.begin(), rules.end(), [](const Box& a, const Box& b) { return a.y < b.y; });
  for (const Box& rule : rules) {
    if (rule.width < kLeastRule * unit || !HasCentre(area, rule)) continue;
    const bool taken = std::any_of(known.begin(), known.end(), [&](const Table& t) {
      return Contains(t.box, rule, static_cast<int>(unit));
    });
    if (taken) continue;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const std::vector<Box>& g) {
      return std::abs(g.front().x - rule.x) < kSameEnd * unit &&
             std::abs(g.front().right() - rule.right()) < kSameEnd * unit;
    });
    if (group == groups.end()) {
      groups.push_back({rule});
    } else if (rule.y - group->back().y > kSameRule * unit) {
      group->push_back(rule);
    }
  }
  return groups;
}

// A row of the table: of a section with a rule below each row, all lines together are one.
struct TableRow {
  double top, bottom;
  size_t section;
  std::vector<Span> spans;
};

std::vector<TableRow> TableRows(const std::vector<Section>& sections) {
  // Three rules frame head and body; more part the rows from each other.
  bool ruled_rows = sections.size() >= 3;
  size_t n_lines = 0;
  for (const Section& s : sections) n_lines = std::max(n_lines, s.rows.size());
  ruled_rows = ruled_rows && n_lines <= 4;
  std::vector<TableRow> out;
  for (size_t i = 0; i < sections.size(); ++i) {
    const Section& s = sections[i];
    const double top = s.above.bottom(), bottom = s.below.y;
    std::vector<double> pitches;
    for (size_t r = 1; r < s.rows.size(); ++r)
      pitches.push_back(s.rows[r].baseline - s.rows[r - 1].baseline);
    std::sort(pitches.begin(), pitches.end());
    const double pitch = pitches.empty() ? 0 : pitches[pitches.size() / 2];
    const double first_x = s.rows.empty() ? 0 : s.rows.front().spans.front().box.x;
    for (size_t r = 0; r < s.rows.size(); ++r) {
      const Row& row = s.rows[r];
      // A line that begins in a later column, closer than rows are, goes on with the row above.
      const bool goes_on =
          r > 0 && (ruled_rows || (pitches[pitches.size() - 1] * kBetweenRows > pitches.front() &&
                                   row.baseline - s.rows[r - 1].baseline < kBetweenRows * pitch &&
                                   row.spans.front().box.x > first_x + 2 * row.font));
      if (goes_on) {
        out.back().spans.insert(out.back().spans.end(), row.spans.begin(), row.spans.end());
      } else {
        out.push_back({.section = i, .spans = row.spans});
        out.back().top = r == 0 ? top : row.baseline - 0.95 * row.font;
      }
      out.back().bottom = r + 1 == s.rows.size() ? bottom : row.baseline + 0.3 * row.font;
    }
  }
  return out;
}

Table MakeTable(const std::vector<Section>& sections, const std::vector<int>& borders,
                const Box& box) {
  Table table{.box = box};
  const std::vector<TableRow> rows = TableRows(sections);
  std::vector<int> edges = {box.x};
  edges.insert(edges.end(), borders.begin(), borders.end());
  edges.push_back(box.right());
  const auto column_of = [&](int x) {
    return static_cast<int>(std::upper_bound(borders.begin(), borders.end(), x) - borders.begin());
  };
  const int n_columns = static_cast<int>(borders.size()) + 1;
  for (size_t r = 0; r < rows.size(); ++r) {
    // Spans over borders join the columns they cover.
    std::vector<int> end(static_cast<size_t>(n_columns));
    for (int c = 0; c < n_columns; ++c) end[static_cast<size_t>(c)] = c + 1;
    for (const Span& s : rows[r].spans) {
      const int first = column_of(s.box.x + s.box.height / 2);
      const int last = column_of(s.box.right() - s.box.height / 2);
      if (first < last)
        end[static_cast<size_t>(first)] = std::max(end[static_cast<size_t>(first)], last + 1);
    }
    for (int c = 0; c < n_columns;) {
      int stop = end[static_cast<size_t>(c)];
      for (int k = c; k < stop; ++k) stop = std::max(stop, end[static_cast<size_t>(k)]);
      const int y = static_cast<int>(rows[r].top), x = edges[static_cast<size_t>(c)];
      table.cells.push_back({.row = static_cast<int>(r),
                             .column = c,
                             .column_span = stop - c,
                             .header = sections.size() == 2 && rows[r].section == 0,
                             .box = {x, y, edges[static_cast<size_t>(stop)] - x,
                                     std::max(1, static_cast<int>(rows[r].bottom) - y)}});
      table.letters.emplace_back();
      for (const Span& s : rows[r].spans) {
        const int at = column_of(s.box.x + s.box.height / 2);
        if (at >= c && at < stop)
          table.letters.back().insert(table.letters.back().end(), s.parts.begin(), s.parts.end());
      }
      c = stop;
    }
  }
  table.chains.resize(table.cells.size());
  return table;
}

// Whether two columns hold running text.
bool HoldsProse(const std::vector<Row>& rows, const std::vector<int>& borders, const Box& box,
                double font) {
  const std::vector<int> edges = Edges(borders, box);
  int prose = 0;
  for (size_t c = 0; c + 1 < edges.size(); ++c) {
    const Fill fill = FillOf(rows, edges[c], edges[c + 1], INT_MAX);
    prose += fill.n > 2 && fill.widest > kProse * font && fill.mean > kProseFill * fill.widest;
  }
  return prose >= 2;
}

// The table that the rows [begin, end) make, if they do.
std::optional<Section> BorderlessSection(const std::vector<Row>& rows, size_t begin, size_t end,
                                         std::vector<int>* borders, Box* box) {
  constexpr size_t kLeastColumns = 3;
  constexpr double kLeastFilled = 0.6;  // of the cells
  Section out;
  out.rows.assign(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                  rows.begin() + static_cast<std::ptrdiff_t>(end));
  *box = out.rows.front().spans.front().box;
  double font = 0;
  size_t n_spans = 0;
  for (const Row& row : out.rows) {
    font = std::max(font, row.font);
    n_spans += row.spans.size();
    for (const Span& s : row.spans) *box = Union(*box, s.box);
  }
  *borders = ColumnBorders(out.rows, box->x, box->right(), 1.5 * font);
  const size_t n_columns = borders->size() + 1;
  if (n_columns < kLeastColumns) return std::nullopt;
  if (static_cast<double>(n_spans) <
      kLeastFilled * static_cast<double>(n_columns * out.rows.size()))
    return std::nullopt;
  if (HoldsProse(out.rows, *borders, *box, font)) return std::nullopt;
  const int pad = static_cast<int>(0.25 * font);
  *box = {box->x - pad, box->y - pad, box->width + 2 * pad, box->height + 2 * pad};
  out.above = {box->x, box->y - 1, box->width, 1};
  out.below = {box->x, box->bottom(), box->width, 1};
  out.tabular = true;
  return out;
}

}  // namespace

std::vector<Table> FindBorderlessTables(std::vector<Chain>* chains) {
  constexpr size_t kLeastRowsOfTable = 3;
  constexpr double kMostRowPitch = 3.2;  // of the font size
  std::vector<Table> out;
  std::vector<const Chain*> all;
  for (const Chain& c : *chains) {
    if (c.object < 0 && !c.parts.empty()) all.push_back(&c);
  }
  const std::vector<Row> rows = RowsOf(all);
  std::vector<Box> taken;
  for (size_t begin = 0; begin < rows.size();) {
    size_t end = begin;
    while (end < rows.size() && rows[end].spans.size() >= 2 &&
           (end == begin || rows[end].baseline - rows[end - 1].baseline <=
                                kMostRowPitch * std::max(rows[end].font, rows[end - 1].font)))
      ++end;
    const size_t next = std::max(end, begin + 1);
    for (; begin + kLeastRowsOfTable <= end; ++begin) {
      std::vector<int> borders;
      Box box;
      const auto section = BorderlessSection(rows, begin, end, &borders, &box);
      if (!section) continue;
      out.push_back(MakeTable({*section}, borders, box));
      taken.push_back(box);
      break;
    }
    begin = next;
  }
  std::erase_if(*chains, [&](const Chain& c) {
    return std::any_of(taken.begin(), taken.end(),
                       [&](const Box& b) { return HasCentre(b, c.box); });
  });
  return out;
}

std::vector<Table> FindOpenTables(const PageInk& ink, const Box& area,
                                  const std::vector<Table>& known, std::vector<Chain>* chains) {
  std::vector<Table> out;
  for (const std::vector<Box>& rules : EqualRules(ink, area, known)) {
    for (size_t begin = 0; begin + 1 < rules.size();) {
      std::vector<Section> sections;
      std::vector<Row> rows;
      for (size_t i = begin; i + 1 < rules.size(); ++i) {
        Section next = MakeSection(rules[i], rules[i + 1], *chains);
        if (!next.tabular) break;
        rows.insert(rows.end(), next.rows.begin(), next.rows.end());
        sections.push_back(std::move(next));
      }
      const size_t n = sections.size();
      begin += std::max<size_t>(1, n);
      if (rows.size() < 2) continue;
      Box box = Union(rules[begin - std::max<size_t>(1, n)], rules[begin]);
      std::vector<double> fonts;
      for (const Row& row : rows) {
        fonts.push_back(row.font);
        for (const Span& s : row.spans) box = Union(box, s.box);
      }
      std::sort(fonts.begin(), fonts.end());
      const double font = fonts[fonts.size() / 2];
      const std::vector<int> borders = ColumnBorders(rows, box.x, box.right(), font);
      if (borders.empty()) continue;
      // With a rule below each row, cells may hold running text.
      if (n <= 2 && IsProse(rows, borders, box, font)) continue;
      out.push_back(MakeTable(sections, borders, box));
      std::vector<const Chain*> taken;
      for (const Section& s : sections) taken.insert(taken.end(), s.chains.begin(), s.chains.end());
      std::vector<Chain> rest;
      for (Chain& c : *chains) {
        if (std::find(taken.begin(), taken.end(), &c) == taken.end()) rest.push_back(std::move(c));
      }
      *chains = std::move(rest);
    }
  }
  return out;
}

}  // namespace glmocr::geometric
