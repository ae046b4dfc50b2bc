#include "eval/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/ascii.h"
#include "base/bounded_json.h"
#include "eval/html_table.h"
#include "eval/text.h"
#include "document/region_label.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

using nlohmann::json;

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

std::string Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n\v\f");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n\v\f") - first + 1));
}

std::string_view TrimmedView(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Paragraphs: what stands between blank lines; every line where there is no blank one.
std::vector<std::pair<size_t, std::string>> Paragraphs(std::string_view text) {
  std::vector<std::pair<size_t, std::string>> paragraphs;
  bool open = false, blank_between = false;
  for (const std::string_view line : Lines(text)) {
    if (IsBlank(line)) {
      blank_between = blank_between || open;
      open = false;
      continue;
    }
    if (open) {
      paragraphs.back().second += '\n';
      paragraphs.back().second += Trimmed(line);
    } else {
      paragraphs.emplace_back(line.data() - text.data(), Trimmed(line));
    }
    open = true;
  }
  if (paragraphs.size() == 1 && !blank_between) {
    const size_t at = paragraphs[0].first;
    const std::string whole = std::move(paragraphs[0].second);
    paragraphs.clear();
    for (const std::string_view line : Lines(whole)) paragraphs.emplace_back(at, line);
  }
  return paragraphs;
}

// A table of pipes: "| a | b |" with a line of dashes below the first.
std::vector<std::string> PipeCells(std::string_view line) {
  line = TrimmedView(line);
  if (!line.empty() && line.front() == '|') line.remove_prefix(1);
  std::vector<std::string> cells(1);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cells.back() += line[++i];
    } else if (line[i] == '|') {
      if (i + 1 < line.size()) cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  for (std::string& cell : cells) cell = Trimmed(cell);
  return cells;
}

bool IsPipeRow(std::string_view line) {
  line = TrimmedView(line);
  return line.size() > 1 && line.front() == '|';
}

bool IsPipeRule(std::string_view line) {
  line = TrimmedView(line);
  return IsPipeRow(line) && line.find('-') != std::string_view::npos &&
         line.find_first_not_of("|-: \t") == std::string_view::npos;
}

std::string PipeTableHtml(const std::vector<std::string_view>& rows) {
  std::string html = "<table>";
  for (size_t r = 0; r < rows.size(); ++r) {
    if (r == 1) continue;
    html += "<tr>";
    for (const std::string& cell : PipeCells(rows[r])) {
      const char* tag = r == 0 ? "th" : "td";
      html += fmt::format("<{}>{}</{}>", tag, cell, tag);
    }
    html += "</tr>";
  }
  return html + "</table>";
}

// "---" between pages.
bool IsRule(std::string_view text) {
  return text.size() >= 3 && (text[0] == '-' || text[0] == '*') &&
         text.find_first_not_of(text[0]) == std::string_view::npos;
}

class MarkdownParser {
 public:
  explicit MarkdownParser(std::string_view text) : text_(text) {}

  Page Parse() {
    TakePictures();
    TakeFences();
    TakeDocumentTags();
    ShortenBlanks();
    TakeHtmlTables();
    TakeFormulas();
    TakePipeTables();
    TakeCode();
    for (auto& [at, paragraph] : Paragraphs(text_)) {
      if (IsRule(paragraph)) continue;
      Add(at, {BlockKind::kText, std::move(paragraph), Markup::kMarkdown});
    }
    std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
      return std::tuple(a.block.kind == BlockKind::kInlineFormula, a.at) <
             std::tuple(b.block.kind == BlockKind::kInlineFormula, b.at);
    });
    Page page;
    for (Found& found : found_) page.blocks.push_back(std::move(found.block));
    return page;
  }

 private:
  struct Found {
    size_t at;
    Block block;
  };

  void Add(size_t at, Block block) { found_.push_back({at, std::move(block)}); }

  // Blocks that were taken out leave spaces behind, so that places stay comparable.
  void Blank(size_t begin, size_t end) {
    std::fill(text_.begin() + static_cast<ptrdiff_t>(begin),
              text_.begin() + static_cast<ptrdiff_t>(end), ' ');
  }

  void TakePictures() {
    std::string out;
    size_t at = 0;
    while (at < text_.size()) {
      const size_t begin = text_.find("![", at);
      if (begin == std::string::npos) break;
      const size_t newline = std::min(text_.find('\n', begin), text_.size());
      const std::string_view line = std::string_view(text_).substr(0, newline);
      const size_t middle = line.find("](", begin);
      const size_t end = middle == std::string_view::npos ? middle : line.find(')', middle);
      if (end == std::string_view::npos) {
        out.append(text_, at, newline - at);
        at = newline;
      } else {
        out.append(text_, at, begin - at);
        at = end + 1;
      }
    }
    out.append(text_, std::min(at, text_.size()), std::string::npos);
    text_ = std::move(out);
  }

  // The fence around an answer that is wrapped as a whole, not those of code.
  void TakeFences() {
    std::string out;
    bool inside = false;
    for (const std::string_view line : Lines(text_)) {
      const std::string bare = Trimmed(line);
      if (bare == "```markdown" || bare == "```html" || bare == "```latex") {
        inside = true;
        continue;
      }
      if (inside && bare == "```") {
        inside = false;
        continue;
      }
      out += line;
      out += '\n';
    }
    text_ = std::move(out);
  }

  void TakeDocumentTags() {
    for (const std::string_view tag : {"<html>", "</html>", "<body>", "</body>"}) {
      size_t kept = 0, at = 0;
      while (at < text_.size()) {
        if (text_.compare(at, tag.size(), tag) == 0) {
          at += tag.size();
        } else {
          text_[kept++] = text_[at++];
        }
      }
      text_.resize(kept);
    }
  }

  void ShortenBlanks() {  // fields to be filled in: "______" is "____"
    std::string out;
    size_t run = 0;
    for (const char c : text_) {
      run = c == '_' ? run + 1 : 0;
      if (run <= 4) out += c;
    }
    text_ = std::move(out);
  }

  void TakeHtmlTables() {
    size_t depth = 0, begin = 0, at = 0;
    while ((at = text_.find('<', at)) != std::string::npos) {
      if (StartsWithNoCase(std::string_view(text_).substr(at), "<table")) {
        if (depth++ == 0) begin = at;
        at += 6;
      } else if (StartsWithNoCase(std::string_view(text_).substr(at), "</table>")) {
        at += 8;
        if (depth > 0 && --depth == 0) {
          Add(begin, {BlockKind::kTable, text_.substr(begin, at - begin)});
          Blank(begin, at);
        }
      } else {
        ++at;
      }
    }
    if (depth > 0) {  // never closed, as when an answer was cut off: what there is
      Add(begin, {BlockKind::kTable, text_.substr(begin)});
      Blank(begin, text_.size());
    }
  }

  void TakeFormulas() {
    struct Kind {
      std::string_view open, close;
      BlockKind kind;
    };
    constexpr Kind kKinds[] = {{"$$", "$$", BlockKind::kFormula},
                               {"\\[", "\\]", BlockKind::kFormula},
                               {"$", "$", BlockKind::kInlineFormula},
                               {"\\(", "\\)", BlockKind::kInlineFormula}};
    bool exhausted[4] = {};  // no such closing mark from here on
    for (size_t at = 0; at < text_.size();) {
      bool taken = false;
      for (size_t k = 0; k < 4 && !taken; ++k) {
        const Kind& kind = kKinds[k];
        if (exhausted[k] || text_.compare(at, kind.open.size(), kind.open) != 0) continue;
        const size_t inside = at + kind.open.size();
        const size_t close = text_.find(kind.close, inside);
        if (close == std::string::npos) {
          exhausted[k] = true;
          continue;
        }
        const size_t end = close + kind.close.size();
        std::string latex = text_.substr(inside, close - inside);
        std::replace(latex.begin(), latex.end(), '\n', ' ');
        if (!IsBlank(latex)) Add(at, {kind.kind, fmt::format("\\[{}\\]", latex)});
        if (kind.kind == BlockKind::kFormula) Blank(at, end);
        at = end;
        taken = true;
      }
      if (!taken) ++at;
    }
  }

  void TakePipeTables() {
    const std::string copy = text_;  // Lines are views
    const std::vector<std::string_view> lines = Lines(copy);
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
      if (!IsPipeRow(lines[i]) || !IsPipeRule(lines[i + 1])) continue;
      size_t end = i + 2;
      while (end < lines.size() && IsPipeRow(lines[end])) ++end;
      const std::vector<std::string_view> rows(lines.begin() + static_cast<ptrdiff_t>(i),
                                               lines.begin() + static_cast<ptrdiff_t>(end));
      const size_t at = rows.front().data() - copy.data();
      Add(at, {BlockKind::kTable, PipeTableHtml(rows)});
      Blank(at, rows.back().data() - copy.data() + rows.back().size());
      i = end - 1;
    }
  }

  void TakeCode() {
    const std::string copy = text_;
    const std::vector<std::string_view> lines = Lines(copy);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].substr(0, 3) != "```") continue;
      size_t end = i + 1;
      while (end < lines.size() && Trimmed(lines[end]) != "```") ++end;
      if (end == lines.size()) break;
      const size_t at = lines[i].data() - copy.data();
      const size_t first = end == i + 1 ? at : lines[i + 1].data() - copy.data();
      const std::string code =
          Trimmed(std::string_view(copy).substr(first, lines[end].data() - copy.data() - first));
      if (end > i + 1) Add(at, {BlockKind::kText, code});
      Blank(at, lines[end].data() - copy.data() + lines[end].size());
      i = end;
    }
  }

  std::string text_;
  std::vector<Found> found_;
};

