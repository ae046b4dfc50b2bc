#include "grammar/number.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace glmocr {
namespace {

constexpr size_t kMaxWrittenDigits = 400;

int CompareMagnitudes(const Decimal& a, const Decimal& b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  if (const int c = a.whole.compare(b.whole); c != 0) return c;
  return a.fraction.compare(b.fraction);  // a shorter one is padded with zeros, the least digit
}

// How the digits so far compare with the same number of digits of a bound.
enum class Against : uint8_t { kLess, kEqual, kGreater };

Against Further(Against so_far, char digit, char bound) {
  if (so_far != Against::kEqual || digit == bound) return so_far;
  return digit < bound ? Against::kLess : Against::kGreater;
}

char DigitAt(const std::string& digits, int i) {
  return static_cast<size_t>(i) < digits.size() ? digits[static_cast<size_t>(i)] : '0';
}

// Adds the magnitudes between two bounds of magnitudes to an automaton.
class MagnitudeNfa {
 public:
  MagnitudeNfa(CharNfa& nfa, const std::optional<Bound>& low, const std::optional<Bound>& high,
               int max_fraction_digits)
      : nfa_(nfa), low_(low), high_(high), max_fraction_(max_fraction_digits) {}

  void AddTo(int32_t from) {
    for (int n = 1; n <= kMaxIntegerDigits; ++n) {
      const auto against = [n](const std::optional<Bound>& bound, Against without) {
        if (!bound) return without;
        const auto size = static_cast<int>(bound->value.whole.size());
        return n < size ? Against::kLess : n > size ? Against::kGreater : Against::kEqual;
      };
      Digits(from, n, 0, against(low_, Against::kGreater), against(high_, Against::kLess));
    }
  }

 private:
  static bool Hopeless(Against low, Against high) {
    return low == Against::kLess || high == Against::kGreater;
  }
  // Digits pos .. n - 1 of the whole part.
  void Digits(int32_t from, int n, int pos, Against low, Against high) {
    if (Hopeless(low, high)) return;
    if (pos == n) {
      SkipTo(from, Point(low, high));
      return;
    }
    for (char d = n > 1 && pos == 0 ? '1' : '0'; d <= '9'; ++d) {
      const Against l = low_ ? Further(low, d, DigitAt(low_->value.whole, pos)) : low;
      const Against h = high_ ? Further(high, d, DigitAt(high_->value.whole, pos)) : high;
      if (Hopeless(l, h)) continue;
      const auto key = std::tuple(n, pos + 1, l, h);
      const auto [found, inserted] = states_.emplace(key, 0);
      if (inserted) {
        found->second = nfa_.Add();
        const int32_t next = found->second;
        Digits(next, n, pos + 1, l, h);
        Edge(from, d, next);
      } else {
        Edge(from, d, found->second);
      }
    }
  }
  // Behind the whole part: n == -1 in the key.
  int32_t Point(Against low, Against high) {
    const auto [found, inserted] = states_.emplace(std::tuple(-1, 0, low, high), 0);
    if (!inserted) return found->second;
    const int32_t s = nfa_.Add();
    found->second = s;
    Accept(s, 0, low, high);
    if (max_fraction_ > 0) {
      const int32_t behind = nfa_.Add();
      Edge(s, '.', behind);
      Fraction(behind, 0, low, high);
    }
    return s;
  }
  void Fraction(int32_t from, int pos, Against low, Against high) {
    if (pos == max_fraction_) return;
    for (char d = '0'; d <= '9'; ++d) {
      const Against l = low_ ? Further(low, d, DigitAt(low_->value.fraction, pos)) : low;
      const Against h = high_ ? Further(high, d, DigitAt(high_->value.fraction, pos)) : high;
      if (Hopeless(l, h)) continue;
      const auto [found, inserted] = states_.emplace(std::tuple(-2, pos + 1, l, h), 0);
      if (inserted) {
        const int32_t next = nfa_.Add();
        found->second = next;
        Accept(next, pos + 1, l, h);
        Fraction(next, pos + 1, l, h);
        Edge(from, d, next);
      } else {
        Edge(from, d, found->second);
      }
    }
  }
  // After n_fraction digits behind the point (0: also without a point).
  void Accept(int32_t s, int n_fraction, Against low, Against high) {
    const auto exhausted = [&](const Bound& b) {
      return b.value.fraction.size() <= static_cast<size_t>(n_fraction);
    };
    const bool above = low == Against::kGreater ||
                       (low == Against::kEqual && exhausted(*low_) && !low_->exclusive);
    const bool below = high == Against::kLess ||
                       (high == Against::kEqual && (!exhausted(*high_) || !high_->exclusive));
    if (above && below) nfa_.accepting[static_cast<size_t>(s)] = true;
  }
  void Edge(int32_t from, char c, int32_t to) {
    const auto code = static_cast<char32_t>(c);
    nfa_.states[static_cast<size_t>(from)].edges.push_back({{code, code}, to});
  }
  void SkipTo(int32_t from, int32_t to) {
    nfa_.states[static_cast<size_t>(from)].skips.push_back({to, CharNfa::Assert::kNone});
  }

  CharNfa& nfa_;
  const std::optional<Bound>& low_;
  const std::optional<Bound>& high_;
  int max_fraction_;
  std::map<std::tuple<int, int, Against, Against>, int32_t> states_;
};

}  // namespace

