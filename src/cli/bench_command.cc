#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace glmocr::cli {

Command RegisterBench(CLI::App& app) {
  app.add_subcommand("bench", "");
  return [] { return kExitFailed; };
}

}  // namespace glmocr::cli
