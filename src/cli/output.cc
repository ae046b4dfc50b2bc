#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file.h"

namespace glmocr::cli {
namespace fs = std::filesystem;

Result<Output> Output::Open(const std::string& folder, OutputFormat format) {
  Output output;
  output.format_ = format;
  output.to_stdout_ = folder.empty();
  if (output.to_stdout_) return output;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error)) {
    return Error{ErrorCode::kIo, "cannot create the output folder '" + folder + "': " +
                                     (error ? error.message() : std::string("a file of that name is in the way"))};
  }
  output.folder_ = folder;
  return output;
}

std::string Output::JoinPages(const std::vector<ReadPage>& pages, OutputFormat format) {
  std::string text;
  for (size_t i = 0; i < pages.size(); ++i) {
    if (i > 0 && format == OutputFormat::kText) text += '\f';
    if (i > 0 && format == OutputFormat::kMarkdown) text += "\n---\n\n";
    text += FormatPage(pages[i], format);
  }
  return text;
}

fs::path Output::FileFor(const std::string& input) {
  const std::string stem = input == "-" ? "stdin" : fs::path(input).stem().string();
  const char* extension = format_ == OutputFormat::kText ? ".txt" : format_ == OutputFormat::kMarkdown ? ".md" : ".json";
  const int n = ++used_names_[stem];
  return folder_ / (stem + (n == 1 ? "" : "-" + std::to_string(n)) + extension);
}

Status Output::Write(const std::string& input, const std::string& text) {
  if (!to_stdout_) return WriteFileAtomically(FileFor(input), text);
  const bool blank_line = printed_ && format_ != OutputFormat::kJson;
  printed_ = true;
  if ((blank_line && std::fputc('\n', stdout) == EOF) || std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0) {
    return Error{ErrorCode::kIo, std::string("cannot write to standard output: ") + std::strerror(errno)};
  }
  return OkStatus();
}

}  // namespace glmocr::cli
