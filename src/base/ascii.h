// Names that ignore the case of their letters (hosts, headers, media types, file extensions), and
// text without the blanks around it. ASCII only and no locale, so that a server in Turkey reads
// "FILE:" as one elsewhere does.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace glmocr {

// A to Z become a to z; every other byte stays.
constexpr char ToLowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string ToLowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLowerAscii(c);
  return lower;
}

// `lower_start` is in lower case.
constexpr bool StartsWithNoCase(std::string_view text, std::string_view lower_start) {
  return text.size() >= lower_start.size() &&
         std::equal(lower_start.begin(), lower_start.end(), text.begin(),
                    [](char a, char b) { return a == ToLowerAscii(b); });
}

// Without the spaces, tabs and ends of lines at both sides.
constexpr std::string_view TrimAscii(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace glmocr
