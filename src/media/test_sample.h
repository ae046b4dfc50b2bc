// Pictures of samples/ for tests.
#pragma once

#include <span>
#include <string>

#include "base/file.h"
#include "media/decode.h"

namespace glmocr {

inline Image Sample(const std::string& name) {
  const std::string bytes =
      ReadFile(std::string(GLMOCR_SOURCE_DIR) + "/samples/" + name, size_t{64} << 20).value();
  return DecodePage(std::as_bytes(std::span(bytes)), name, 0).value();
}

}  // namespace glmocr
