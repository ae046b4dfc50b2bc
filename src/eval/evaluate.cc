#include "eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "eval/assignment.h"
#include "eval/edit_distance.h"
#include "eval/html_table.h"
#include "eval/match.h"
#include "eval/text.h"

namespace glmocr {
namespace {

using Json = nlohmann::ordered_json;

// More tables than this on a page are assigned in order instead of by likeness.
constexpr size_t kMaxTablesToAssign = 200;

// The page as a reader sees it, in composed characters.
Result<std::string> Shown(const Page& page) {
  std::string out;
  for (const Block& block : page.blocks) {
    const std::string text = ShownText(block);
    if (text.empty()) continue;
    if (!out.empty()) out += ' ';
    out += text;
  }
  return ToNfc(out);
}

Status ScoreCharacters(const Page& predicted, const Page& truth, PageScores& scores) {
  GLM_ASSIGN(const std::string read, Shown(predicted));
  GLM_ASSIGN(const std::string wanted, Shown(truth));
  const Symbols a = CodePoints(read), b = CodePoints(wanted);
  scores.characters = {EditDistance(a, b), b.size()};
  std::unordered_map<std::string_view, uint32_t> numbers;
  const auto number = [&](std::string_view text) {
    Symbols out;
    for (const std::string_view word : Words(text)) {
      out.push_back(numbers.emplace(word, static_cast<uint32_t>(numbers.size())).first->second);
    }
    return out;
  };
  const Symbols words = number(read), wanted_words = number(wanted);
  scores.words = {EditDistance(words, wanted_words), wanted_words.size()};
  return OkStatus();
}

Symbols NormalForm(const Block& block) {
  return CodePoints(block.kind == BlockKind::kFormula || block.kind == BlockKind::kInlineFormula
                        ? NormalizeFormula(block.text)
                        : CleanText(block.text));
}

// A display formula of one column and several lines is one formula a line (match_quick.py,
// split_equation_arrays).
std::vector<std::string> SplitArray(const std::string& latex) {
  const size_t begin = latex.find("\\begin{array}{");
  const size_t spec = begin + 14;
  const size_t body = begin == std::string::npos ? begin : latex.find('}', spec);
  const size_t end = body == std::string::npos ? body : latex.find("\\end{array}", body);
  if (end == std::string::npos) return {latex};
  std::string columns = latex.substr(spec, body - spec);
  std::erase_if(columns, [](char c) { return c == '|' || c == ' '; });
  if (columns != "l" && columns != "c" && columns != "r") return {latex};
  std::vector<std::string> lines;
  for (size_t at = body + 1; at <= end;) {
    const size_t next = std::min(latex.find("\\\\", at), end);
    std::string line = CollapseSpace(std::string_view(latex).substr(at, next - at));
    if (!line.empty()) lines.push_back(fmt::format("\\[{}\\]", line));
    at = next + 2;
  }
  return lines;
}

void AddItem(const Block& block, std::vector<MatchItem>& items) {
  const std::vector<std::string> parts =
      block.kind == BlockKind::kFormula ? SplitArray(block.text) : std::vector{block.text};
  for (const std::string& part : parts) {
    Symbols text = NormalForm({block.kind, part, block.markup});
    if (text.empty()) continue;
    MatchItem item{block.kind, std::move(text), static_cast<double>(items.size() + 1), {}};
    if (block.kind == BlockKind::kFormula) {
      std::string_view inside = part;
      for (const std::string_view mark : {"\\[", "$$"}) {
        if (inside.substr(0, 2) == mark && inside.size() >= 4) {
          inside = inside.substr(2, inside.size() - 4);
        }
      }
      item.as_text = CodePoints(CleanText(fmt::format("${}$", CollapseSpace(inside))));
    }
    items.push_back(std::move(item));
  }
}

// Tables by likeness of their HTML; the cells of predicted tables that no table of the truth
// answers to become text of the prediction, as OmniDocBench has it.
Status ScoreTables(const std::vector<const Block*>& predicted,
                   const std::vector<const Block*>& truth, std::vector<MatchItem>& more_text,
                   PageScores& scores) {
  if (truth.empty()) return OkStatus();
  scores.tables.resize(truth.size());
  std::vector<std::pair<size_t, size_t>> pairs;
  if (truth.size() > kMaxTablesToAssign || predicted.size() > kMaxTablesToAssign) {
    for (size_t i = 0; i < std::min(truth.size(), predicted.size()); ++i) pairs.emplace_back(i, i);
  } else {
    std::vector<double> cost;
    std::vector<Symbols> texts;
    texts.reserve(predicted.size());
    for (const Block* table : predicted) texts.push_back(CodePoints(table->text));
    for (const Block* table : truth) {
      EditPattern pattern(CodePoints(table->text));
      for (const Symbols& text : texts) {
        const auto longer = static_cast<double>(std::max(pattern.size(), text.size()));
        cost.push_back(static_cast<double>(pattern.Distance(text)) / longer);
      }
    }
    pairs = Assign(cost, truth.size(), predicted.size());
  }
  std::vector<char> used(predicted.size());
  for (const auto& [g, p] : pairs) {
    GLM_ASSIGN(const TedsScore score, Teds(predicted[p]->text, truth[g]->text));
    scores.tables[g] = {score.teds, score.teds_struct, true};
    used[p] = 1;
  }
  for (size_t p = 0; p < predicted.size(); ++p) {
    if (used[p]) continue;
    for (const auto& row : TableTexts(predicted[p]->text)) {
      for (const std::string& cell : row) AddItem({BlockKind::kText, cell}, more_text);
    }
  }
  return OkStatus();
}

void AddEdits(std::optional<EditRate>& rate, const Symbols& a, const Symbols& b) {
  if (!rate) rate.emplace();
  rate->Add({EditDistance(a, b), std::max(a.size(), b.size())});
}

// The kind that most of the blocks have, of equally frequent ones the first.
BlockKind MostCommonKind(const std::vector<MatchItem>& items, const std::vector<size_t>& at) {
  BlockKind best = items[at[0]].kind;
  size_t most = 0;
  for (const size_t i : at) {
    const auto count = static_cast<size_t>(std::count_if(
        at.begin(), at.end(), [&](size_t other) { return items[other].kind == items[i].kind; }));
    if (count > most) {
      most = count;
      best = items[i].kind;
    }
  }
  return best;
}

void ScoreBlocks(const std::vector<MatchItem>& predicted, const std::vector<MatchItem>& truth,
                 PageScores& scores) {
  struct Placed {
    std::vector<uint32_t> truth;
    double predicted;
  };
  std::vector<Placed> placed;
  Symbols order_truth;
  for (const Match& match : MatchBlocks(truth, predicted)) {
    Symbols wanted, wanted_as_text, read;
    std::vector<uint32_t> places;
    for (const size_t g : match.truth) {
      wanted.insert(wanted.end(), truth[g].text.begin(), truth[g].text.end());
      wanted_as_text.insert(wanted_as_text.end(), truth[g].as_text.begin(), truth[g].as_text.end());
      places.push_back(static_cast<uint32_t>(truth[g].order));
    }
    for (const size_t p : match.predicted) {
      read.insert(read.end(), predicted[p].text.begin(), predicted[p].text.end());
    }
    if (MostCommonKind(truth, match.truth) == BlockKind::kFormula) {
      // A formula that was read as text is a text that was read.
      const bool as_formula = match.predicted.empty() ||
                              predicted[match.predicted[0]].kind == BlockKind::kFormula ||
                              predicted[match.predicted[0]].kind == BlockKind::kInlineFormula;
      if (as_formula) {
        AddEdits(scores.formula, wanted, read);
      } else {
        AddEdits(scores.text, wanted_as_text, read);
      }
      continue;
    }
    AddEdits(scores.text, wanted, read);
    order_truth.insert(order_truth.end(), places.begin(), places.end());
    if (!match.predicted.empty()) {
      placed.push_back({places, predicted[match.predicted[0]].order});
    }
  }
  if (order_truth.empty()) return;
  std::sort(order_truth.begin(), order_truth.end());
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.predicted < b.predicted; });
  Symbols order_read;
  for (const Placed& one : placed) {
    order_read.insert(order_read.end(), one.truth.begin(), one.truth.end());
  }
  AddEdits(scores.order, order_truth, order_read);
}

