// Tables as rows and columns, whichever way they were read, and as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/page.h"

namespace glmocr {

struct TableText {
  int row = 0, column = 0;  // 0-based, of the upper left corner
  int row_span = 1, column_span = 1;
  bool header = false;
  std::string text;
};

struct Table {
  int rows = 0, columns = 0;
  std::vector<TableText> cells;  // row by row
};

// The table of an HTML `<table>` that is well-formed XML but for entities and `<br>` (what GLM-OCR
// writes). Null for anything else, and for tables of more than 1,000,000 places.
std::optional<Table> ParseHtmlTable(std::string_view html);

// The region's cells, or its HTML.
std::optional<Table> TableOf(const ReadRegion& region);

// A pipe table of GitHub's Markdown: the first row is the head; a cell that spans several places
// is in the first of them. Cells show their texts as they are: what Markdown or HTML would take for
// markup is escaped. With `formulas`, what is between two dollar signs is left as it is.
std::string PipeTable(const Table& table, bool formulas);
// Lines of cells with tabs between them.
std::string TabTable(const Table& table);
// <table><tr><td>..., spans kept, text escaped.
std::string HtmlTable(const Table& table);

// Whether "&amp;", "&#65;" or the like begins at `at`.
bool StartsHtmlEntity(std::string_view text, size_t at);
// & < > " and ' as entities.
std::string EscapeHtml(std::string_view text);

}  // namespace glmocr
