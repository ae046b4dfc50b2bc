#include "eval/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

Result<std::string> Normalized(std::string_view text, int options) {
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | options));
  if (size < 0) {
    return Error{ErrorCode::kResourceExhausted,
                 std::string("the text cannot be normalized: ") + utf8proc_errmsg(size)};
  }
  std::string out(reinterpret_cast<const char*>(raw), static_cast<size_t>(size));
  std::free(raw);
  return out;
}

bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAsciiPunctuation(char c) {
  return c > ' ' && c < 0x7F && !IsAsciiLetter(c) && !(c >= '0' && c <= '9');
}
bool IsAsciiSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsAsciiSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsAsciiSpace(text.back())) text.remove_suffix(1);
  return text;
}

void RemoveAll(std::string& text, std::string_view what) {
  size_t at = text.find(what);
  if (at == std::string::npos) return;
  std::string out;
  size_t begin = 0;
  for (; at != std::string::npos; at = text.find(what, begin)) {
    out.append(text, begin, at - begin);
    begin = at + what.size();
  }
  out.append(text, begin, std::string::npos);
  text = std::move(out);
}

// Removes every "<head>...<tail>" that stays on one line, shortest first: what the pattern
// head.*?tail matches. Linear in the text, whatever it holds, as all searches here: each goes no
// further than the line, and is not made again where nothing was found.
void RemoveSpans(std::string& text, std::string_view head, std::string_view tail) {
  std::string out;
  size_t at = 0, newline = 0;
  while (true) {
    const size_t begin = text.find(head, at);
    if (begin == std::string::npos) break;
    if (newline <= begin) newline = std::min(text.find('\n', begin), text.size());
    const size_t inside = begin + head.size();
    const size_t end = std::string_view(text).substr(0, newline).find(tail, inside);
    if (end == std::string_view::npos) {  // nor will one be found for what follows on this line
      out.append(text, at, newline - at);
      at = newline;
      continue;
    }
    out.append(text, at, begin - at);
    at = end + tail.size();
  }
  out.append(text, at, std::string::npos);
  text = std::move(out);
}

struct Named {
  std::string_view name;
  std::string_view text;
};

// Of the commands that stand for a letter; OmniDocBench's form keeps nothing but letters, so
// operators need no entry.
constexpr std::array<Named, 49> kLetters = {{
    {"alpha", "α"},      {"beta", "β"},     {"gamma", "γ"},  {"delta", "δ"},   {"epsilon", "ϵ"},
    {"varepsilon", "ε"}, {"zeta", "ζ"},     {"eta", "η"},    {"theta", "θ"},   {"vartheta", "ϑ"},
    {"iota", "ι"},       {"kappa", "κ"},    {"lambda", "λ"}, {"mu", "μ"},      {"nu", "ν"},
    {"xi", "ξ"},         {"pi", "π"},       {"varpi", "ϖ"},  {"rho", "ρ"},     {"varrho", "ϱ"},
    {"sigma", "σ"},      {"varsigma", "ς"}, {"tau", "τ"},    {"upsilon", "υ"}, {"phi", "ϕ"},
    {"varphi", "φ"},     {"chi", "χ"},      {"psi", "ψ"},    {"omega", "ω"},   {"Gamma", "Γ"},
    {"Delta", "Δ"},      {"Theta", "Θ"},    {"Lambda", "Λ"}, {"Xi", "Ξ"},      {"Pi", "Π"},
    {"Sigma", "Σ"},      {"Upsilon", "Υ"},  {"Phi", "Φ"},    {"Psi", "Ψ"},     {"Omega", "Ω"},
    {"ell", "ℓ"},        {"hbar", "ℏ"},     {"ss", "ß"},     {"ae", "æ"},      {"AE", "Æ"},
    {"oe", "œ"},         {"OE", "Œ"},       {"o", "ø"},      {"O", "Ø"},
}};
// Functions are written out.
constexpr std::array<std::string_view, 22> kFunctions = {
    "sin",  "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh",
    "tanh", "log", "ln",  "lg",  "exp", "min", "max",    "sup",    "inf",    "lim",  "det"};

// An inline formula as text: letters for the commands that name one, other commands dropped with
// their arguments kept, scripts and braces left out by what follows.
std::string FormulaAsText(std::string_view latex) {
  std::string out;
  for (size_t i = 0; i < latex.size();) {
    if (latex[i] != '\\') {
      out += latex[i++];
      continue;
    }
    size_t end = i + 1;
    while (end < latex.size() && IsAsciiLetter(latex[end])) ++end;
    const std::string_view name = latex.substr(i + 1, end - i - 1);
    const auto letter = std::find_if(kLetters.begin(), kLetters.end(),
                                     [&](const Named& n) { return n.name == name; });
    if (letter != kLetters.end()) out += letter->text;
    if (std::find(kFunctions.begin(), kFunctions.end(), name) != kFunctions.end()) out += name;
    if (name.empty() && end < latex.size()) out += latex[end++];  // \_ \% \{
    i = end;
  }
  return out;
}

