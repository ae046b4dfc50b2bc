// The forms of a text that metrics compare.
//
// Two traditions: character and word error rates compare what a reader sees (white space counts as
// one space, punctuation counts); OmniDocBench compares letters, digits and underscores alone, so
// that markup and spacing do not matter, and formulas without font and spacing commands.
// docs/eval.md states each step; source of the latter two: OmniDocBench, utils/data_preprocess.py
// (clean_string, textblock2unicode, normalized_formula).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "eval/edit_distance.h"

namespace glmocr {

// Well-formed UTF-8 to code points.
Symbols CodePoints(std::string_view text);

// Unicode normalization forms C and KC. `text` must be well-formed UTF-8.
Result<std::string> ToNfc(std::string_view text);
Result<std::string> ToNfkc(std::string_view text);

// Runs of white space (Unicode's) as one space, none at the ends.
std::string CollapseSpace(std::string_view text);
// The parts between white space.
std::vector<std::string_view> Words(std::string_view text);

// Markdown's markup taken off a block of text: heading marks, quote marks, bold and code marks,
// backslash escapes, HTML tags and entities. Links keep their text, pictures go.
std::string StripMarkdown(std::string_view text);

// OmniDocBench's form of text: inline formulas as Unicode where that is simple, then only letters,
// numbers and underscores.
std::string CleanText(std::string_view text);

// OmniDocBench's form of a formula: delimiters, tags, environments, fonts and spaces removed, lower
// case.
std::string NormalizeFormula(std::string_view latex);

}  // namespace glmocr
