// The rules of the SDK's formatter that look at one piece of text, as functions of code points.
// Source: glmocr 0.1.5, postprocess/result_formatter.py and utils/result_postprocess_utils.py.
// Internal to src/format; sdk_formatter.h is the interface.
#pragma once

#include <optional>

#include "format/py_text.h"

namespace glmocr::sdk {

// find_consecutive_repeat: the first (leftmost, then shortest) unit of 10 to size/10 characters
// that stands 10 times in a row; the text before it with one unit, everything after is dropped.
// Null when there is none. The SDK's regular expression needs cubic time; this takes at most
// size²/5 comparisons on any text and about 10·size·ln(size) on text without long repeats.
std::optional<py::Text> CutConsecutiveRepeat(py::View s);

// clean_repeated_content: the above, then lines that repeat.
py::Text CleanRepeatedContent(py::View content);

// normalize_inline_formula. Linear time.
py::Text NormalizeInlineFormula(py::View content);

// ResultFormatter._clean_content.
py::Text CleanContent(py::View content);

// What ResultFormatter._format_content does to text regions after cleaning: code fences, bullets,
// numbering, newlines. `strict`: numbering as the SDK has it, "3.14" included (sdk_formatter.h).
py::Text FormatText(py::Text content, bool strict);

// clean_formula_number.
py::View CleanFormulaNumber(py::View number);

// ResultFormatter._is_likely_valid_merged_word without the optional package wordfreq.
bool IsLikelyWord(py::View word);

}  // namespace glmocr::sdk
