#include "format/tables.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>
#include <set>
#include <utility>

#include "base/ascii.h"

namespace glmocr {
namespace {

constexpr int64_t kMaxPlaces = 1'000'000;
// What browsers make of larger ones (HTML, "forming a table").
constexpr int kMaxColumnSpan = 1000, kMaxRowSpan = 65534;

int Span(const pugi::xml_node& cell, const char* name, int max) {
  const std::string_view value = cell.attribute(name).value();
  int span = 1;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), span);
  if (error == std::errc::result_out_of_range) return max;
  return error == std::errc() ? std::clamp(span, 1, max) : 1;
}

// The text of a cell; pugixml's own descent is iterative, ours is bounded by the walker.
struct TextCollector : pugi::xml_tree_walker {
  std::string text;
  bool for_each(pugi::xml_node& node) override {
    if (node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata) text += node.value();
    if (std::string_view(node.name()) == "br") text += '\n';
    return true;
  }
};

void ReplaceAll(std::string& s, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = s.find(what, at)) != std::string::npos; at += with.size())
    s.replace(at, what.size(), with);
}

struct RowFinder : pugi::xml_tree_walker {
  std::vector<pugi::xml_node> rows;
  std::vector<bool> in_head;
  bool nested = false;
  bool for_each(pugi::xml_node& node) override {
    const std::string_view name = node.name();
    if (name == "table" && depth() > 0) nested = true;
    if (name != "tr") return true;
    rows.push_back(node);
    in_head.push_back(std::string_view(node.parent().name()) == "thead");
    return true;
  }
};

// The text as a cell of a pipe table.
std::string PipeCell(std::string_view text, bool formulas) {
  constexpr std::string_view kMarkup = "\\*_`<[|~$";
  std::string out;
  size_t formula_end = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') {
      if (c == '\n' || i + 1 == text.size() || text[i + 1] != '\n') out += "<br>";
      continue;
    }
    if (formulas && c == '$' && i >= formula_end) {
      const size_t close = text.find('$', i + 1);
      if (close != std::string_view::npos) formula_end = close + 1;
    }
    // Within a formula only the bar would end the cell.
    const bool markup = i < formula_end ? c == '|'
                                        : kMarkup.find(c) != std::string_view::npos ||
                                              (c == '&' && StartsHtmlEntity(text, i));
    if (markup) out += '\\';
    out += c;
  }
  return out;
}

// One text a place, the first place of each cell.
std::vector<std::vector<std::string>> Places(const Table& table) {
  std::vector<std::vector<std::string>> places(
      static_cast<size_t>(table.rows),
      std::vector<std::string>(static_cast<size_t>(table.columns)));
  for (const TableText& cell : table.cells)
    places[static_cast<size_t>(cell.row)][static_cast<size_t>(cell.column)] = cell.text;
  return places;
}

Table WithSize(std::vector<TableText> cells) {
  Table table;
  for (const TableText& cell : cells) {
    table.rows = std::max(table.rows, cell.row + cell.row_span);
    table.columns = std::max(table.columns, cell.column + cell.column_span);
  }
  table.cells = std::move(cells);
  return table;
}

}  // namespace

