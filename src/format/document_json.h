// The project's own JSON of a document, schema "glm-ocr.document/1"; docs/json.md describes it.
#pragma once

#include <span>
#include <string>

#include "document/page.h"

namespace glmocr {

// Geometric mean of the token probabilities of all regions that were read, 0 to 1; 0 without
// tokens.
double PageConfidence(const ReadPage& page);

// One page as the JSON text of an object. `image_paths`: per region, the crop's path, or "".
std::string DocumentPageJson(const ReadPage& page, std::span<const std::string> image_paths);

// The whole document from its pages' objects, one page a line.
// `warnings`: those of the document as a whole.
std::string DocumentJson(const std::string& source, std::span<const Warning> warnings,
                         std::span<const std::string> pages);

}  // namespace glmocr
