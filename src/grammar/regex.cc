#include "grammar/regex.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace glmocr {
namespace {

constexpr size_t kMaxPatternBytes = 4096;
constexpr int kMaxNesting = 50;
constexpr int kMaxRepeat = 1000;
constexpr size_t kMaxNfaStates = 20'000;

using Ranges = std::vector<CharRange>;

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// ECMA-262 WhiteSpace and LineTerminator.
const Ranges kSpaces = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                        {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                        {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

// Part of the automaton with one way in and one way out.
struct Part {
  int32_t in = 0, out = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<CharNfa> Parse() {
    GLM_ASSIGN(const Part body, Alternatives(0));
    if (at_ < text_.size()) return Fail("an unmatched ')'");
    // Found anywhere: any text before and behind.
    const int32_t start = nfa_.Add();
    const int32_t end = nfa_.Add();
    for (const int32_t s : {start, end})
      for (const CharRange& r : Complement({})) Edge(s, r, s);
    Skip(start, body.in);
    Skip(body.out, end);
    nfa_.start = start;
    nfa_.accepting[static_cast<size_t>(end)] = true;
    return std::move(nfa_);
  }

 private:
  Error Fail(std::string_view what) const {
    return {ErrorCode::kInvalidArgument, fmt::format("{} at byte {}", what, at_)};
  }
  bool More() const { return at_ < text_.size(); }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(std::string_view s) {
    if (text_.substr(at_, s.size()) != s) return false;
    at_ += s.size();
    return true;
  }
  void Edge(int32_t from, CharRange r, int32_t to) {
    nfa_.states[static_cast<size_t>(from)].edges.push_back({r, to});
  }
  void Skip(int32_t from, int32_t to, CharNfa::Assert needs = CharNfa::Assert::kNone) {
    nfa_.states[static_cast<size_t>(from)].skips.push_back({to, needs});
  }
  Part Empty() {
    const int32_t s = nfa_.Add();
    return {s, s};
  }
  Part Chars(const Ranges& ranges) {
    const Part p{nfa_.Add(), nfa_.Add()};
    for (const CharRange& r : ranges) Edge(p.in, r, p.out);
    return p;
  }

  Result<Part> Alternatives(int depth) {
    if (depth > kMaxNesting) return Fail("groups are nested too deeply");
    GLM_ASSIGN(Part first, Sequence(depth));
    if (Peek() != '|') return first;
    const Part all{nfa_.Add(), nfa_.Add()};
    Skip(all.in, first.in);
    Skip(first.out, all.out);
    while (Take("|")) {
      GLM_ASSIGN(const Part next, Sequence(depth));
      Skip(all.in, next.in);
      Skip(next.out, all.out);
    }
    return all;
  }

  Result<Part> Sequence(int depth) {
    Part all = Empty();
    while (More() && Peek() != '|' && Peek() != ')') {
      GLM_ASSIGN(const Part next, Repeated(depth));
      Skip(all.out, next.in);
      all.out = next.out;
    }
    return all;
  }

  // An atom with what repeats it. The atom is parsed once for each copy that it needs.
  Result<Part> Repeated(int depth) {
    const size_t begin = at_;
    const size_t n_before = nfa_.states.size();
    GLM_ASSIGN(Part atom, Atom(depth));
    const size_t end = at_;
    int min = 1, max = 1;  // max < 0: without end
    const bool assertion = text_[begin] == '^' || text_[begin] == '$';
    const char c = Peek();
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
      min = c == '+' ? 1 : 0;
      max = c == '?' ? 1 : -1;
    } else if (c == '{') {
      GLM_RETURN_IF_ERROR(Braces(min, max));
    } else {
      return atom;
    }
    if (assertion) return Fail("a repeated ^ or $");
    if (Peek() == '+') return Fail("possessive repetition, which is not supported,");
    if (Peek() == '?') ++at_;  // lazy: the same texts
    if (Peek() == '*' || Peek() == '+' || Peek() == '{')
      return Fail("a repetition of a repetition");
    const size_t behind = at_;
    const size_t size = nfa_.states.size() - n_before;
    if (size * static_cast<size_t>(std::max({min, max, 1})) > kMaxNfaStates)
      return Error{ErrorCode::kResourceExhausted, "it repeats too much"};

    Part all = Empty();
    const int copies = max < 0 ? std::max(min, 1) : max;
    const int32_t exit = nfa_.Add();
    if (copies == 0) Skip(all.out, exit);
    for (int i = 0; i < copies; ++i) {
      if (i > 0) {
        at_ = begin;
        GLM_ASSIGN(atom, Atom(depth));
        GLM_CHECK(at_ == end);
        if (nfa_.states.size() > kMaxNfaStates)
          return Error{ErrorCode::kResourceExhausted, "it is too large"};
      }
      if (i >= min) Skip(all.out, exit);
      Skip(all.out, atom.in);
      all.out = atom.out;
    }
    if (max < 0) {
      Skip(all.out, atom.in);  // the last copy again
    }
    if (copies > 0) Skip(all.out, exit);
    all.out = exit;
    at_ = behind;
    return all;
  }

  Status Braces(int& min, int& max) {
    ++at_;
    const auto number = [&]() -> int {
      if (Peek() < '0' || Peek() > '9') return -1;
      int n = 0;
      for (; Peek() >= '0' && Peek() <= '9'; ++at_) n = std::min(n * 10 + (Peek() - '0'), 100'000);
      return n;
    };
    min = max = number();
    if (min < 0) return Fail("a '{' without a number (write \\{ for the character)");
    if (Take(",")) max = number();
    if (!Take("}")) return Fail("an unfinished '{'");
    if (max >= 0 && max < min) return Fail("a repetition whose bounds are reversed");
    if (std::max(min, max) > kMaxRepeat)
      return Error{ErrorCode::kResourceExhausted,
                   fmt::format("it repeats more than {} times", kMaxRepeat)};
    return OkStatus();
  }

  Result<Part> Atom(int depth) {
    if (nfa_.states.size() > kMaxNfaStates)
      return Error{ErrorCode::kResourceExhausted, "it is too large"};
    if (Take("^") || Take("$")) {
      const bool start = text_[at_ - 1] == '^';
      const Part p{nfa_.Add(), nfa_.Add()};
      Skip(p.in, p.out, start ? CharNfa::Assert::kAtStart : CharNfa::Assert::kAtEnd);
      return p;
    }
    if (Take("(")) {
      if (Take("?")) {
        if (Take(":")) {
        } else if (Peek() == '=' || Peek() == '!' || text_.substr(at_, 2) == "<=" ||
                   text_.substr(at_, 2) == "<!") {
          return Fail("look-around, which is not supported,");
        } else if (Take("<") || Take("P<")) {
          while (More() && Peek() != '>') ++at_;
          if (!Take(">")) return Fail("an unfinished group name");
        } else {
          return Fail("a kind of group that is not supported");
        }
      }
      GLM_ASSIGN(const Part inner, Alternatives(depth + 1));
      if (!Take(")")) return Fail("a '(' without its ')'");
      return inner;
    }
    if (Take("[")) {
      GLM_ASSIGN(const Ranges ranges, Class());
      return Chars(ranges);
    }
    if (Take(".")) return Chars(Complement(kLineEnds));
    if (Take("\\")) {
      GLM_ASSIGN(const Ranges ranges, Escape());
      return Chars(ranges);
    }
    const char c = Peek();
    if (c == '*' || c == '+' || c == '?' || c == '{') return Fail("a repetition of nothing");
    if (c == '}' || c == ']') return Fail("a bracket without its partner");
    const char32_t literal = NextChar(text_, at_);
    return Chars({{literal, literal}});
  }

  Result<Ranges> Class() {
    const bool negated = Take("^");
    Ranges all;
    while (true) {
      if (!More()) return Fail("a '[' without its ']'");
      if (Take("]")) break;
      GLM_ASSIGN(const Ranges low, ClassAtom());
      if (Peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        GLM_ASSIGN(const Ranges high, ClassAtom());
        const auto single = [](const Ranges& r) {
          return r.size() == 1 && r[0].first == r[0].last;
        };
        if (!single(low) || !single(high) || low[0].first > high[0].first)
          return Fail("a range of characters that is none");
        all.push_back({low[0].first, high[0].first});
      } else {
        all.insert(all.end(), low.begin(), low.end());
      }
      if (all.size() > 4096) return Fail("too large a class");
    }
    all = Normalised(all);
    return negated ? Complement(all) : all;
  }

  Result<Ranges> ClassAtom() {
    if (Take("\\")) {
      if (Take("b")) return Ranges{{0x08, 0x08}};
      return Escape();
    }
    const char32_t c = NextChar(text_, at_);
    return Ranges{{c, c}};
  }

  Result<char32_t> Hex(size_t n) {
    char32_t value = 0;
    for (size_t i = 0; i < n; ++i, ++at_) {
      const char c = Peek();
      int digit = -1;
      if (c >= '0' && c <= '9') digit = c - '0';
      if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
      if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
      if (digit < 0) return Fail("an unfinished hexadecimal escape");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  }

  // Behind the backslash.
  Result<Ranges> Escape() {
    if (!More()) return Fail("a lone '\\'");
    const char c = Peek();
    const auto one = [](char32_t value) { return Ranges{{value, value}}; };
    switch (c) {
      case 'd':
        ++at_;
        return kDigits;
      case 'D':
        ++at_;
        return Complement(kDigits);
      case 'w':
        ++at_;
        return kWords;
      case 'W':
        ++at_;
        return Complement(kWords);
      case 's':
        ++at_;
        return kSpaces;
      case 'S':
        ++at_;
        return Complement(kSpaces);
      case 't':
        ++at_;
        return one('\t');
      case 'n':
        ++at_;
        return one('\n');
      case 'r':
        ++at_;
        return one('\r');
      case 'f':
        ++at_;
        return one('\f');
      case 'v':
        ++at_;
        return one('\v');
      case 'b':
      case 'B':
        return Fail("a word boundary, which is not supported,");
      case 'p':
      case 'P':
        return Fail("\\p, which is not supported,");
      case 'k':
        return Fail("a back reference, which is not supported,");
      case 'x': {
        ++at_;
        GLM_ASSIGN(const char32_t value, Hex(2));
        return one(value);
      }
      case 'u': {
        ++at_;
        char32_t value = 0;
        if (Take("{")) {
          size_t n = 0;
          while (at_ + n < text_.size() && text_[at_ + n] != '}') ++n;
          if (n == 0 || n > 6) return Fail("a character escape that is none");
          GLM_ASSIGN(value, Hex(n));
          if (!Take("}")) return Fail("an unfinished character escape");
        } else {
          GLM_ASSIGN(value, Hex(4));
          if (value >= 0xD800 && value < 0xDC00 && Take("\\u")) {
            GLM_ASSIGN(const char32_t low, Hex(4));
            if (low < 0xDC00 || low > 0xDFFF) return Fail("half a surrogate pair");
            value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
          }
        }
        if (value > kLastChar || (value >= 0xD800 && value <= 0xDFFF))
          return Fail("an escape of no character");
        return one(value);
      }
      default:
        break;
    }
    if (c >= '1' && c <= '9') return Fail("a back reference, which is not supported,");
    if (c == '0') {
      ++at_;
      if (Peek() >= '0' && Peek() <= '9') return Fail("an octal escape, which is not supported,");
      return one(0);
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Fail("an unknown escape");
    return one(NextChar(text_, at_));
  }

  std::string_view text_;
  size_t at_ = 0;
  CharNfa nfa_;
};

#define GLM_DATE_MONTHS                                                                     \
  "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|" \
  "02-(?:0[1-9]|1[0-9]|2[0-8]))"
// Year 0000 is left out: calendars of many programs begin with 1.
#define GLM_DATE                                                               \
  "(?:(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-" GLM_DATE_MONTHS \
  "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26]|0[48])00)-02-29)"
#define GLM_TIME                                                                                  \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-" \
  "5]"                                                                                            \
  "[0-9])"
#define GLM_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define GLM_BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kFormats = {{
    {"date", "^" GLM_DATE "$"},
    {"time", "^" GLM_TIME "$"},
    {"date-time", "^" GLM_DATE "T" GLM_TIME "$"},
    {"duration",
     "^P(?:[0-9]{1,9}W|(?:[0-9]{1,9}D|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]"
     "{"
     "1,9}D)?)?)(?:T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-"
     "9]"
     "{1,9}S))?|T(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{"
     "1,"
     "9}S))$"},
    {"uuid", "^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"},
    {"email", "^[A-Za-z0-9_+-]{1,32}(?:\\.[A-Za-z0-9_+-]{1,16}){0,2}@(?:" GLM_LABEL
              "\\.){1,4}[A-Za-z]{2,24}$"},
    {"hostname", "^(?:" GLM_LABEL "\\.){0,5}[A-Za-z](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$"},
    {"ipv4", "^(?:" GLM_BYTE "\\.){3}" GLM_BYTE "$"},
    {"ipv6", "^(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}$"},
    {"uri",
     "^(?:https?|ftp)://(?:" GLM_LABEL
     "\\.){0,5}[A-Za-z](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?(?::[1-9]"
     "[0-9]{0,3})?(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/"
     "-]|%[0-9A-Fa-f]{2})*)?(?:\\?(?:[A-Za-z0-9._~!$&'"
     "()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$"},
}};

}  // namespace

Result<CharDfa> CompileRegex(std::string_view utf8, DfaBudget& budget) {
  if (utf8.size() > kMaxPatternBytes)
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("it is longer than {} bytes", kMaxPatternBytes)};
  GLM_ASSIGN(const CharNfa nfa, Parser(utf8).Parse());
  return Determinise(nfa, budget);
}

std::string_view FormatPattern(std::string_view format) {
  for (const auto& [name, pattern] : kFormats)
    if (name == format) return pattern;
  return {};
}

}  // namespace glmocr
