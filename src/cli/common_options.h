// Options that several subcommands share: which model, which kernels, how many threads.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/speculator.h"
#include "layout/layout.h"
#include "models/glm_ocr/runner.h"
#include "pipeline/recognizer.h"

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

// The engine that --layout asks for: geometric, pp-doclayout-v3 (needs the folder `layout_model`),
// or auto (the network where its folder is given).
Result<std::shared_ptr<const LayoutEngine>> MakeLayout(const std::string& layout,
                                                       const std::string& layout_model,
                                                       const ModelOptions& model);

// Who reads when nobody has named a model: it must not be taken for GLM-OCR itself.
std::string StarterNote(const Recognizer& recognizer);

// --drafts: auto, off or a number.
SpeculatorOptions DraftOptions(const std::string& drafts);

// The bytes of a file, or of standard input for "-".
Result<std::string> ReadInput(const std::string& path);

}  // namespace glmocr::cli
