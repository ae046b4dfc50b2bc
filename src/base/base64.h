// Base64 (RFC 4648) to bytes and back, for pictures and documents inside of URIs and JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace glmocr {

// The bytes, or nothing when `text` is not base64. Takes both alphabets (+/ and -_), white space
// anywhere, and a missing end of "="; refuses what no encoder writes: other characters, "=" in the
// middle, a length that is one character too many. An ending's unused bits are not looked at.
std::optional<std::string> DecodeBase64(std::string_view text);

// The usual alphabet (+/), with "=" at the end, without line breaks.
std::string EncodeBase64(std::string_view bytes);

}  // namespace glmocr
