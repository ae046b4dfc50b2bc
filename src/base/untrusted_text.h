// Names that come from files, made safe to show: control characters and non-ASCII bytes are
// escaped, so that a message stays one line, and long names are cut.
#pragma once

#include <string>
#include <string_view>

namespace glmocr {

// `text` between single quotes; bytes outside printable ASCII as \xNN, cut after 160 bytes ("...").
std::string QuoteUntrusted(std::string_view text);

}  // namespace glmocr
