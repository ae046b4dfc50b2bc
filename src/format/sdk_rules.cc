#include "format/sdk_rules.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace glmocr::sdk {

using py::Text;
using py::View;

namespace {

constexpr size_t kMinUnit = 10;
constexpr size_t kMinRepeats = 10;
constexpr size_t kMinRepeatedLines = 10;
constexpr size_t kLongContent = 2048;  // shorter text is not searched for repeats

size_t CountLeading(View s, View unit) {
  size_t n = 0;
  while (s.substr(n * unit.size()).starts_with(unit)) ++n;
  return n;
}

// re.sub(r"(unit)\1{2,}", r"\1\1\1", s)
Text CollapseRuns(View s, View unit) {
  Text out;
  out.reserve(s.size());
  size_t i = 0;
  while (i < s.size()) {
    const size_t n = CountLeading(s.substr(i), unit);
    if (n == 0) {
      out += s[i++];
      continue;
    }
    for (size_t k = 0; k < std::min<size_t>(n, 3); ++k) out += unit;
    i += n * unit.size();
  }
  return out;
}

std::vector<View> SplitLines(View s) {
  std::vector<View> lines;
  for (size_t begin = 0;;) {
    const size_t end = s.find(U'\n', begin);
    if (end == View::npos) {
      lines.push_back(s.substr(begin));
      return lines;
    }
    lines.push_back(s.substr(begin, end - begin));
    begin = end + 1;
  }
}

// The part of clean_repeated_content that looks at lines: when one line makes up 80 % of at least
// 10, everything after the first of three in a row goes.
std::optional<View> CutRepeatedLines(View content) {
  const std::vector<View> all = SplitLines(content);
  std::vector<View> lines;       // stripped, those that are not empty
  std::vector<size_t> original;  // their places in `all`
  for (size_t i = 0; i < all.size(); ++i) {
    const View stripped = py::Strip(all[i]);
    if (stripped.empty()) continue;
    lines.push_back(stripped);
    original.push_back(i);
  }
  if (lines.size() < kMinRepeatedLines) return std::nullopt;
  std::map<View, size_t> counts;
  for (const View line : lines) ++counts[line];
  const auto common =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  // 80 %: no other line can be as frequent, so ties need no rule.
  if (common->second < kMinRepeatedLines ||
      static_cast<double>(common->second) / static_cast<double>(lines.size()) < 0.8)
    return std::nullopt;
  for (size_t i = 0; i + 2 < lines.size(); ++i) {
    if (lines[i] != common->first || lines[i + 1] != common->first || lines[i + 2] != common->first)
      continue;
    const View last = all[original[i]];
    return content.substr(0, static_cast<size_t>(last.data() - content.data()) + last.size());
  }
  return std::nullopt;
}

// The \d+|[A-Za-z] of the numbering rules: how many characters of it stand at the start of `s`.
size_t NumberingSymbol(View s) {
  size_t i = 0;
  while (i < s.size() && py::IsDecimal(s[i])) ++i;
  if (i == 0 && !s.empty() && py::IsAsciiLetter(s[0])) i = 1;
  return i;
}

// What (.*)$ takes of `s`, or null where it does not match: "." stops at a newline, "$" also
// matches before a last one.
std::optional<View> RestOfOnlyLine(View s) {
  const size_t newline = s.find(U'\n');
  if (newline == View::npos) return s;
  if (newline + 1 == s.size()) return s.substr(0, newline);
  return std::nullopt;
}

// A number with a fraction or a section number ("3.14", "2.1 Method"), or an abbreviation of
// single letters ("e.g. x", "U.S."), rather than an item's number. `rest` follows "symbol.".
bool IsNoItemNumber(View symbol, View rest) {
  if (rest.empty()) return false;
  if (py::IsDecimal(symbol[0])) return py::IsDecimal(rest[0]);
  return py::IsAsciiLetter(rest[0]) && (rest.size() == 1 || !py::IsAlnum(rest[1]));
}

}  // namespace

std::optional<Text> CutConsecutiveRepeat(View s) {
  const size_t n = s.size();
  if (n < kMinUnit * kMinRepeats) return std::nullopt;
  size_t best_start = n, best_unit = 0;
  // A unit of `unit` characters repeats 10 times from i on where s[k] == s[k + unit] for 9·unit
  // positions k >= i. Such a stretch contains a multiple of 9·unit, so only those are looked at,
  // and stretched to both sides. Ascending units: at equal starts the shortest wins.
  for (size_t unit = kMinUnit; unit <= n / kMinRepeats && best_start > 0; ++unit) {
    const size_t needed = (kMinRepeats - 1) * unit;
    for (size_t at = 0; at + unit < n; at += needed) {
      // What starts before the best and reaches here holds the place before the best as well.
      if (at >= best_start && s[best_start - 1] != s[best_start - 1 + unit]) break;
      size_t begin = at, end = at;
      if (s[at] == s[at + unit]) {
        while (begin > 0 && s[begin - 1] == s[begin - 1 + unit]) --begin;
      }
      if (begin >= best_start) break;  // and so do all later ones
      while (end + unit < n && end - begin < needed && s[end] == s[end + unit]) ++end;
      if (end - begin == needed) {
        best_start = begin, best_unit = unit;
        break;
      }
    }
  }
  if (best_unit == 0) return std::nullopt;
  return Text(s.substr(0, best_start + best_unit));
}

Text CleanRepeatedContent(View content) {
  const View stripped = py::Strip(content);
  if (stripped.size() > kMinUnit * kMinRepeats) {
    if (auto cut = CutConsecutiveRepeat(stripped)) return *std::move(cut);
  }
  return Text(CutRepeatedLines(content).value_or(content));
}