// "$...$" and "\(...\)" on one line each, replaced where they hold LaTeX; a dollar that has no
// partner stays.
std::string InlineFormulasAsText(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const size_t last_dollar = line.rfind('$'), last_paren = line.rfind("\\)");
    for (size_t i = 0; i < line.size();) {
      const bool dollar = line[i] == '$' && i < last_dollar;
      const bool paren =
          line.substr(i, 2) == "\\(" && last_paren != std::string_view::npos && i + 2 <= last_paren;
      if (!dollar && !paren) {
        out += line[i++];
        continue;
      }
      const size_t begin = i + (dollar ? 1 : 2);
      const size_t end = line.find(dollar ? "$" : "\\)", begin);
      const std::string_view inside = line.substr(begin, end - begin);
      const size_t after = end + (dollar ? 1 : 2);
      if (inside.find_first_of("\\^_") != std::string_view::npos) {
        out += FormulaAsText(inside);
      } else {
        out += line.substr(i, after - i);
      }
      i = after;
    }
    text.remove_prefix(line.size());
    if (!text.empty()) {
      out += '\n';
      text.remove_prefix(1);
    }
  }
  return out;
}

// One entity at `text`: its character and its length.
std::optional<std::pair<std::string, size_t>> Entity(std::string_view text) {
  constexpr std::array<Named, 6> kEntities = {{{"&amp;", "&"},
                                               {"&lt;", "<"},
                                               {"&gt;", ">"},
                                               {"&quot;", "\""},
                                               {"&apos;", "'"},
                                               {"&nbsp;", "\u00a0"}}};
  for (const Named& entity : kEntities) {
    if (text.substr(0, entity.name.size()) == entity.name) {
      return std::pair{std::string(entity.text), entity.name.size()};
    }
  }
  if (text.substr(0, 2) != "&#") return std::nullopt;
  const bool hex = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  size_t end = hex ? 3 : 2;
  uint32_t code = 0;
  const size_t digits = end;
  while (end < text.size() && end < digits + 7) {
    const char c = text[end];
    const int digit = c >= '0' && c <= '9'          ? c - '0'
                      : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                    : -1;
    if (digit < 0) break;
    code = code * (hex ? 16 : 10) + static_cast<uint32_t>(digit);
    ++end;
  }
  if (end == digits || end >= text.size() || text[end] != ';') return std::nullopt;
  std::array<utf8proc_uint8_t, 4> bytes;
  if (code == 0 || !utf8proc_codepoint_valid(static_cast<utf8proc_int32_t>(code))) {
    return std::nullopt;
  }
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  return std::pair{std::string(bytes.begin(), bytes.begin() + size), end + 1};
}

std::string StripMarkdownLine(std::string_view line) {
  line = Trimmed(line);
  while (!line.empty() && line.front() == '>') line = Trimmed(line.substr(1));
  size_t hashes = 0;
  while (hashes < line.size() && line[hashes] == '#') ++hashes;
  if (hashes > 0 && hashes <= 6 && hashes < line.size() && line[hashes] == ' ') {
    line = Trimmed(line.substr(hashes));
  }
  // The last places where a tag may end, and where a link's text may.
  const size_t last_tag_end = line.rfind('>'), last_paren = line.rfind(')');
  const size_t last_middle =
      last_paren == std::string_view::npos ? last_paren : line.rfind("](", last_paren);
  const auto before = [](size_t i, size_t place) {
    return place != std::string_view::npos && i < place;
  };
  std::string out;
  for (size_t i = 0; i < line.size();) {
    const std::string_view rest = line.substr(i);
    if (rest[0] == '\\' && rest.size() > 1 && IsAsciiPunctuation(rest[1])) {
      out += rest[1];
      i += 2;
    } else if (rest[0] == '&') {
      if (const auto entity = Entity(rest)) {
        out += entity->first;
        i += entity->second;
      } else {
        out += '&';
        ++i;
      }
    } else if (rest[0] == '<' && rest.size() > 1 && (rest[1] == '/' || IsAsciiLetter(rest[1])) &&
               before(i, last_tag_end)) {
      if (rest.substr(0, 3) == "<br") out += ' ';
      i += rest.find('>') + 1;
    } else if (rest.substr(0, 2) == "**" || rest.substr(0, 2) == "__") {
      // Two or more of a mark open or close bold text; alone they may be a rule or a blank.
      size_t run = 0;
      while (run < rest.size() && rest[run] == rest[0]) ++run;
      if (run > 3) out += rest.substr(0, run);
      i += run;
    } else if (rest[0] == '`') {
      ++i;
    } else if ((rest[0] == '[' || rest.substr(0, 2) == "![") && before(i, last_middle)) {
      const size_t middle = rest.find("](");
      if (rest[0] == '[') out += rest.substr(1, middle - 1);
      i += rest.find(')', middle) + 1;
    } else {
      out += rest[0];
      ++i;
    }
  }
  return out;
}

}  // namespace