Result<PageScores> EvaluatePage(const Page& predicted, const Page& truth) {
  PageScores scores;
  GLM_RETURN_IF_ERROR(ScoreCharacters(predicted, truth, scores));
  std::vector<const Block*> predicted_tables, truth_tables;
  std::vector<MatchItem> predicted_items, truth_items;
  for (const Block& block : truth.blocks) {
    if (block.kind == BlockKind::kInlineFormula) continue;
    if (block.kind != BlockKind::kFurniture) ++scores.n_blocks_truth;
    if (block.kind == BlockKind::kTable) {
      truth_tables.push_back(&block);
    } else {
      AddItem(block, truth_items);
    }
  }
  for (const Block& block : predicted.blocks) {
    if (block.kind == BlockKind::kFurniture) continue;
    if (block.kind != BlockKind::kInlineFormula) ++scores.n_blocks_predicted;
    if (block.kind == BlockKind::kTable) {
      predicted_tables.push_back(&block);
    } else {
      AddItem(block, predicted_items);
    }
  }
  GLM_RETURN_IF_ERROR(ScoreTables(predicted_tables, truth_tables, predicted_items, scores));
  ScoreBlocks(predicted_items, truth_items, scores);
  return scores;
}

Page Merged(const Document& document) {
  Page all;
  for (const Page& page : document.pages) {
    all.blocks.insert(all.blocks.end(), page.blocks.begin(), page.blocks.end());
  }
  return all;
}

