#include "grammar/json_rules.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "grammar/number.h"

namespace glmocr {
namespace {

using ByteSpan = std::pair<uint8_t, uint8_t>;

// UTF-8 of the characters first .. last as sequences of byte ranges: cut until every trailing byte
// takes its full range or one value.
void Utf8Ranges(char32_t first, char32_t last, std::vector<std::vector<ByteSpan>>& out) {
  for (const char32_t limit : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
    if (first <= limit && limit < last) {
      Utf8Ranges(first, limit, out);
      Utf8Ranges(limit + 1, last, out);
      return;
    }
  }
  const int n = last <= 0x7F ? 1 : last <= 0x7FF ? 2 : last <= 0xFFFF ? 3 : 4;
  for (int i = 1; i < n; ++i) {
    const char32_t low = (char32_t{1} << (6 * i)) - 1;
    if ((first & ~low) == (last & ~low)) continue;
    if ((first & low) != 0) {
      Utf8Ranges(first, first | low, out);
      Utf8Ranges((first | low) + 1, last, out);
      return;
    }
    if ((last & low) != low) {
      Utf8Ranges(first, (last & ~low) - 1, out);
      Utf8Ranges(last & ~low, last, out);
      return;
    }
  }
  const auto byte = [n](char32_t c, int i) -> uint8_t {
    if (n == 1) return static_cast<uint8_t>(c);
    const char32_t bits = c >> (6 * (n - 1 - i));
    if (i > 0) return static_cast<uint8_t>(0x80 | (bits & 0x3F));
    return static_cast<uint8_t>((0xF00 >> n & 0xFF) | bits);
  };
  std::vector<ByteSpan>& sequence = out.emplace_back();
  for (int i = 0; i < n; ++i) sequence.emplace_back(byte(first, i), byte(last, i));
}

char ShortEscape(char32_t c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return '\0';
  }
}

constexpr CharRange kPlain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0xD7FF}, {0xE000, kLastChar}};

// Whether every plain character leads from `state` back to it.
bool LoopsOnPlain(const CharDfa& dfa, int32_t state) {
  for (const CharRange& plain : kPlain) {
    char32_t next = plain.first;
    for (const CharDfa::Edge& e : dfa.states[static_cast<size_t>(state)].edges) {
      if (e.target == state && e.range.first <= next && next <= e.range.last)
        next = e.range.last + 1;
    }
    if (next <= plain.last) return false;
  }
  return true;
}

}  // namespace

RuleId JsonRules::Get(Name name) {
  const auto found = rules_.find(name);
  if (found != rules_.end()) return found->second;
  const RuleId rule = b_.NewRule();
  rules_.emplace(name, rule);  // before it is built: values contain values
  Build(name, b_.start(rule));
  return rule;
}

