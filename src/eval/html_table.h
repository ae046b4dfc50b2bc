// HTML tables as trees, and how alike two of them are: TEDS.
//
// TEDS (Zhong, ShafieiBavani and Jimeno Yepes 2020, "Image-based table recognition: data, model,
// and evaluation") = 1 - tree edit distance / nodes of the larger tree. Deleting and inserting a
// node cost 1; replacing one by another costs 1 where tag or spans differ, and else, of two cells,
// the normalized edit distance of their contents. TEDS-struct leaves the contents out. The
// normalization before it (header cells are cells, sections and inline markup are taken off, NFKC)
// is OmniDocBench's: utils/data_preprocess.py, normalized_html_table; the tree is that of
// metrics/table_metric.py, which this follows node for node. Both read HTML with libxml2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "eval/edit_distance.h"

namespace glmocr {

// Numbers for tags, shared by the tables that are compared.
class TagNumbers {
 public:
  uint32_t Of(const std::string& tag);

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
};

struct TableNode {
  uint32_t tag = 0;
  bool cell = false;  // td
  long column_span = 1, row_span = 1;
  Symbols content;  // of a cell: characters, and tags as symbols of their own
  std::vector<size_t> children;
};

struct TableTree {
  std::vector<TableNode> nodes;  // the table first, each before its children
  size_t n_elements = 0;         // below the table, those inside cells too
};

// The first table of `html`; none when there is none. Errors: kResourceExhausted (nested too deep,
// too large), kInvalidArgument (a span that is no number).
Result<std::optional<TableTree>> ParseHtmlTable(std::string_view html, TagNumbers& tags);

// What the cells of the first table say, row by row: the text of a cell without markup.
std::vector<std::vector<std::string>> TableTexts(std::string_view html);

struct TedsScore {
  double teds = 0;
  double teds_struct = 0;
};
// 0 and 0 where either holds no table or cannot be read as one. Errors: kResourceExhausted when the
// comparison would take too long (tables of some thousands of cells each).
Result<TedsScore> Teds(std::string_view predicted, std::string_view truth);

// The ordered tree edit distance itself (Zhang and Shasha 1989); exposed for tests.
enum class CellContent { kCompare, kIgnore };
Result<double> TreeEditDistance(const TableTree& a, const TableTree& b, CellContent content);

}  // namespace glmocr
