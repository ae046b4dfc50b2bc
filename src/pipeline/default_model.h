// Where the starter model lies that ships with the program and the library.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace glmocr {

// $GLMOCR_MODEL if set; else the nearest share/glm-ocr/models/starter (an installation, wherever it
// was moved to) or models/starter (a build in its source tree) in a folder above this code's file
// (program or shared library) or above the running program. kNotFound otherwise.
Result<std::filesystem::path> DefaultModelDir();

}  // namespace glmocr
