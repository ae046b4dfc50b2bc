#include "eval/html_table.h"

#include <fmt/format.h>
#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "eval/text.h"

namespace glmocr {
namespace {

constexpr size_t kMaxHtmlBytes = size_t{16} << 20;
// libxml2 stops at 256 levels by itself; our walks of the tree may rely on a limit.
constexpr int kMaxDepth = 300;
// Pairs of nodes: the two tables of the distance hold one number for each, 256 MB at most.
constexpr size_t kMaxNodePairs = size_t{16} << 20;
// Steps of the distance: ordinary tables take 3 for a pair of nodes, deeply nested ones more.
constexpr size_t kMaxSteps = size_t{2} << 30;
constexpr uint32_t kFirstTag = 0x110000;  // above all code points

using XmlDocument = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

XmlDocument ParseHtml(std::string_view html) {
  const auto size = static_cast<int>(std::min(html.size(), kMaxHtmlBytes));
  return {htmlReadMemory(
              html.data(), size, nullptr, "UTF-8",
              HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET),
          &xmlFreeDoc};
}

std::string NameOf(const xmlNode* node) { return reinterpret_cast<const char*>(node->name); }
bool IsText(const xmlNode* node) {
  return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}
bool IsElement(const xmlNode* node) { return node->type == XML_ELEMENT_NODE; }

std::optional<std::string> Attribute(const xmlNode* node, const char* name) {
  xmlChar* value = xmlGetProp(node, reinterpret_cast<const xmlChar*>(name));
  if (value == nullptr) return std::nullopt;
  std::string out = reinterpret_cast<const char*>(value);
  xmlFree(value);
  return out;
}

// Elements that the normalization takes off, keeping what is inside.
bool IsTransparent(const std::string& name) {
  constexpr std::array<std::string_view, 7> kNames = {"thead", "tbody", "span", "sup",
                                                      "sub",   "div",   "p"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}
bool IsDropped(const std::string& name) { return name == "colgroup"; }

const xmlNode* FindTable(const xmlNode* node, int depth) {
  for (; node != nullptr && depth < kMaxDepth; node = node->next) {
    if (!IsElement(node)) continue;
    if (NameOf(node) == "table") return node;
    if (const xmlNode* found = FindTable(node->children, depth + 1)) return found;
  }
  return nullptr;
}

// As Python's int(): white space around, a sign. nullopt for what it refuses.
std::optional<long> ToNumber(std::string_view text) {
  const std::vector<std::string_view> words = Words(text);
  if (words.size() != 1) return std::nullopt;
  std::string_view word = words[0];
  if (word.front() == '+') word.remove_prefix(1);
  long number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

class TreeBuilder {
 public:
  TreeBuilder(TagNumbers& tags, TableTree& tree) : tags_(tags), tree_(tree) {}

  Status Build(const xmlNode* table) {
    tree_.nodes.push_back({tags_.Of("table")});
    return Children(table, 0, 0);
  }

 private:
  Error TooDeep() const {
    return Error{ErrorCode::kResourceExhausted, "the table's HTML is nested too deep"};
  }

  // What becomes children of node `parent`; text outside of cells does not count.
  Status Children(const xmlNode* node, size_t parent, int depth) {
    if (depth > kMaxDepth) return TooDeep();
    for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
      if (!IsElement(child)) continue;
      std::string name = NameOf(child);
      if (IsDropped(name) || name == "math") continue;
      if (IsTransparent(name)) {
        GLM_RETURN_IF_ERROR(Children(child, parent, depth + 1));
        continue;
      }
      if (name == "th") name = "td";
      const size_t index = tree_.nodes.size();
      TableNode& made = tree_.nodes.emplace_back();
      made.tag = tags_.Of(name);
      tree_.nodes[parent].children.push_back(index);
      ++tree_.n_elements;
      if (name != "td") {
        GLM_RETURN_IF_ERROR(Children(child, index, depth + 1));
        continue;
      }
      made.cell = true;
      for (const auto& [attribute, span] :
           {std::pair{"colspan", &made.column_span}, std::pair{"rowspan", &made.row_span}}) {
        const std::optional<std::string> value = Attribute(child, attribute);
        if (!value) continue;
        const std::optional<long> number = ToNumber(*value);
        if (!number) {
          return Error{ErrorCode::kInvalidArgument,
                       fmt::format("{} of a cell is not a number", attribute)};
        }
        *span = *number;
      }
      std::string run;
      Symbols content;
      GLM_RETURN_IF_ERROR(Content(child, run, content, depth + 1));
      GLM_RETURN_IF_ERROR(Flush(run, content));
      tree_.nodes[index].content = std::move(content);
    }
    return OkStatus();
  }

  // The symbols of a cell. `run` is text not yet written: markup that is taken off does not end it.
  Status Content(const xmlNode* node, std::string& run, Symbols& content, int depth) {
    if (depth > kMaxDepth) return TooDeep();
    for (const xmlNode* child = node->children; child != nullptr; child = child->next) {
      if (IsText(child)) {
        run += reinterpret_cast<const char*>(child->content);
        continue;
      }
      if (!IsElement(child)) continue;
      std::string name = NameOf(child);
      if (IsDropped(name)) continue;
      if (name == "math") {
        run += fmt::format("${}$", Attribute(child, "alttext").value_or(""));
        continue;
      }
      if (IsTransparent(name)) {
        GLM_RETURN_IF_ERROR(Content(child, run, content, depth + 1));
        continue;
      }
      if (name == "th") name = "td";
      ++tree_.n_elements;
      GLM_RETURN_IF_ERROR(Flush(run, content));
      content.push_back(tags_.Of(fmt::format("<{}>", name)));
      GLM_RETURN_IF_ERROR(Content(child, run, content, depth + 1));
      GLM_RETURN_IF_ERROR(Flush(run, content));
      content.push_back(tags_.Of(fmt::format("</{}>", name)));
    }
    return OkStatus();
  }

  static Status Flush(std::string& run, Symbols& content) {
    std::erase(run, '\n');
    GLM_ASSIGN(const std::string text, ToNfkc(run));
    run.clear();
    bool in_space = false;
    for (const uint32_t symbol : CodePoints(text)) {
      const bool space = symbol == ' ' || (symbol >= '\t' && symbol <= '\r') ||
                         (symbol >= 0x1C && symbol <= 0x1F) || symbol == 0x85 || symbol == 0x2028 ||
                         symbol == 0x2029 ||
                         symbol == 0x1680;  // what is left of Python's \s after NFKC
      if (!space) {
        content.push_back(symbol);
      } else if (!in_space) {
        content.push_back(' ');
      }
      in_space = space;
    }
    return OkStatus();
  }

  TagNumbers& tags_;
  TableTree& tree_;
};

// The nodes by number in postorder, as the distance walks them.
struct Postorder {
  std::vector<const TableNode*> nodes;
  std::vector<size_t> leftmost;  // of each: the number of the first leaf below it
  std::vector<size_t> keyroots;  // the last of each leftmost leaf, ascending
  size_t steps = 0;              // the sizes of the keyroots' subtrees in sum

  explicit Postorder(const TableTree& tree) {
    nodes.reserve(tree.nodes.size());
    Visit(tree, 0);
    std::vector<size_t> last(nodes.size(), 0);
    for (size_t i = 0; i < nodes.size(); ++i) last[leftmost[i]] = i;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (last[leftmost[i]] != i) continue;
      keyroots.push_back(i);
      steps += i - leftmost[i] + 1;
    }
  }

 private:
  size_t Visit(const TableTree& tree, size_t node) {  // returns the leftmost leaf
    size_t first = SIZE_MAX;
    for (const size_t child : tree.nodes[node].children) {
      const size_t leaf = Visit(tree, child);
      if (first == SIZE_MAX) first = leaf;
    }
    if (first == SIZE_MAX) first = nodes.size();
    leftmost.push_back(first);
    nodes.push_back(&tree.nodes[node]);
    return first;
  }
};

double ReplaceCost(const TableNode& a, const TableNode& b, CellContent content) {
  if (a.tag != b.tag || a.column_span != b.column_span || a.row_span != b.row_span) return 1;
  if (!a.cell || content == CellContent::kIgnore) return 0;
  return NormalizedEditDistance(a.content, b.content);
}

}  // namespace

uint32_t TagNumbers::Of(const std::string& tag) {
  return numbers_.emplace(tag, kFirstTag + static_cast<uint32_t>(numbers_.size())).first->second;
}

Result<std::optional<TableTree>> ParseHtmlTable(std::string_view html, TagNumbers& tags) {
  if (html.size() > kMaxHtmlBytes) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("a table of {} bytes of HTML is too large to be compared (limit {})",
                             html.size(), kMaxHtmlBytes)};
  }
  const XmlDocument document = ParseHtml(html);
  const xmlNode* table =
      document == nullptr ? nullptr : FindTable(xmlDocGetRootElement(document.get()), 0);
  if (table == nullptr) return std::optional<TableTree>{};
  TableTree tree;
  GLM_RETURN_IF_ERROR(TreeBuilder(tags, tree).Build(table));
  return std::optional<TableTree>{std::move(tree)};
}

