#include "pipeline/assemble.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tokenizer/stream_decoder.h"

namespace glmocr {
namespace {

bool IsLetterByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool IsSmall(char c) { return c >= 'a' && c <= 'z'; }

void AppendEscaped(std::string& out, std::string_view text) {
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
      default:
        out += c;
    }
  }
}

void AppendSpan(std::string& out, std::string_view name, int span) {
  if (span <= 1) return;
  out += ' ';
  out += name;
  out += "=\"" + std::to_string(span) + "\"";
}

}  // namespace

std::string JoinParagraph(std::span<const std::string_view> lines) {
  std::string out;
  for (const std::string_view line : lines) {
    if (line.empty()) continue;
    const bool hyphenated = out.size() >= 2 && out.back() == '-' &&
                            IsLetterByte(out[out.size() - 2]) && IsSmall(line.front());
    if (hyphenated) {
      out.pop_back();
    } else if (!out.empty()) {
      out += ' ';
    }
    out += line;
  }
  return out;
}

std::string TableHtml(std::span<const ReadCell> cells) {
  std::vector<const ReadCell*> sorted;
  for (const ReadCell& cell : cells) sorted.push_back(&cell);
  std::stable_sort(sorted.begin(), sorted.end(), [](const ReadCell* a, const ReadCell* b) {
    return a->row != b->row ? a->row < b->row : a->column < b->column;
  });
  std::string out = "<table>";
  int row = -1;
  for (const ReadCell* cell : sorted) {
    if (cell->row != row) {
      if (row >= 0) out += "</tr>";
      out += "<tr>";
      row = cell->row;
    }
    const std::string_view tag = cell->header ? "th" : "td";
    out += '<';
    out += tag;
    AppendSpan(out, "rowspan", cell->row_span);
    AppendSpan(out, "colspan", cell->column_span);
    out += '>';
    AppendEscaped(out, cell->text);
    out += "</";
    out += tag;
    out += '>';
  }
  if (row >= 0) out += "</tr>";
  return out + "</table>";
}

void WordSplitter::Break() {
  // Tags are the table's structure, no words of it.
  if (open_ && words_.back().text.starts_with('<') && words_.back().text.ends_with('>'))
    words_.pop_back();
  open_ = false;
}

void WordSplitter::Add(std::string_view bytes, float probability) {
  const auto doubt = [&] {
    if (open_) words_.back().confidence = std::min(words_.back().confidence, probability);
  };
  // A space in front of a word belongs to the token's choice of that word, not of the one before.
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) doubt();
  for (const char c : bytes) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (space || c == '<') Break();
    if (space) continue;
    if (!open_) words_.push_back({.text = {}, .confidence = 1});
    open_ = true;
    words_.back().text += c;
    doubt();
    if (c == '>' && words_.back().text.front() == '<') Break();
  }
}

std::vector<WordConfidence> WordSplitter::Finish() {
  Break();
  for (WordConfidence& word : words_) word.text = RepairUtf8(word.text);
  return std::exchange(words_, {});
}

void AssembleText(ReadRegion& region) {
  if (!region.cells.empty()) {
    region.text = TableHtml(region.cells);
    return;
  }
  const bool keep_lines =
      region.label == RegionLabel::kAlgorithm || region.label == RegionLabel::kContent;
  if (keep_lines) {
    region.text.clear();
    for (const ReadLine& line : region.lines) {
      if (!region.text.empty()) region.text += '\n';
      region.text += line.text;
    }
    return;
  }
  std::vector<std::string_view> lines;
  for (const ReadLine& line : region.lines) lines.push_back(line.text);
  region.text = JoinParagraph(lines);
}

}  // namespace glmocr
