#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace glmocr {
namespace {

constexpr uint8_t kBlank = 0x40, kEnd = 0x41, kNone = 0x80;  // beyond the values of digits

constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values{};
  values.fill(kNone);
  for (int i = 0; i < 26; ++i) {
    values['A' + i] = static_cast<uint8_t>(i);
    values['a' + i] = static_cast<uint8_t>(26 + i);
  }
  for (int i = 0; i < 10; ++i) values['0' + i] = static_cast<uint8_t>(52 + i);
  values['+'] = values['-'] = 62;
  values['/'] = values['_'] = 63;
  for (const char blank : {' ', '\n', '\r', '\t'}) values[static_cast<uint8_t>(blank)] = kBlank;
  values['='] = kEnd;
  return values;
}
constexpr std::array<uint8_t, 256> kValues = MakeValues();

// Groups of four digits from the start, as long as nothing else comes; how many digits they were.
// `out` has room for three bytes a group.
size_t DecodeGroups(std::string_view text, char* out) {
  const auto value = [&](size_t i) -> uint32_t { return kValues[static_cast<uint8_t>(text[i])]; };
  size_t i = 0;
  for (; i + 4 <= text.size(); i += 4, out += 3) {
    const uint32_t a = value(i), b = value(i + 1), c = value(i + 2), d = value(i + 3);
    if ((a | b | c | d) >= kBlank) break;
    const uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    out[0] = static_cast<char>(bits >> 16);
    out[1] = static_cast<char>(bits >> 8);
    out[2] = static_cast<char>(bits);
  }
  return i;
}

}  // namespace

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  size_t n_out = 0;
  const auto groups = [&](size_t from) {
    const size_t n = DecodeGroups(text.substr(from), out.data() + n_out);
    n_out += n / 4 * 3;
    return from + n;
  };
  size_t at = groups(0);
  uint32_t bits = 0;
  int n_digits = 0, n_ends = 0;  // of the group of four
  while (at < text.size()) {
    const uint8_t value = kValues[static_cast<uint8_t>(text[at++])];
    if (value == kBlank) continue;
    if (value == kEnd) {
      ++n_ends;
      continue;
    }
    if (value == kNone || n_ends > 0) return std::nullopt;
    bits = bits << 6 | value;
    if (++n_digits < 4) continue;
    out[n_out] = static_cast<char>(bits >> 16);
    out[n_out + 1] = static_cast<char>(bits >> 8);
    out[n_out + 2] = static_cast<char>(bits);
    n_out += 3;
    n_digits = 0;
    at = groups(at);  // after a blank inside of a group
  }
  out.resize(n_out);
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
