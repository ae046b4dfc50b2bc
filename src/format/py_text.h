// Python's view of text: strings of code points, and the predicates of its `str` and `re`.
//
// Why: the official SDK's formatter is Python, and what it writes depends on what Python calls
// white space, a digit, a letter or a small letter. Facts come from utf8proc (categories, bidi
// classes) and Oniguruma (the Lowercase property); over all code points that CPython 3.11 (Unicode
// 14.0) assigns they equal CPython's.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace glmocr::py {

using Text = std::u32string;
using View = std::u32string_view;

// UTF-8 to code points; each ill-formed sequence becomes one U+FFFD.
Text Decode(std::string_view utf8);
// The inverse, for what Decode made.
std::string Encode(View text);

Text Concat(std::initializer_list<View> parts);

bool IsSpace(char32_t c);    // str.isspace, \s
bool IsDecimal(char32_t c);  // \d
bool IsAlnum(char32_t c);    // str.isalnum
bool IsLower(char32_t c);    // str.islower of one character
inline bool IsAsciiLetter(char32_t c) { return (c | 0x20) >= U'a' && (c | 0x20) <= U'z'; }

View LStrip(View s);
View RStrip(View s);
View Strip(View s);

}  // namespace glmocr::py
