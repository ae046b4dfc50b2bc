#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "models/glm_ocr/inspect.h"

namespace glmocr::cli {
namespace {

struct Options {
  std::string model;
  bool json = false;
  bool tensors = false;
};

int Run(const Options& options) {
  const Result<ModelSummary> summary = InspectModel(options.model);
  if (!summary.ok()) return Fail(summary.error());
  const std::string text =
      options.json ? summary->ToJson()
                   : summary->ToText(options.tensors ? TensorListing::kFull : TensorListing::kNone);
  std::fputs(text.c_str(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
  return kExitOk;
}

}  // namespace

Command RegisterInspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "inspect", "What a model directory holds: architecture, parameters, tensors, memory need");
  sub->add_option("model", options->model, "Model directory")->required()->type_name("MODEL");
  sub->add_flag("--json", options->json, "As JSON");
  sub->add_flag("--tensors", options->tensors, "List every tensor");
  sub->footer("Example:\n  glm-ocr inspect models/starter --tensors");
  return [options] { return Run(*options); };
}

}  // namespace glmocr::cli
