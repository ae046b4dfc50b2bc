// Where the starter model, and other files that ship with the program and the library, lie.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace glmocr {

// $GLMOCR_MODEL if set; else the nearest share/glm-ocr/models/starter (an installation, wherever it
// was moved to) or models/starter (a build in its source tree) in a folder above this code's file
// (program or shared library) or above the running program. kNotFound otherwise.
Result<std::filesystem::path> DefaultModelDir();

// The nearest share/glm-ocr/NAME (an installation) or NAME (a source tree) in the same folders.
std::optional<std::filesystem::path> FindShippedFile(std::string_view name);

}  // namespace glmocr