Status CheckSize(const Document& document, std::string_view which) {
  size_t size = 0;
  for (const Page& page : document.pages) {
    for (const Block& block : page.blocks) {
      size += static_cast<size_t>(std::count_if(block.text.begin(), block.text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      }));
    }
  }
  if (size <= kMaxCharacters) return OkStatus();
  return Error{
      ErrorCode::kResourceExhausted,
      fmt::format("the {} has {} characters, more than {} cannot be compared in reasonable "
                  "time; split it into chapters or pages",
                  which, size, kMaxCharacters)};
}

}  // namespace

double EditRate::rate() const {
  if (length == 0) return edits == 0 ? 0 : 1;
  return static_cast<double>(edits) / static_cast<double>(length);
}

PageScores DocumentScores::Total() const {
  PageScores total;
  const auto add = [](std::optional<EditRate>& to, const std::optional<EditRate>& from) {
    if (!from) return;
    if (!to) to.emplace();
    to->Add(*from);
  };
  for (const PageScores& page : pages) {
    total.characters.Add(page.characters);
    total.words.Add(page.words);
    add(total.text, page.text);
    add(total.order, page.order);
    add(total.formula, page.formula);
    total.tables.insert(total.tables.end(), page.tables.begin(), page.tables.end());
    total.n_blocks_truth += page.n_blocks_truth;
    total.n_blocks_predicted += page.n_blocks_predicted;
  }
  return total;
}

Result<DocumentScores> Evaluate(const Document& predicted, const Document& truth,
                                std::string name) {
  DocumentScores scores;
  scores.name = std::move(name);
  GLM_RETURN_IF_ERROR(CheckSize(predicted, "prediction"));
  GLM_RETURN_IF_ERROR(CheckSize(truth, "truth"));
  if (predicted.pages.size() == truth.pages.size()) {
    for (size_t i = 0; i < truth.pages.size(); ++i) {
      GLM_ASSIGN(PageScores page, EvaluatePage(predicted.pages[i], truth.pages[i]));
      scores.pages.push_back(std::move(page));
    }
  } else {
    GLM_ASSIGN(PageScores page, EvaluatePage(Merged(predicted), Merged(truth)));
    scores.pages.push_back(std::move(page));
  }
  return scores;
}

namespace {

struct Mean {
  double sum = 0;
  size_t count = 0;
  void Add(double value) { sum += value, ++count; }
  std::optional<double> value() const {
    if (count == 0) return std::nullopt;
    return sum / static_cast<double>(count);
  }
};

}  // namespace

