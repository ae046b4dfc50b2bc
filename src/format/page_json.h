// A page as one JSON object on one line, with every generated token: for programs that want to know
// how sure the model was of each of them. docs/json.md describes it.
#pragma once

#include <string>

#include "document/page.h"

namespace glmocr {

// Schema "glm-ocr.page/1"; ends with a newline (JSON Lines when pages follow each other).
std::string PageToJson(const ReadPage& page);

}  // namespace glmocr
