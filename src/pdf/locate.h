// Where the worker program and libpdfium.so lie: named by the environment, beside an
// installation wherever it was moved to, or in a build tree.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace glmocr::pdf {

// $GLMOCR_WORKER, else libexec/glm-ocr/glm-ocr-worker (installation) or
// src/pdf/glm-ocr-worker (build) in one of the folders above this code's file or the running
// program. kNotFound otherwise.
Result<std::filesystem::path> FindWorker();

// $GLMOCR_PDFIUM, else lib/glm-ocr/libpdfium.so in one of the same folders, else the bare name, for
// the system's loader to find.
std::string FindPdfium();

}  // namespace glmocr::pdf
