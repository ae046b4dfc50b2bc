#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace glmocr::cli {

Command RegisterInspect(CLI::App& app) {
  app.add_subcommand("inspect", "");
  return [] { return kExitFailed; };
}

}  // namespace glmocr::cli