Result<double> TreeEditDistance(const TableTree& a, const TableTree& b, CellContent content) {
  if (a.nodes.size() * b.nodes.size() > kMaxNodePairs) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("tables of {} and {} cells and rows are too large to be compared "
                             "(limit: {} pairs); split them",
                             a.nodes.size(), b.nodes.size(), kMaxNodePairs)};
  }
  const Postorder first(a), second(b);
  if (first.steps > kMaxSteps / second.steps) {
    return Error{ErrorCode::kResourceExhausted,
                 "the tables are nested too deep to be compared; simplify their HTML"};
  }
  const size_t n = first.nodes.size(), m = second.nodes.size();
  // tree[i][j]: distance of the subtrees at i and j; forest: of what lies left of and below the
  // current pair of keyroots, with one more row and column for nothing at all.
  std::vector<double> tree(n * m), forest((n + 1) * (m + 1));
  for (const size_t root_a : first.keyroots) {
    for (const size_t root_b : second.keyroots) {
      const size_t left_a = first.leftmost[root_a], left_b = second.leftmost[root_b];
      const size_t rows = root_a - left_a + 2, columns = root_b - left_b + 2;
      for (size_t i = 0; i < rows; ++i) forest[i * columns] = static_cast<double>(i);
      for (size_t j = 0; j < columns; ++j) forest[j] = static_cast<double>(j);
      for (size_t i = 1; i < rows; ++i) {
        const size_t node_a = left_a + i - 1;
        for (size_t j = 1; j < columns; ++j) {
          const size_t node_b = left_b + j - 1;
          const double one_less =
              std::min(forest[(i - 1) * columns + j], forest[i * columns + j - 1]) + 1;
          double& here = forest[i * columns + j];
          if (first.leftmost[node_a] == left_a && second.leftmost[node_b] == left_b) {
            here = std::min(one_less,
                            forest[(i - 1) * columns + j - 1] +
                                ReplaceCost(*first.nodes[node_a], *second.nodes[node_b], content));
            tree[node_a * m + node_b] = here;
          } else {
            const size_t before_a = first.leftmost[node_a] - left_a;
            const size_t before_b = second.leftmost[node_b] - left_b;
            here = std::min(one_less,
                            forest[before_a * columns + before_b] + tree[node_a * m + node_b]);
          }
        }
      }
    }
  }
  return tree[n * m - 1];
}

