// Decimal numbers without rounding, and the automata of ranges of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "grammar/char_dfa.h"

namespace glmocr {

// Digits of numbers that this program lets a model write; every such number fits an int64_t (when
// it is an integer) and a double.
constexpr int kMaxIntegerDigits = 18;
constexpr int kMaxFractionDigits = 16;

// A finite decimal number: (negative ? -1 : 1) * whole . fraction.
struct Decimal {
  bool negative = false;    // never for zero
  std::string whole = "0";  // no leading zeros but for "0" itself
  std::string fraction;     // no trailing zeros
  bool is_integer() const { return fraction.empty(); }
  bool operator==(const Decimal&) const = default;
};
// `lexeme` is a JSON number. Nothing when it has more than 400 digits written out.
std::optional<Decimal> ParseDecimal(std::string_view lexeme);
// Negative, 0, positive: as a - b.
int Compare(const Decimal& a, const Decimal& b);

struct Bound {
  Decimal value;
  bool exclusive = false;
};
struct NumberRange {
  std::optional<Bound> low, high;
  int max_fraction_digits = 0;  // 0: integers, without a point
  bool stepped = false;         // multipleOf set max_fraction_digits
  bool has(const Decimal& x) const;
};
// The numbers of the range in plain notation with at most kMaxIntegerDigits digits before the
// point. An integer is never "-0".
Result<CharDfa> RangeDfa(const NumberRange& range, DfaBudget& budget);
// Any number, also with an exponent.
Result<CharDfa> NumberDfa(DfaBudget& budget);

}  // namespace glmocr