// (?<!\$)\$\s*((?:[^$\\]|\\.)+?)\s*\$(?!\$), every match. Between the dollars the alternatives
// exclude each other, so that from each place one path leads to the next unescaped dollar or to a
// backslash that escapes nothing; the paths share their ends and are followed once, backwards.
Text NormalizeInlineFormula(View content) {
  if (content.find(U'$') == View::npos) return Text(content);
  const size_t n = content.size();
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> dollar_after(n + 2, kNone);  // the dollar that the path from here reaches
  for (size_t i = n; i-- > 0;) {
    if (content[i] == U'$') {
      dollar_after[i] = i;
    } else if (content[i] == U'\\') {
      dollar_after[i] = i + 1 < n && content[i + 1] != U'\n' ? dollar_after[i + 2] : kNone;
    } else {
      dollar_after[i] = dollar_after[i + 1];
    }
  }
  Text out;
  size_t copied = 0;
  for (size_t i = 0; i < n;) {
    const size_t close = content[i] == U'$' ? dollar_after[i + 1] : kNone;
    const bool match = close != kNone && close > i + 1 && (i == 0 || content[i - 1] != U'$') &&
                       (close + 1 == n || content[close + 1] != U'$');
    if (!match) {
      ++i;
      continue;
    }
    const View formula = py::Strip(content.substr(i + 1, close - i - 1));
    if (!formula.empty()) {
      const View before = content.substr(copied, i - copied);
      out += before;
      if (!before.empty() && py::IsAlnum(before.back())) out += U' ';
      out += U'$';
      out += formula;
      out += U'$';
      if (close + 1 < n && py::IsAlnum(content[close + 1])) out += U' ';
      copied = close + 1;
    }
    i = close + 1;
  }
  out += content.substr(copied);
  return out;
}

Text CleanContent(View content) {
  const View tab = U"\\t";
  content = py::LStrip(content.substr(CountLeading(content, tab) * tab.size()));
  // (\\t)+$ stands at the end or before a last newline.
  const bool newline = content.ends_with(U'\n');
  View kept = content.substr(0, content.size() - (newline ? 1 : 0));
  while (kept.ends_with(tab)) kept.remove_suffix(tab.size());
  Text text(py::RStrip(kept));

  text = CollapseRuns(text, U".");
  text = CollapseRuns(text, U"·");
  text = CollapseRuns(text, U"_");
  text = CollapseRuns(text, U"\\_");
  if (text.size() >= kLongContent) text = CleanRepeatedContent(text);
  text = NormalizeInlineFormula(text);
  return Text(py::Strip(text));
}

Text FormatText(Text content, bool strict) {
  if (content.starts_with(U"```") && !content.ends_with(U"```")) content += U"\n```";
  if (content.starts_with(U"·") || content.starts_with(U"•") || content.starts_with(U"* "))
    content = py::Concat({U"- ", py::LStrip(View(content).substr(1))});

  // ^(\(|（)(\d+|[A-Za-z])(\)|）)(.*)$
  const auto is_close = [](View s) { return s.starts_with(U')') || s.starts_with(U'）'); };
  if (content.starts_with(U'(') || content.starts_with(U'（')) {
    const View s = View(content).substr(1);
    const size_t size = NumberingSymbol(s);
    if (size > 0 && is_close(s.substr(size))) {
      if (const auto rest = RestOfOnlyLine(s.substr(size + 1)))
        content = py::Concat({U"(", s.substr(0, size), U") ", py::LStrip(*rest)});
    }
  }
  // ^(\d+|[A-Za-z])(\.|\)|）)(.*)$
  const View s = content;
  const size_t size = NumberingSymbol(s);
  if (size > 0 && (s.substr(size).starts_with(U'.') || is_close(s.substr(size)))) {
    const bool dot = s[size] == U'.';
    const auto rest = RestOfOnlyLine(s.substr(size + 1));
    if (rest && (strict || !dot || !IsNoItemNumber(s.substr(0, size), *rest)))
      content = py::Concat({s.substr(0, size), dot ? U". " : U") ", py::LStrip(*rest)});
  }
  // (?<!\n)\n(?!\n) doubled
  Text out;
  out.reserve(content.size());
  for (size_t i = 0; i < content.size(); ++i) {
    out += content[i];
    if (content[i] == U'\n' && (i == 0 || content[i - 1] != U'\n') &&
        (i + 1 == content.size() || content[i + 1] != U'\n'))
      out += U'\n';
  }
  return out;
}

View CleanFormulaNumber(View number) {
  number = py::Strip(number);
  const bool ascii = number.starts_with(U'(') && number.ends_with(U')');
  const bool wide = number.starts_with(U'（') && number.ends_with(U'）');
  if (!ascii && !wide) return number;
  return number.size() < 2 ? View() : number.substr(1, number.size() - 2);
}

bool IsLikelyWord(View word) {
  const auto is_letter = [](char32_t c) {
    // str.lower() also makes an ASCII letter of U+212A KELVIN SIGN.
    return py::IsAsciiLetter(c) || c == U'\u212A';
  };
  if (word.size() < 3 || word.size() > 31 || !is_letter(word[0])) return false;
  for (size_t i = 1; i < word.size(); ++i) {
    const bool mark = word[i] == U'\'' || word[i] == U'-';
    if (!mark && !is_letter(word[i])) return false;
    if (mark && word[i] == word[i - 1]) return false;
  }
  return true;
}

}  // namespace glmocr::sdk
