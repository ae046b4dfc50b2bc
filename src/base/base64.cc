#include "base/base64.h"

#include <algorithm>
#include <cstdint>

namespace glmocr {
namespace {

int ValueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

}  // namespace

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int n_digits = 0, n_ends = 0;  // of the group of four
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') {
      ++n_ends;
      continue;
    }
    const int value = ValueOf(c);
    if (value < 0 || n_ends > 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    if (++n_digits < 4) continue;
    out += static_cast<char>(bits >> 16 & 255);
    out += static_cast<char>(bits >> 8 & 255);
    out += static_cast<char>(bits & 255);
    n_digits = 0;
  }
  if (n_digits == 1) return std::nullopt;
  if (n_ends > 0 && n_digits + n_ends != 4) return std::nullopt;
  if (n_digits >= 2) out += static_cast<char>(bits >> (n_digits == 2 ? 4 : 10) & 255);
  if (n_digits == 3) out += static_cast<char>(bits >> 2 & 255);
  return out;
}

std::string EncodeBase64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace glmocr
