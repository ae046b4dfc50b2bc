// How well a prediction reads a truth, in numbers; docs/eval.md defines each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "eval/document.h"

namespace glmocr {

// A sum of edits and of the lengths they refer to.
struct EditRate {
  size_t edits = 0;
  size_t length = 0;
  // Edits / length; no edits of nothing are 0, edits of nothing 1.
  double rate() const;
  void Add(const EditRate& other) { edits += other.edits, length += other.length; }
};

struct TableScore {
  double teds = 0;
  double teds_struct = 0;
  bool read = false;  // some predicted table stands against it
};

// Of one page, or of a document without pages. Distances of OmniDocBench are absent where the truth
// has no block of the kind.
struct PageScores {
  EditRate characters;  // length: of the truth
  EditRate words;
  std::optional<EditRate> text;     // OmniDocBench's; length: of the longer of each pair
  std::optional<EditRate> order;    // of the blocks' places; length: of the longer sequence
  std::optional<EditRate> formula;  // as text
  std::vector<TableScore> tables;   // of the truth, in order
  size_t n_blocks_truth = 0, n_blocks_predicted = 0;
};

struct DocumentScores {
  std::string name;
  bool missing = false;  // there was no prediction; scored as an empty one
  std::vector<PageScores> pages;
  PageScores Total() const;
};

// Pages are compared one by one where both have equally many, else all as one. Errors:
// kResourceExhausted for a document of more than kMaxCharacters, or tables of thousands of cells.
inline constexpr size_t kMaxCharacters = size_t{2} << 20;
Result<DocumentScores> Evaluate(const Document& predicted, const Document& truth, std::string name);

// Means over pages (of the OmniDocBench distances) and tables, sums for the error rates.
struct Summary {
  size_t n_documents = 0, n_missing = 0, n_pages = 0, n_tables = 0;
  double cer = 0, wer = 0;
  std::optional<double> text_edit_distance, order_edit_distance, formula_edit_distance;
  std::optional<double> teds, teds_struct;
};
Summary Summarize(const std::vector<DocumentScores>& documents);

// A table for people, and one JSON object ("glm-ocr.eval/1").
std::string ScoresToText(const std::vector<DocumentScores>& documents);
std::string ScoresToJson(const std::vector<DocumentScores>& documents);

}  // namespace glmocr
