// `glm-ocr doctor`: whether everything that reading needs is there and works on this machine, part
// by part: processor and kernels, memory, the model, PDFium, the worker processes, space for
// temporary files, and how long a page takes. Each part is tried, not only looked for.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cli/common_options.h"

namespace glmocr::cli {

enum class Health {
  kOk,
  kNote,     // worth knowing, as that no GPU is used
  kWarning,  // works, but slower, or less safely, than it could
  kFailed,   // documents of some kind cannot be read
};

struct Finding {
  std::string part;  // "memory"
  Health health = Health::kOk;
  std::string text;    // one line: what was found
  std::string advice;  // what to do; empty: nothing
  // For programs: names and values, in order; values are JSON.
  std::vector<std::pair<std::string, std::string>> values = {};
};

struct DoctorOptions {
  ModelOptions model;
  std::string layout_model;
  bool read_page = true;  // read a sample page and time it
  std::function<void(const std::string&)> progress;
};

std::vector<Finding> Examine(const DoctorOptions& options);
// kFailed if anything is, else the worst of the others.
Health WorstOf(const std::vector<Finding>& findings);
std::string FindingsToText(const std::vector<Finding>& findings);
std::string FindingsToJson(const std::vector<Finding>& findings);

}  // namespace glmocr::cli
