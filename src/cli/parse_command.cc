#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace glmocr::cli {

Command RegisterParse(CLI::App& app) {
  app.add_subcommand("parse", "");
  return [] { return kExitFailed; };
}

}  // namespace glmocr::cli
