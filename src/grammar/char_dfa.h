// Finite automata over characters: what patterns, formats and ranges of numbers become.
//
// CharNfa is built freely, CharDfa is its deterministic form (subset construction). Characters are
// Unicode scalar values. How: fill a CharNfa, then Determinise.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

constexpr char32_t kLastChar = 0x10FFFF;

struct CharRange {
  char32_t first = 0, last = 0;  // inclusive
  bool operator==(const CharRange&) const = default;
};
// Sorted, without overlaps and neighbours; surrogates (no characters) are cut out.
std::vector<CharRange> Normalised(const std::vector<CharRange>& ranges);
std::vector<CharRange> Complement(const std::vector<CharRange>& normalised);

struct CharNfa {
  enum class Assert : uint8_t { kNone, kAtStart, kAtEnd };
  struct Edge {
    CharRange range;
    int32_t target = 0;
  };
  struct Skip {
    int32_t target = 0;
    Assert needs = Assert::kNone;  // the skip exists only at this end of the text
  };
  struct State {
    std::vector<Edge> edges;
    std::vector<Skip> skips;
  };
  std::vector<State> states;
  int32_t start = 0;
  std::vector<bool> accepting;

  int32_t Add();
};

struct CharDfa {
  struct Edge {
    CharRange range;
    int32_t target = 0;
    bool operator==(const Edge&) const = default;
  };
  struct State {
    std::vector<Edge> edges;  // sorted, disjoint
    bool accepting = false;
  };
  std::vector<State> states;  // 0 is the start

  // -1: none.
  int32_t Next(int32_t state, char32_t c) const;
  // `utf8` is well-formed.
  bool Matches(std::string_view utf8) const;
};

constexpr size_t kMaxDfaStates = 20'000;
// What all automata of one schema may cost together: a schema comes from a client.
struct DfaBudget {
  size_t steps = 20'000'000;  // some ten nanoseconds each
  // False when they are not there; then none are left.
  bool Spend(size_t n) {
    const bool enough = n <= steps;
    steps = enough ? steps - n : 0;
    return enough;
  }
};
// kResourceExhausted above kMaxDfaStates states, or when the budget is spent.
Result<CharDfa> Determinise(const CharNfa& nfa, DfaBudget& budget);
// The texts of both; errors as above.
Result<CharDfa> Intersection(const CharDfa& a, const CharDfa& b, DfaBudget& budget);
// Any text of min .. max characters; max < 0: no limit.
CharDfa LengthDfa(int64_t min, int64_t max);
// Any text but these.
Result<CharDfa> AllBut(const std::vector<std::string_view>& utf8_texts);

// One character; advances `at`. `utf8` is well-formed.
char32_t NextChar(std::string_view utf8, size_t& at);

}  // namespace glmocr
