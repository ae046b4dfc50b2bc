// glm-ocr: command line entry. Dispatches to a subcommand and turns its result into an exit code.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include "base/untrusted_text.h"
#include "cli/commands.h"
#include "cli/manual.h"
#include "cli/version.h"
#include "kernels/select.h"

namespace glmocr::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void OnSignal(int signal) {
  if (interrupted != 0) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  interrupted = 1;
}

constexpr const char* kFooter = R"(Examples:
  glm-ocr parse page.png                         read a page with the starter model, text to the terminal
  glm-ocr parse scans/*.jpg -o out --to md       one Markdown file per picture
  glm-ocr parse --model GLM-OCR table.png --task table
  glm-ocr parse - --to jsonl < page.png          JSON Lines with boxes and per-token confidence
  glm-ocr serve --port 8080                      the web page and the APIs, for programs of this machine
  glm-ocr doctor                                 whether all that reading needs is there and works
  glm-ocr inspect GLM-OCR                        what a model directory holds and needs
  glm-ocr eval out samples                       error rates of what was read, against ground truth
  glm-ocr bench --random glm-ocr-0.9b            speed of the full-size model on this machine

Exit codes: 0 all done; 1 nothing could be done; 2 wrong options; 3 some inputs failed; 130 interrupted.
Environment: GLMOCR_KERNELS=reference|avx2|avx512|... forces the instruction set.)";

// The kernels are those of this machine, best first.
std::string VersionText() {
  std::string text = std::string("glm-ocr ") + kVersion;
  if (*kCommit != '\0') text += std::string(" (") + kCommit + ")";
  text += "\nkernels:";
  for (const KernelTable* table : RunnableKernels()) text += std::string(" ") + table->name;
  return text;
}

// For packages: `make install` puts what it prints beside the program.
Command RegisterManual(CLI::App& app) {
  auto kind = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("manual", "The man page, and completions for a shell");
  sub->add_option("kind", *kind, "man, bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
  sub->footer(R"(Examples:
  glm-ocr manual man | man -l -
  source <(glm-ocr manual bash))");
  return [kind, &app] {
    const std::string text = *kind == "man" ? ManPage(app, kVersion) : Completion(app, *kind);
    const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    return written ? kExitOk : Fail({ErrorCode::kIo, "cannot write to standard output"});
  };
}

int Main(int argc, char** argv) {
  CLI::App app{"glm-ocr reads documents: a PDF or a picture goes in, its text comes out.",
               "glm-ocr"};
  app.set_version_flag("--version", VersionText());
  app.footer(kFooter);
  app.require_subcommand(1);
  const std::pair<const char*, Command> commands[] = {
      {"parse", RegisterParse(app)},     {"serve", RegisterServe(app)},
      {"inspect", RegisterInspect(app)}, {"trace", RegisterTrace(app)},
      {"bench", RegisterBench(app)},     {"eval", RegisterEval(app)},
      {"doctor", RegisterDoctor(app)},   {"manual", RegisterManual(app)}};
  if (argc == 1) {
    std::fputs(app.help().c_str(), stdout);
    return kExitUsage;
  }
  if (const std::string word = argv[1]; !word.starts_with('-')) {
    std::string names;
    bool known = false;
    for (const auto& [name, run] : commands) {
      known = known || word == name;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    if (!known) {
      std::error_code ignored;
      const bool is_input = std::filesystem::exists(word, ignored);
      const std::string what = QuoteUntrusted(word);
      std::fprintf(stderr, "glm-ocr: there is no command %s (%s)\n", what.c_str(),
                   is_input ? ("to read it: glm-ocr parse " + what).c_str() : names.c_str());
      return kExitUsage;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitOk : kExitUsage;
  }
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of writing, like a full disk
  for (const auto& [name, run] : commands) {
    if (app.got_subcommand(name)) return run();
  }
  return kExitUsage;
}

}  // namespace

int Fail(const Error& error) {
  std::fprintf(stderr, "glm-ocr: %s\n", error.message.c_str());
  return kExitFailed;
}

bool Interrupted() { return interrupted != 0; }

}  // namespace glmocr::cli

int main(int argc, char** argv) {
  try {
    return glmocr::cli::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs(
        "glm-ocr: out of memory (use a smaller model, fewer inputs at once or a smaller "
        "--cache-tokens)\n",
        stderr);
    return glmocr::cli::kExitFailed;
  } catch (const std::system_error& error) {
    // Of threads; files and sockets tell their errors otherwise.
    std::fprintf(stderr,
                 "glm-ocr: the system refuses what this program needs: %s (a limit on processes or "
                 "threads, as of ulimit -u or of a container, may be too low; or use fewer "
                 "--threads)\n",
                 error.code().message().c_str());
    return glmocr::cli::kExitFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "glm-ocr: ended by an unexpected error: %s\n", error.what());
    return glmocr::cli::kExitFailed;
  }
}