Page ParseText(std::string_view text) {
  Page page;
  for (auto& [at, paragraph] : Paragraphs(text)) {
    page.blocks.push_back({BlockKind::kText, std::move(paragraph)});
  }
  return page;
}

std::optional<std::string> StringOf(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// The kind of a region by its label; none for what has no text. Names that are not PP-DocLayoutV3's
// are the SDK's output kinds; an unknown one is text.
std::optional<BlockKind> KindOf(std::string_view name) {
  if (name == "table") return BlockKind::kTable;
  if (name == "image") return std::nullopt;
  const std::optional<RegionLabel> label = RegionLabelFromName(name);
  if (!label) return BlockKind::kText;
  switch (*label) {
    case RegionLabel::kDocTitle:
    case RegionLabel::kParagraphTitle:
      return BlockKind::kTitle;
    case RegionLabel::kReferenceContent:
      return BlockKind::kReference;
    case RegionLabel::kFigureTitle:
    case RegionLabel::kFormulaNumber:
    case RegionLabel::kVisionFootnote:
      return BlockKind::kCaption;
    case RegionLabel::kDisplayFormula:
    case RegionLabel::kInlineFormula:
      return BlockKind::kFormula;
    default:
      break;
  }
  switch (TaskOf(*label)) {
    case RegionTask::kAbandon:
      return BlockKind::kFurniture;
    case RegionTask::kSkip:
      return std::nullopt;
    case RegionTask::kTable:
      return BlockKind::kTable;
    case RegionTask::kFormula:
      return BlockKind::kFormula;
    case RegionTask::kText:
      break;
  }
  return BlockKind::kText;
}

bool HasTable(std::string_view text) {
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    if (StartsWithNoCase(text.substr(at), "<table")) return true;
  }
  return false;
}

