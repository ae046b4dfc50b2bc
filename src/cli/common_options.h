// Options that several subcommands share: which model, which kernels, how many threads.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/glm_ocr/runner.h"

namespace glmocr::cli {

struct ModelOptions {
  std::string model;  // directory; empty: the starter model
  std::string kernels = "auto";
  std::string compute = "auto";  // auto, f32, bf16
  int threads = 0;               // 0: all processors this process may use
  int64_t cache_tokens = 16384;

  void Register(CLI::App& app);
  Result<std::filesystem::path> ModelDir() const;
  RunnerOptions ToRunnerOptions() const;
};

// The bytes of a file, or of standard input for "-".
Result<std::string> ReadInput(const std::string& path);

}  // namespace glmocr::cli