std::optional<Table> ParseHtmlTable(std::string_view html) {
  std::string text(html);
  ReplaceAll(text, "<br>", "<br/>");
  ReplaceAll(text, "&nbsp;", "\u00a0");
  pugi::xml_document document;
  if (!document.load_buffer(text.data(), text.size(),
                            pugi::parse_default | pugi::parse_ws_pcdata_single,
                            pugi::encoding_utf8))
    return std::nullopt;
  const pugi::xml_node root = document.first_child();
  if (std::string_view(root.name()) != "table" || root.next_sibling()) return std::nullopt;
  RowFinder found;
  document.traverse(found);
  if (found.nested) return std::nullopt;

  std::vector<TableText> cells;
  std::set<std::pair<int, int>> taken;  // row, column
  for (size_t r = 0; r < found.rows.size(); ++r) {
    const int row = static_cast<int>(r);
    int column = 0;
    for (pugi::xml_node node : found.rows[r].children()) {
      const std::string_view name = node.name();
      if (name != "td" && name != "th") continue;
      while (taken.contains({row, column})) ++column;
      TableText cell{row, column};
      cell.row_span =
          std::min(Span(node, "rowspan", kMaxRowSpan), static_cast<int>(found.rows.size() - r));
      cell.column_span = Span(node, "colspan", kMaxColumnSpan);
      cell.header = name == "th" || found.in_head[r];
      const auto places = static_cast<int64_t>(cell.row_span) * cell.column_span;
      if (static_cast<int64_t>(taken.size()) + places > kMaxPlaces) return std::nullopt;
      for (int y = 0; y < cell.row_span; ++y) {
        for (int x = 0; x < cell.column_span; ++x) taken.insert({row + y, column + x});
      }
      TextCollector collector;
      node.traverse(collector);
      cell.text = TrimAscii(collector.text);
      column += cell.column_span;
      cells.push_back(std::move(cell));
    }
  }
  if (cells.empty()) return std::nullopt;
  Table table = WithSize(std::move(cells));
  if (static_cast<int64_t>(table.rows) * table.columns > kMaxPlaces) return std::nullopt;
  return table;
}

std::optional<Table> TableOf(const ReadRegion& region) {
  if (region.label != RegionLabel::kTable) return std::nullopt;
  if (region.cells.empty()) return ParseHtmlTable(region.text);
  std::vector<TableText> cells;
  for (const ReadCell& c : region.cells) {
    if (c.row < 0 || c.column < 0 || c.row_span < 1 || c.column_span < 1) return std::nullopt;
    cells.push_back({c.row, c.column, c.row_span, c.column_span, c.header, c.text});
  }
  Table table = WithSize(std::move(cells));
  if (static_cast<int64_t>(table.rows) * table.columns > kMaxPlaces) return std::nullopt;
  return table;
}

bool StartsHtmlEntity(std::string_view s, size_t at) {
  const auto is_alnum = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  };
  size_t i = at + 1;
  if (i < s.size() && s[i] == '#') ++i;
  const size_t begin = i;
  while (i < s.size() && is_alnum(s[i])) ++i;
  return i > begin && i < s.size() && s[i] == ';';
}

std::string PipeTable(const Table& table, bool formulas) {
  std::string out;
  const auto places = Places(table);
  for (size_t r = 0; r < places.size(); ++r) {
    out += '|';
    for (const std::string& text : places[r]) {
      out += ' ' + PipeCell(text, formulas) + " |";
    }
    out += '\n';
    if (r > 0) continue;
    out += '|';
    for (size_t c = 0; c < places[r].size(); ++c) out += " --- |";
    out += '\n';
  }
  if (!out.empty()) out.pop_back();
  return out;
}

std::string TabTable(const Table& table) {
  std::string out;
  for (const auto& row : Places(table)) {
    if (!out.empty()) out += '\n';
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) out += '\t';
      std::string text = row[c];
      std::replace_if(
          text.begin(), text.end(), [](char x) { return x == '\n' || x == '\r' || x == '\t'; },
          ' ');
      out += text;
    }
  }
  return out;
}

std::string HtmlTable(const Table& table) {
  std::string out = "<table>";
  int row = -1;
  for (const TableText& cell : table.cells) {
    while (row < cell.row) {
      out += row < 0 ? "<tr>" : "</tr><tr>";
      ++row;
    }
    const char* tag = cell.header ? "th" : "td";
    out += '<';
    out += tag;
    if (cell.row_span > 1) out += " rowspan=\"" + std::to_string(cell.row_span) + '"';
    if (cell.column_span > 1) out += " colspan=\"" + std::to_string(cell.column_span) + '"';
    out += '>';
    std::string text = EscapeHtml(cell.text);
    ReplaceAll(text, "\n", "<br>");
    out += text + "</" + tag + '>';
  }
  return out + (row < 0 ? "</table>" : "</tr></table>");
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace glmocr