void AddRegion(const json& region, Page& page) {
  const std::string label =
      StringOf(region, "native_label").value_or(StringOf(region, "label").value_or("text"));
  const std::optional<BlockKind> kind = KindOf(label);
  if (!kind) return;
  // The SDK's "content" is Markdown, "text" is what was read.
  const std::optional<std::string> content = StringOf(region, "content");
  const Markup markup = content ? Markup::kMarkdown : Markup::kPlain;
  std::string text = content ? *content : StringOf(region, "text").value_or("");
  if (*kind == BlockKind::kTable) {
    if (const auto html = StringOf(region, "html"); html && !html->empty()) text = *html;
    if (!HasTable(text)) {  // a pipe table, or no table at all
      for (Block& block : MarkdownParser(text).Parse().blocks) {
        page.blocks.push_back(std::move(block));
      }
      return;
    }
  }
  if (!IsBlank(text)) page.blocks.push_back({*kind, std::move(text), markup});
}

bool AddPage(const json& regions, Document& document) {
  if (!regions.is_array()) return false;
  Page page;
  for (const json& region : regions) {
    if (!region.is_object()) return false;
    AddRegion(region, page);
  }
  document.pages.push_back(std::move(page));
  return true;
}

// A page, a list of pages, or an object that holds pages.
bool AddJson(const json& value, Document& document) {
  if (value.is_object()) {
    if (const auto regions = value.find("regions"); regions != value.end()) {
      return AddPage(*regions, document);
    }
    const auto pages = value.find("pages");
    if (pages == value.end() || !pages->is_array()) return false;
    return std::all_of(pages->begin(), pages->end(),
                       [&](const json& page) { return AddJson(page, document); });
  }
  if (!value.is_array()) return false;
  if (value.empty()) return true;
  const bool of_pages = value.front().is_array() || value.front().contains("regions");
  if (!of_pages) return AddPage(value, document);
  return std::all_of(value.begin(), value.end(), [&](const json& page) {
    return page.is_array() ? AddPage(page, document) : AddJson(page, document);
  });
}

