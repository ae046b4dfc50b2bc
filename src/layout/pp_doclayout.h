// Layout by PP-DocLayoutV3 (models/pp_doclayout_v3) with the SDK's rules: regions of 25 classes
// with polygons, scores and reading order. Labels go by class id, under the SDK's names: the
// checkpoint's own names collapse several classes.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "layout/layout.h"
#include "layout/layout_rules.h"

namespace glmocr {

struct PpDocLayoutOptions {
  int n_threads = 0;             // 0: the processors this process may use
  std::string kernels = "auto";  // a KernelTable name
  LayoutRules rules;
};

// `model_dir` holds config.json, preprocessor_config.json and the weights (.safetensors). The
// engine's Analyze may be called from several threads; pages are analysed one after the other, each
// on all threads. Errors: kNotFound, kCorrupt, kUnsupported (also a model of other classes), kIo,
// kResourceExhausted, kOutOfMemory, kInvalidArgument.
Result<std::unique_ptr<LayoutEngine>> MakePpDocLayout(const std::filesystem::path& model_dir,
                                                      const PpDocLayoutOptions& options = {});

}  // namespace glmocr