void JsonRules::AddChar(StateId from, StateId to) {
  b_.Byte(from, 0x20, 0x21, to);
  b_.Byte(from, 0x23, 0x5B, to);
  b_.Byte(from, 0x5D, 0x7F, to);
  // Well-formed UTF-8: table 3-7 of the Unicode standard.
  const StateId last1 = b_.NewState(), last2 = b_.NewState(), last3 = b_.NewState();
  b_.Byte(last1, 0x80, 0xBF, to);
  b_.Byte(last2, 0x80, 0xBF, last1);
  b_.Byte(last3, 0x80, 0xBF, last2);
  const auto lead = [&](uint8_t first, uint8_t last, uint8_t low, uint8_t high, StateId behind) {
    const StateId s = b_.NewState();
    b_.Byte(from, first, last, s);
    b_.Byte(s, low, high, behind);
  };
  b_.Byte(from, 0xC2, 0xDF, last1);
  lead(0xE0, 0xE0, 0xA0, 0xBF, last1);
  b_.Byte(from, 0xE1, 0xEC, last2);
  lead(0xED, 0xED, 0x80, 0x9F, last1);
  b_.Byte(from, 0xEE, 0xEF, last2);
  lead(0xF0, 0xF0, 0x90, 0xBF, last2);
  b_.Byte(from, 0xF1, 0xF3, last3);
  lead(0xF4, 0xF4, 0x80, 0x8F, last2);

  const StateId escape = b_.NewState();
  b_.Byte(from, '\\', '\\', escape);
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'})
    b_.Byte(escape, static_cast<uint8_t>(c), static_cast<uint8_t>(c), to);
  const auto hex = [&](StateId s, StateId next) {
    b_.Byte(s, '0', '9', next);
    b_.Byte(s, 'a', 'f', next);
    b_.Byte(s, 'A', 'F', next);
  };
  const StateId hex1 = b_.NewState(), hex2 = b_.NewState(), hex3 = b_.NewState();
  hex(hex1, to);
  hex(hex2, hex1);
  hex(hex3, hex2);
  // A surrogate only as the first half of a pair.
  const StateId u = b_.NewState(), d = b_.NewState();
  b_.Byte(escape, 'u', 'u', u);
  b_.Byte(u, '0', '9', hex3);
  b_.Byte(u, 'a', 'c', hex3);
  b_.Byte(u, 'A', 'C', hex3);
  b_.Byte(u, 'e', 'f', hex3);
  b_.Byte(u, 'E', 'F', hex3);
  b_.Byte(u, 'd', 'd', d);
  b_.Byte(u, 'D', 'D', d);
  b_.Byte(d, '0', '7', hex2);
  const StateId high2 = b_.NewState(), high1 = b_.NewState(), high0 = b_.NewState();
  b_.Byte(d, '8', '9', high2);
  b_.Byte(d, 'a', 'b', high2);
  b_.Byte(d, 'A', 'B', high2);
  hex(high2, high1);
  hex(high1, high0);
  const StateId low = b_.NewState(), low2 = b_.NewState();
  b_.Literal(high0, "\\u", low);
  b_.Byte(low, 'd', 'd', low2);
  b_.Byte(low, 'D', 'D', low2);
  b_.Byte(low2, 'c', 'f', hex2);
  b_.Byte(low2, 'C', 'F', hex2);
}

// White space that is not empty.
void JsonRules::AddSpace(StateId from, StateId to) {
  if (layout_ == JsonLayout::kCompact) return;
  b_.Byte(from, ' ', ' ', to);
  b_.Byte(from, '\n', '\n', to);
  StateId line = b_.NewState();
  b_.Byte(from, '\n', '\n', line);
  for (int i = 0; i < kMaxIndent; ++i) {
    b_.Byte(line, ' ', ' ', to);
    const StateId next = b_.NewState();
    b_.Byte(line, ' ', ' ', next);
    line = next;
  }
}

std::vector<StateId> JsonRules::Colon(StateId from) {
  const StateId behind = b_.NewState();
  b_.Byte(from, ':', ':', behind);
  if (layout_ == JsonLayout::kCompact) return {behind};
  const StateId space = b_.NewState();
  b_.Byte(behind, ' ', ' ', space);
  return {behind, space};
}

void JsonRules::Build(Name name, StateId start) {
  const StateId end = b_.NewAccepting();
  const auto opening = [&](uint8_t c) {
    b_.Byte(start, c, c, end);
    const StateId behind = b_.NewState();
    b_.Byte(start, c, c, behind);
    AddSpace(behind, end);
  };
  const auto closing = [&](uint8_t c) {
    b_.Byte(start, c, c, end);
    const StateId behind = b_.NewState();
    AddSpace(start, behind);
    b_.Byte(behind, c, c, end);
  };
  switch (name) {
    case Name::kString: {
      const StateId body = b_.NewState();
      b_.Byte(start, '"', '"', body);
      AddChar(body, body);
      b_.SetPlainRun(body, kUnlimitedRun);
      b_.Byte(body, '"', '"', end);
      return;
    }
    case Name::kChar:
      AddChar(start, end);
      return;
    case Name::kInteger:
    case Name::kNumber: {
      DfaBudget budget;
      const Result<CharDfa> dfa = name == Name::kInteger ? RangeDfa({}, budget) : NumberDfa(budget);
      GLM_CHECK(dfa.ok());
      PlainText(*dfa, start);
      return;
    }
    case Name::kComma:
      opening(',');
      return;
    case Name::kOpenObject:
      opening('{');
      return;
    case Name::kOpenArray:
      opening('[');
      return;
    case Name::kCloseObject:
      closing('}');
      return;
    case Name::kCloseArray:
      closing(']');
      return;
    case Name::kAny:
      for (const char* literal : {"null", "true", "false"}) b_.Literal(start, literal, end);
      for (const Name n : {Name::kString, Name::kNumber, Name::kAnyObject, Name::kAnyArray})
        b_.Call(start, Get(n), end);
      return;
    case Name::kAnyObject:
    case Name::kAnyArray: {
      const bool object = name == Name::kAnyObject;
      const StateId first = b_.NewState(), behind = b_.NewState(), next = b_.NewState();
      b_.Call(start, Get(object ? Name::kOpenObject : Name::kOpenArray), first);
      b_.Byte(first, object ? '}' : ']', object ? '}' : ']', end);
      b_.Call(behind, Get(Name::kComma), next);
      b_.Call(behind, Get(object ? Name::kCloseObject : Name::kCloseArray), end);
      for (const StateId from : {first, next}) {
        if (!object) {
          b_.Call(from, Get(Name::kAny), behind);
          continue;
        }
        const StateId key = b_.NewState();
        b_.Call(from, Get(Name::kString), key);
        for (const StateId value : Colon(key)) b_.Call(value, Get(Name::kAny), behind);
      }
      return;
    }
  }
}

