// Names that ignore the case of their letters: hosts, headers, media types, file extensions. ASCII
// letters only and no locale, so that a server in Turkey reads "FILE:" as one elsewhere does.
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

}  // namespace glmocr