std::optional<Decimal> ParseDecimal(std::string_view lexeme) {
  Decimal out;
  size_t at = 0;
  if (!lexeme.empty() && lexeme[0] == '-') {
    out.negative = true;
    ++at;
  }
  std::string digits;
  int64_t n_whole = 0, exponent = 0;
  bool point = false;
  for (; at < lexeme.size() && lexeme[at] != 'e' && lexeme[at] != 'E'; ++at) {
    if (lexeme[at] == '.') {
      point = true;
      continue;
    }
    digits += lexeme[at];
    if (!point) ++n_whole;
  }
  if (at < lexeme.size()) {
    ++at;
    const bool negative = at < lexeme.size() && lexeme[at] == '-';
    if (at < lexeme.size() && (lexeme[at] == '-' || lexeme[at] == '+')) ++at;
    for (; at < lexeme.size(); ++at)
      exponent = std::min<int64_t>(exponent * 10 + (lexeme[at] - '0'), 1'000'000);
    if (negative) exponent = -exponent;
  }
  if (digits.find_first_not_of('0') == std::string::npos) return Decimal{};
  n_whole += exponent;
  if (digits.size() > kMaxWrittenDigits || n_whole > static_cast<int64_t>(kMaxWrittenDigits) ||
      n_whole < -static_cast<int64_t>(kMaxWrittenDigits))
    return std::nullopt;
  if (n_whole <= 0) {
    digits.insert(0, static_cast<size_t>(1 - n_whole), '0');
    n_whole = 1;
  }
  if (digits.size() < static_cast<size_t>(n_whole))
    digits.append(static_cast<size_t>(n_whole) - digits.size(), '0');
  out.whole = digits.substr(0, static_cast<size_t>(n_whole));
  out.fraction = digits.substr(static_cast<size_t>(n_whole));
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size() - 1));
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  return out;
}

int Compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? CompareMagnitudes(b, a) : CompareMagnitudes(a, b);
}

bool NumberRange::has(const Decimal& x) const {
  if (low) {
    const int c = Compare(x, low->value);
    if (c < 0 || (c == 0 && low->exclusive)) return false;
  }
  if (high) {
    const int c = Compare(x, high->value);
    if (c > 0 || (c == 0 && high->exclusive)) return false;
  }
  return x.fraction.size() <= static_cast<size_t>(max_fraction_digits);
}

Result<CharDfa> RangeDfa(const NumberRange& range, DfaBudget& budget) {
  const auto magnitude = [](const Bound& b) {
    Bound out = b;
    out.value.negative = false;
    return out;
  };
  CharNfa nfa;
  nfa.start = nfa.Add();
  const Bound above_zero{{}, true};
  // Numbers from 0 on.
  if (!range.high || !range.high->value.negative) {
    std::optional<Bound> low, high = range.high;
    if (range.low && !range.low->value.negative) low = range.low;
    MagnitudeNfa(nfa, low, high, range.max_fraction_digits).AddTo(nfa.start);
  }
  // Numbers below 0.
  if (!range.low || range.low->value.negative) {
    std::optional<Bound> low = above_zero, high;
    if (range.high && range.high->value.negative) low = magnitude(*range.high);
    if (range.low) high = magnitude(*range.low);
    const int32_t minus = nfa.Add();
    nfa.states[static_cast<size_t>(nfa.start)].edges.push_back({{'-', '-'}, minus});
    MagnitudeNfa(nfa, low, high, range.max_fraction_digits).AddTo(minus);
  }
  return Determinise(nfa, budget);
}

Result<CharDfa> NumberDfa(DfaBudget& budget) {
  CharNfa nfa;
  const auto edge = [&](int32_t from, char first, char last, int32_t to) {
    nfa.states[static_cast<size_t>(from)].edges.push_back(
        {{static_cast<char32_t>(first), static_cast<char32_t>(last)}, to});
  };
  const auto skip = [&](int32_t from, int32_t to) {
    nfa.states[static_cast<size_t>(from)].skips.push_back({to, CharNfa::Assert::kNone});
  };
  // Between 1 and n digits; every state but the first leads on to `exit`.
  const auto digits = [&](int32_t from, int n, int32_t exit) {
    for (int i = 0; i < n; ++i) {
      const int32_t next = nfa.Add();
      edge(from, '0', '9', next);
      skip(next, exit);
      from = next;
    }
  };
  nfa.start = nfa.Add();
  const int32_t unsigned_part = nfa.Add(), whole = nfa.Add(), point = nfa.Add();
  const int32_t mantissa = nfa.Add(), e = nfa.Add(), exponent = nfa.Add(), end = nfa.Add();
  edge(nfa.start, '-', '-', unsigned_part);
  skip(nfa.start, unsigned_part);
  edge(unsigned_part, '0', '0', whole);
  const int32_t first = nfa.Add();
  edge(unsigned_part, '1', '9', first);
  skip(first, whole);
  digits(first, kMaxIntegerDigits - 1, whole);
  skip(whole, mantissa);
  edge(whole, '.', '.', point);
  digits(point, kMaxFractionDigits, mantissa);
  skip(mantissa, end);
  edge(mantissa, 'e', 'e', e);
  edge(mantissa, 'E', 'E', e);
  edge(e, '+', '+', exponent);
  edge(e, '-', '-', exponent);
  skip(e, exponent);
  digits(exponent, 2, end);
  nfa.accepting[static_cast<size_t>(end)] = true;
  return Determinise(nfa, budget);
}

}  // namespace glmocr