void JsonRules::StringBody(const CharDfa& dfa, StateId from, StateId to) {
  std::vector<StateId> states(dfa.states.size());
  for (StateId& s : states) s = b_.NewState();
  // States within characters, by what is left of the character.
  std::map<std::pair<StateId, std::vector<ByteSpan>>, StateId> tails;
  const auto tail = [&](StateId target, std::vector<ByteSpan> rest) {
    StateId state = target;
    for (size_t i = rest.size(); i-- > 0;) {
      const auto [found, inserted] = tails.emplace(
          std::pair(target,
                    std::vector<ByteSpan>(rest.begin() + static_cast<ptrdiff_t>(i), rest.end())),
          0);
      if (inserted) {
        found->second = b_.NewState();
        b_.Byte(found->second, rest[i].first, rest[i].second, state);
      }
      state = found->second;
    }
    return state;
  };
  for (size_t i = 0; i < states.size(); ++i) {
    const StateId s = states[i];
    StateId escape = -1;
    for (const CharDfa::Edge& e : dfa.states[i].edges) {
      const StateId target = states[static_cast<size_t>(e.target)];
      // Characters that are escaped, one by one.
      for (char32_t c = e.range.first; c <= std::min<char32_t>(e.range.last, '\\'); ++c) {
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        if (escape < 0) {
          escape = b_.NewState();
          b_.Byte(s, '\\', '\\', escape);
        }
        if (const char short_escape = ShortEscape(c); short_escape != '\0') {
          b_.Byte(escape, static_cast<uint8_t>(short_escape), static_cast<uint8_t>(short_escape),
                  target);
        } else {
          const auto digit = static_cast<uint8_t>("0123456789abcdef"[c % 16]);
          const auto high = static_cast<uint8_t>('0' + c / 16);
          b_.Byte(escape, 'u', 'u',
                  tail(target, {{'0', '0'}, {'0', '0'}, {high, high}, {digit, digit}}));
        }
      }
      for (const CharRange& plain : kPlain) {
        const char32_t first = std::max(plain.first, e.range.first);
        const char32_t last = std::min(plain.last, e.range.last);
        if (first > last) continue;
        std::vector<std::vector<ByteSpan>> sequences;
        Utf8Ranges(first, last, sequences);
        for (const auto& seq : sequences)
          b_.Byte(s, seq[0].first, seq[0].second, tail(target, {seq.begin() + 1, seq.end()}));
      }
    }
    if (dfa.states[i].accepting) b_.Byte(s, '"', '"', to);
    if (LoopsOnPlain(dfa, static_cast<int32_t>(i))) b_.SetPlainRun(s, kUnlimitedRun);
  }
  b_.Skip(from, states[0]);
}

void JsonRules::PlainText(const CharDfa& dfa, StateId from) {
  std::vector<StateId> states(dfa.states.size(), from);
  for (size_t i = 1; i < states.size(); ++i)
    states[i] = dfa.states[i].accepting ? b_.NewAccepting() : b_.NewState();
  for (size_t i = 0; i < states.size(); ++i)
    for (const CharDfa::Edge& e : dfa.states[i].edges)
      b_.Byte(states[i], static_cast<uint8_t>(e.range.first), static_cast<uint8_t>(e.range.last),
              states[static_cast<size_t>(e.target)]);
}

}  // namespace glmocr
