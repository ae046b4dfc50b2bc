#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/doctor.h"

namespace glmocr::cli {
namespace {

struct Options {
  DoctorOptions doctor;
  bool json = false;
  bool quick = false;
};

int Run(Options& options) {
  options.doctor.read_page = !options.quick;
  options.doctor.progress = [](const std::string& what) {
    std::fprintf(stderr, "doctor: %s\n", what.c_str());
  };
  const std::vector<Finding> findings = Examine(options.doctor);
  std::fputs((options.json ? FindingsToJson(findings) : FindingsToText(findings)).c_str(), stdout);
  if (std::fflush(stdout) != 0) return Fail({ErrorCode::kIo, "cannot write to standard output"});
  if (Interrupted()) return kExitInterrupted;
  return WorstOf(findings) == Health::kFailed ? kExitFailed : kExitOk;
}

}  // namespace

Command RegisterDoctor(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "doctor", "Whether all that reading needs is there and works on this machine");
  options->doctor.model.Register(*sub);
  sub->add_option("--layout-model", options->doctor.layout_model,
                  "Folder of PP-DocLayoutV3's weights")
      ->type_name("DIR");
  sub->add_flag("--quick", options->quick, "Do not read the sample page");
  sub->add_flag("--json", options->json, "As JSON");
  sub->footer(R"(Examples:
  glm-ocr doctor
  glm-ocr doctor --model GLM-OCR --layout-model PP-DocLayoutV3
  glm-ocr doctor --json | jq -r '.findings[] | select(.health == "failed") | .text'

Exit codes: 0 documents can be read (there may be warnings); 1 something failed; 2 wrong options.)");
  return [options] { return Run(*options); };
}

}  // namespace glmocr::cli
