#include "base/untrusted_text.h"

#include <cstddef>

namespace glmocr {
namespace {

constexpr size_t kLimitBytes = 160;

}  // namespace

std::string QuoteUntrusted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (size_t i = 0; i < text.size() && i < kLimitBytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte < 0x7f) {
      out += text[i];
    } else {
      // Also for well-formed UTF-8: tensor names are ASCII in practice, and escapes cannot reorder
      // a line.
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > kLimitBytes) out += "...";
  return out + "'";
}

}  // namespace glmocr
