#include "pipeline/assemble.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tokenizer/stream_decoder.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

// Hyphens that divide words at the ends of lines: ASCII's, Unicode's own and the soft one, which
// shows there alone.
constexpr std::string_view kHyphens[] = {"-", "\xe2\x80\x90", "\xc2\xad"};
constexpr std::string_view kSoftHyphen = kHyphens[2];

bool IsLetterByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

// Whether a small letter begins the text.
bool BeginsSmall(std::string_view text) {
  if (text.empty()) return false;
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return first >= 'a' && first <= 'z';
  const char32_t c = DecodeUtf8(text.data()).code_point;
  return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0;
}

// The bytes of the hyphen that divides a word between two lines; 0 where there is none.
size_t DividingHyphen(std::string_view line, std::string_view next) {
  for (const std::string_view hyphen : kHyphens) {
    if (!line.ends_with(hyphen) || line.size() == hyphen.size()) continue;
    const bool after_letter = IsLetterByte(line[line.size() - hyphen.size() - 1]);
    const bool goes_on = BeginsSmall(next) || (hyphen == kSoftHyphen && IsLetterByte(next.front()));
    if (after_letter && goes_on) return hyphen.size();
  }
  return 0;
}

// Whether the text ends as an entry of a table of contents does: dots, and the number of a page.
bool EndsWithLeader(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && text[end - 1] >= '0' && text[end - 1] <= '9') --end;
  if (end == text.size()) return false;
  int dots = 0;
  for (; end > 0 && (text[end - 1] == '.' || text[end - 1] == ' '); --end)
    dots += text[end - 1] == '.' ? 1 : 0;
  return dots >= 4;
}

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
    if (const size_t hyphen = DividingHyphen(out, line); hyphen > 0) {
      out.erase(out.size() - hyphen);
    } else if (!out.empty()) {
      out += EndsWithLeader(out) ? '\n' : ' ';
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
    if (!open_) words_.push_back({.text = {}, .confidence = 1, .place = {}, .box_px = {}});
    open_ = true;
    words_.back().text += c;
    doubt();
    if (c == '>' && words_.back().text.front() == '<') Break();
  }
}

std::vector<ReadWord> WordSplitter::Finish() {
  Break();
  for (ReadWord& word : words_) word.text = RepairUtf8(word.text);
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
      if (!region.text.empty()) region.text += line.after_blank ? "\n\n" : "\n";
      region.text.append(static_cast<size_t>(line.n_spaces), ' ');
      region.text += line.text;
    }
    return;
  }
  std::vector<std::string_view> lines;
  for (const ReadLine& line : region.lines) lines.push_back(line.text);
  region.text = JoinParagraph(lines);
}

}  // namespace glmocr
