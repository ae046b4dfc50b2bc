#include "cli/common_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "layout/geometric.h"
#include "layout/pp_doclayout.h"
#include "layout/uncovered.h"
#include "pipeline/default_model.h"
#include "pipeline/inputs.h"
#include "weights/model_folder.h"

namespace glmocr::cli {
namespace fs = std::filesystem;

void ModelOptions::Register(CLI::App& app) {
  app.add_option("-m,--model", model,
                 "Model directory (default: the starter model, which reads printed Latin lines)")
      ->type_name("DIR");
  app.add_option("--kernels", kernels,
                 "Instruction set: auto, reference, avx2, avx512, avx512_bf16, ...")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option(
         "--compute", compute,
         "Dot products: f32, bf16, or auto (bf16 where the processor multiplies it natively)")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}))
      ->capture_default_str();
  app.add_option("-j,--threads", threads, "Threads (default: all processors this process may use)")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  app.add_option("--cache-tokens", cache_tokens,
                 "Capacity of the key/value cache in tokens, all requests together")
      ->check(CLI::Range(int64_t{64}, int64_t{1} << 24))
      ->capture_default_str()
      ->type_name("N");
}

Result<fs::path> ModelOptions::ModelDir() const {
  if (model.empty()) return DefaultModelDir();
  GLM_RETURN_IF_ERROR(CheckModelFolder(model));
  return fs::path(model);
}

RunnerOptions ModelOptions::ToRunnerOptions() const {
  RunnerOptions options;
  options.n_threads = threads;
  options.kernels = kernels;
  options.compute = compute == "f32"    ? ComputeChoice::kF32
                    : compute == "bf16" ? ComputeChoice::kBF16
                                        : ComputeChoice::kAuto;
  options.cache_tokens = cache_tokens;
  return options;
}

Result<std::shared_ptr<const LayoutEngine>> MakeLayout(const std::string& layout,
                                                       const std::string& layout_model,
                                                       const ModelOptions& model) {
  const bool network = layout == "pp-doclayout-v3" || (layout == "auto" && !layout_model.empty());
  if (!network) return std::shared_ptr<const LayoutEngine>(MakeGeometricLayout());
  if (layout_model.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--layout pp-doclayout-v3 needs its weights: name their folder with "
                 "--layout-model DIR, or use --layout geometric"};
  }
  GLM_ASSIGN(std::unique_ptr<LayoutEngine> engine,
             MakePpDocLayout(layout_model, {.n_threads = model.threads, .kernels = model.kernels}));
  return std::shared_ptr<const LayoutEngine>(
      WithUncovered(std::move(engine), MakeGeometricLayout()));
}

std::string StarterNote(const Recognizer& recognizer) {
  return fmt::format(
      "the starter model reads ({:.0f} M parameters, a demonstration); --model DIR names GLM-OCR",
      static_cast<double>(recognizer.runner().model().n_params()) / 1e6);
}

SpeculatorOptions DraftOptions(const std::string& drafts) {
  if (drafts == "off") return {.mode = DraftMode::kOff};
  if (drafts == "auto") return {};
  return {.mode = DraftMode::kFixed, .max_drafts = std::stoi(drafts)};
}

Result<std::string> ReadInput(const std::string& path) {
  return path == "-" ? ReadStdin(kMaxInputBytes) : ReadFile(path, kMaxInputBytes);
}

}  // namespace glmocr::cli