Result<Document> ParseJson(std::string_view text, std::string_view name) {
  Document document;
  const auto add = [&](std::string_view part) -> Status {
    GLM_ASSIGN(const json value, ParseBoundedJson(part, name));
    if (AddJson(value, document)) return OkStatus();
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': neither pages nor regions in this JSON; give it what `glm-ocr "
                             "parse --format json` or the official SDK writes, or ground truth as "
                             "samples/README.md describes it",
                             name)};
  };
  // One value, or one a line.
  Status whole = add(text);
  if (whole.ok()) return document;
  document = {};
  bool one_line = true;
  for (const std::string_view line : Lines(text)) {
    if (IsBlank(line)) continue;
    if (!add(line).ok()) return whole.error();
    one_line = false;
  }
  if (one_line) return whole.error();
  return document;
}

}  // namespace

Result<Document> ParseDocument(std::string_view bytes, SourceFormat format, std::string_view name) {
  if (bytes.substr(0, 3) == "\xEF\xBB\xBF") bytes.remove_prefix(3);
  if (const auto bad = FindInvalidUtf8(bytes)) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': not UTF-8 at byte {}; convert the file", name, *bad)};
  }
  std::string text;
  text.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\r') {
      if (i + 1 == bytes.size() || bytes[i + 1] != '\n') text += '\n';
    } else if (bytes[i] == '\f') {
      text += "\n\n";  // between pages of text
    } else {
      text += bytes[i];
    }
  }
  switch (format) {
    case SourceFormat::kText:
      return Document{{ParseText(text)}};
    case SourceFormat::kMarkdown:
      return Document{{MarkdownParser(text).Parse()}};
    case SourceFormat::kJson:
      break;
  }
  return ParseJson(text, name);
}

std::string ShownText(const Block& block) {
  switch (block.kind) {
    case BlockKind::kFurniture:
    case BlockKind::kInlineFormula:
      return {};
    case BlockKind::kTable: {
      std::string out;
      for (const auto& row : TableTexts(block.text)) {
        for (const std::string& cell : row) {
          out += cell;
          out += ' ';
        }
      }
      return CollapseSpace(out);
    }
    case BlockKind::kFormula: {
      std::string_view text = block.text;
      for (const auto& [open, close] : {std::pair{"\\[", "\\]"}, std::pair{"$$", "$$"}}) {
        const std::string bare = Trimmed(text);
        if (bare.size() >= 4 && bare.substr(0, 2) == open &&
            bare.substr(bare.size() - 2) == close) {
          return CollapseSpace(std::string_view(bare).substr(2, bare.size() - 4));
        }
      }
      return CollapseSpace(text);
    }
    default:
      break;
  }
  return CollapseSpace(block.markup == Markup::kMarkdown ? StripMarkdown(block.text) : block.text);
}

}  // namespace glmocr
