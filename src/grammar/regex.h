// Regular expressions of JSON Schema's `pattern` as automata: the regular part of ECMA-262 (with
// the `u` flag), searched for anywhere in the text unless anchored.
//
// Supported: literals, `.`, classes, \d \w \s and their opposites, escapes of characters, groups,
// alternation, greedy and lazy repetition, ^ and $. Refused (kInvalidArgument, with the byte):
// look-around, back references, \b, \p, flags, possessive repetition. docs/json_schema.md is the
// user's list.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/char_dfa.h"

namespace glmocr {

// kInvalidArgument: not supported or malformed; kResourceExhausted: too large. `utf8` is
// well-formed.
Result<CharDfa> CompileRegex(std::string_view utf8, DfaBudget& budget);

// A JSON Schema `format` as a pattern that every text of that format, or a useful part of them,
// matches; empty: not known. docs/json_schema.md says which are a part only.
std::string_view FormatPattern(std::string_view format);

}  // namespace glmocr
