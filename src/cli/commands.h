// The subcommands of glm-ocr. Each registers its options on a CLI11 app and returns what to run
// when it was chosen.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "base/result.h"

namespace glmocr::cli {

// Exit codes, the same for every command; `glm-ocr --help` lists them.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,         // nothing was produced
  kExitUsage = 2,          // wrong options
  kExitPartial = 3,        // some inputs failed, the others were written
  kExitInterrupted = 130,  // Ctrl-C
};

using Command = std::function<int()>;

Command RegisterParse(CLI::App& app);
Command RegisterInspect(CLI::App& app);
Command RegisterTrace(CLI::App& app);
Command RegisterBench(CLI::App& app);
Command RegisterEval(CLI::App& app);
Command RegisterServe(CLI::App& app);
Command RegisterDoctor(CLI::App& app);

// Prints "glm-ocr: message" on stderr and returns kExitFailed.
int Fail(const Error& error);
// Set by SIGINT/SIGTERM (main.cc); a second signal ends the process at once.
bool Interrupted();

}  // namespace glmocr::cli