Result<TedsScore> Teds(std::string_view predicted, std::string_view truth) {
  TagNumbers tags;
  const auto a = ParseHtmlTable(predicted, tags), b = ParseHtmlTable(truth, tags);
  for (const auto* parsed : {&a, &b}) {
    if (!parsed->ok() && parsed->error().code == ErrorCode::kResourceExhausted) {
      return parsed->error();
    }
    if (!parsed->ok() || !parsed->value().has_value()) return TedsScore{};
  }
  const TableTree &one = **a, &two = **b;
  const size_t n_elements = std::max(one.n_elements, two.n_elements);
  if (n_elements == 0) return TedsScore{};
  GLM_ASSIGN(const double distance, TreeEditDistance(one, two, CellContent::kCompare));
  GLM_ASSIGN(const double structure, TreeEditDistance(one, two, CellContent::kIgnore));
  const auto of = static_cast<double>(n_elements);
  return TedsScore{1 - distance / of, 1 - structure / of};
}

namespace {

void AppendText(const xmlNode* node, std::string& out, int depth) {
  for (; node != nullptr && depth < kMaxDepth; node = node->next) {
    if (IsText(node)) out += reinterpret_cast<const char*>(node->content);
    if (!IsElement(node)) continue;
    const std::string name = NameOf(node);
    if (name == "math") out += Attribute(node, "alttext").value_or("");
    if (name == "br" || name == "p" || name == "div" || name == "td" || name == "tr") out += ' ';
    if (name != "math") AppendText(node->children, out, depth + 1);
  }
}

void CollectRows(const xmlNode* node, std::vector<std::vector<std::string>>& rows, int depth) {
  for (; node != nullptr && depth < kMaxDepth; node = node->next) {
    if (!IsElement(node)) continue;
    const std::string name = NameOf(node);
    if (name == "td" || name == "th" || name == "caption") {
      std::string text;
      AppendText(node->children, text, depth + 1);
      if (rows.empty()) rows.emplace_back();
      rows.back().push_back(CollapseSpace(text));
      continue;
    }
    if (name == "tr") rows.emplace_back();
    CollectRows(node->children, rows, depth + 1);
  }
}

}  // namespace

std::vector<std::vector<std::string>> TableTexts(std::string_view html) {
  std::vector<std::vector<std::string>> rows;
  const XmlDocument document = ParseHtml(html);
  const xmlNode* table =
      document == nullptr ? nullptr : FindTable(xmlDocGetRootElement(document.get()), 0);
  if (table != nullptr) CollectRows(table->children, rows, 0);
  return rows;
}

}  // namespace glmocr