Summary Summarize(const std::vector<DocumentScores>& documents) {
  Summary summary;
  EditRate characters, words;
  Mean text, order, formula, teds, teds_struct;
  for (const DocumentScores& document : documents) {
    ++summary.n_documents;
    summary.n_missing += document.missing;
    for (const PageScores& page : document.pages) {
      ++summary.n_pages;
      characters.Add(page.characters);
      words.Add(page.words);
      if (page.text) text.Add(page.text->rate());
      if (page.order) order.Add(page.order->rate());
      if (page.formula) formula.Add(page.formula->rate());
      for (const TableScore& table : page.tables) {
        teds.Add(table.teds);
        teds_struct.Add(table.teds_struct);
      }
    }
  }
  summary.n_tables = teds.count;
  summary.cer = characters.rate();
  summary.wer = words.rate();
  summary.text_edit_distance = text.value();
  summary.order_edit_distance = order.value();
  summary.formula_edit_distance = formula.value();
  summary.teds = teds.value();
  summary.teds_struct = teds_struct.value();
  return summary;
}

namespace {

std::string Percent(double value) { return fmt::format("{:.2f} %", 100 * value); }
std::string Cell(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}

std::string Row(const std::string& name, const Summary& s) {
  return fmt::format("{:<24} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}\n", name, Percent(s.cer),
                     Percent(s.wer), Cell(s.text_edit_distance), Cell(s.order_edit_distance),
                     Cell(s.formula_edit_distance), Cell(s.teds), Cell(s.teds_struct));
}

Json ToJson(const Summary& s) {
  const auto rounded = [](double value) { return std::round(value * 1e6) / 1e6; };
  const auto optional = [&](const std::optional<double>& value) {
    return value ? Json(rounded(*value)) : Json(nullptr);
  };
  Json out;
  out["cer"] = rounded(s.cer);
  out["wer"] = rounded(s.wer);
  out["text_edit_distance"] = optional(s.text_edit_distance);
  out["order_edit_distance"] = optional(s.order_edit_distance);
  out["formula_edit_distance"] = optional(s.formula_edit_distance);
  out["teds"] = optional(s.teds);
  out["teds_struct"] = optional(s.teds_struct);
  out["pages"] = s.n_pages;
  out["tables"] = s.n_tables;
  return out;
}

}  // namespace

std::string ScoresToText(const std::vector<DocumentScores>& documents) {
  std::string out = fmt::format("{:<24} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "document",
                                "CER", "WER", "text", "order", "formula", "TEDS", "struct");
  for (const DocumentScores& document : documents) {
    out += Row(document.name + (document.missing ? " (missing)" : ""), Summarize({document}));
  }
  if (documents.size() > 1) out += Row("all", Summarize(documents));
  return out;
}

std::string ScoresToJson(const std::vector<DocumentScores>& documents) {
  Json out;
  out["schema"] = "glm-ocr.eval/1";
  const Summary summary = Summarize(documents);
  out["summary"] = ToJson(summary);
  out["summary"]["documents"] = summary.n_documents;
  out["summary"]["missing"] = summary.n_missing;
  Json list = Json::array();
  for (const DocumentScores& document : documents) {
    Json one;
    one["name"] = document.name;
    if (document.missing) one["missing"] = true;
    one.update(ToJson(Summarize({document})));
    const PageScores total = document.Total();
    one["character_edits"] = total.characters.edits;
    one["characters"] = total.characters.length;
    one["word_edits"] = total.words.edits;
    one["words"] = total.words.length;
    one["blocks_truth"] = total.n_blocks_truth;
    one["blocks_predicted"] = total.n_blocks_predicted;
    Json tables = Json::array();
    for (const TableScore& table : total.tables) {
      tables.push_back(
          {{"teds", table.teds}, {"teds_struct", table.teds_struct}, {"read", table.read}});
    }
    one["table_scores"] = std::move(tables);
    list.push_back(std::move(one));
  }
  out["documents"] = std::move(list);
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace glmocr