Symbols CodePoints(std::string_view text) {
  Symbols out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data() + i);
    out.push_back(c.code_point);
    i += c.size_bytes;
  }
  return out;
}

Result<std::string> ToNfc(std::string_view text) { return Normalized(text, 0); }
Result<std::string> ToNfkc(std::string_view text) { return Normalized(text, UTF8PROC_COMPAT); }

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const ClassifiedChar c = ClassifyUtf8(text.data() + i);
    if (IsSpace(c.char_class)) {
      if (i > begin) words.push_back(text.substr(begin, i - begin));
      begin = i + c.size_bytes;
    }
    i += c.size_bytes;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::string CollapseSpace(std::string_view text) {
  std::string out;
  for (const std::string_view word : Words(text)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

std::string StripMarkdown(std::string_view text) {
  std::string out;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (begin > 0) out += '\n';
    out += StripMarkdownLine(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string CleanText(std::string_view text) {
  std::string shown = InlineFormulasAsText(text);
  // As the definition has it, which drops these pairs even inside words.
  for (const std::string_view what : {"\\t", "\\n", "\t", "\n", "/t", "/n"}) RemoveAll(shown, what);
  std::string out;
  for (size_t i = 0; i < shown.size();) {
    const ClassifiedChar c = ClassifyUtf8(shown.data() + i);
    if (c.char_class == CharClass::kLetter || c.char_class == CharClass::kNumber ||
        shown[i] == '_') {
      out.append(shown, i, c.size_bytes);
    }
    i += c.size_bytes;
  }
  return out;
}

std::string NormalizeFormula(std::string_view latex) {
  std::string_view view = Trimmed(latex);
  while (!view.empty() && view.front() == '$') view.remove_prefix(1);
  while (!view.empty() && view.back() == '$') view.remove_suffix(1);
  while (!view.empty() && view.front() == '\n') view.remove_prefix(1);
  while (!view.empty() && view.back() == '\n') view.remove_suffix(1);
  std::string text(view);
  // What stands between \[ and the first \] after it, on the first line that has both.
  for (size_t line = 0; line < text.size();) {
    const size_t newline = std::min(text.find('\n', line), text.size());
    const std::string_view shown = std::string_view(text).substr(0, newline);
    const size_t begin = shown.find("\\[", line);
    size_t end = begin == std::string_view::npos ? begin : shown.find("\\]", begin + 3);
    while (end != std::string_view::npos && shown[end - 1] == '\\') {
      end = shown.find("\\]", end + 1);
    }
    if (end != std::string_view::npos) {
      text = std::string(Trimmed(shown.substr(begin + 2, end - begin - 2)));
      break;
    }
    line = newline + 1;
  }
  RemoveSpans(text, "\\tag{", "}");
  RemoveSpans(text, "\\hspace{", "}");
  RemoveSpans(text, "\\begin{", "}");
  RemoveSpans(text, "\\end{", "}");
  RemoveSpans(text, "\\arraycolsep", "}");
  const size_t first = text.find_first_not_of('.'), last = text.find_last_not_of('.');
  text = first == std::string::npos ? "" : text.substr(first, last - first + 1);
  // In the order of the definition, which matters: "\text" goes before it could be seen as a part
  // of a longer name, and "\quad" leaves the "q" of nothing.
  for (const std::string_view what : {"\\mathbf",
                                      "\\mathrm",
                                      "\\mathnormal",
                                      "\\mathit",
                                      "\\mathbb",
                                      "\\mathcal",
                                      "\\mathscr",
                                      "\\mathfrak",
                                      "\\mathsf",
                                      "\\mathtt",
                                      "\\textbf",
                                      "\\text",
                                      "\\boldmath",
                                      "\\boldsymbol",
                                      "\\operatorname",
                                      "\\bm",
                                      "\\symbfit",
                                      "\\mathbfcal",
                                      "\\symbf",
                                      "\\scriptscriptstyle",
                                      "\\notag",
                                      "\\setlength",
                                      "\\coloneqq",
                                      "\\space",
                                      "\\thickspace",
                                      "\\thinspace",
                                      "\\medspace",
                                      "\\nobreakspace",
                                      "\\negmedspace",
                                      "\\quad",
                                      "\\qquad",
                                      "\\enspace",
                                      "\\substackw",
                                      " ",
                                      "$$",
                                      "\\left",
                                      "\\right",
                                      "\\displaystyle",
                                      "\\text"}) {
    RemoveAll(text, what);
  }
  std::string lower;
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data() + i);
    std::array<utf8proc_uint8_t, 4> bytes;
    const auto size = utf8proc_encode_char(
        utf8proc_tolower(static_cast<utf8proc_int32_t>(c.code_point)), bytes.data());
    lower.append(bytes.begin(), bytes.begin() + size);
    i += c.size_bytes;
  }
  return lower;
}

}  // namespace glmocr
