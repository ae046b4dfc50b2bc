// The committed random-weight models of tests/golden/models with their requests, loaded for tests.
//
//   const GoldenModel golden = LoadGolden("two_images", {.kernels = "reference"});
//   golden.runner->Encode(golden.prompt.images) ...
// A golden that does not load fails the test and stops it, naming the reason.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/glm_ocr/processor.h"
#include "models/glm_ocr/runner.h"

namespace glmocr {

// tests/golden/models/NAME
std::filesystem::path GoldenDir(const std::string& name);
// Every directory there, ascending.
std::vector<std::string> GoldenNames();

struct GoldenModel {
  std::unique_ptr<GlmOcrRunner> runner;
  ProcessedPrompt prompt;  // of its request.json
  int64_t new_tokens = 0;  // that the request generates
};

// Throws std::runtime_error (a failed test under gtest) when the golden is not readable.
GoldenModel LoadGolden(const std::string& name, RunnerOptions options);

}  // namespace glmocr
