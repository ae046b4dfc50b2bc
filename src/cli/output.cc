#include "cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/file.h"

namespace glmocr::cli {
namespace fs = std::filesystem;

Result<Output> Output::Open(const std::string& folder, OutputFormat format) {
  Output output;
  output.format_ = format;
  output.to_stdout_ = folder.empty();
  output.streams_ =
      output.to_stdout_ && format != OutputFormat::kJson && ::isatty(STDOUT_FILENO) != 0;
  if (output.to_stdout_) return output;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error)) {
    return Error{ErrorCode::kIo,
                 "cannot create the output folder '" + folder + "': " +
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
  const char* extension = format_ == OutputFormat::kText       ? ".txt"
                          : format_ == OutputFormat::kMarkdown ? ".md"
                                                               : ".json";
  const int n = ++used_names_[stem];
  return folder_ / (stem + (n == 1 ? "" : "-" + std::to_string(n)) + extension);
}

Status Output::Write(const std::string& input, const std::string& text) {
  if (!to_stdout_) return WriteFileAtomically(FileFor(input), text);
  const bool blank_line = printed_ && format_ != OutputFormat::kJson;
  printed_ = true;
  if (blank_line) GLM_RETURN_IF_ERROR(Print("\n"));
  return Print(text);
}

Status Output::Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return OkStatus();
  return Error{ErrorCode::kIo,
               std::string("cannot write to standard output: ") + std::strerror(errno)};
}

// What stands between this page and what was printed before, as Write and JoinPages have it.
Status Output::BeginStreamedPage(const ReadPage& page) {
  if (in_page_) return OkStatus();
  in_page_ = true;
  page_has_text_ = region_open_ = false;
  const bool blank_line = std::exchange(printed_, true);
  if (page.page == 1) return blank_line ? Print("\n") : OkStatus();
  return Print(format_ == OutputFormat::kText ? "\f" : "\n---\n\n");
}

Status Output::StreamText(const ReadPage& page, size_t region, std::string_view text) {
  GLM_RETURN_IF_ERROR(BeginStreamedPage(page));
  if (!region_open_ || region != region_) {
    GLM_RETURN_IF_ERROR(EndStreamedRegion());
    if (page_has_text_)
      GLM_RETURN_IF_ERROR(Print(page.regions[region].new_paragraph ? "\n\n" : "\n"));
    region_ = region;
    region_open_ = page_has_text_ = true;
  }
  // A picture must not be able to steer the terminal.
  std::string shown(text);
  std::erase_if(shown, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
  if (format_ == OutputFormat::kText) return Print(shown);
  region_markdown_ += shown;
  return OkStatus();
}

Status Output::EndStreamedRegion() {
  ReadPage alone;
  alone.regions.push_back({.text = std::exchange(region_markdown_, {})});
  std::string text = PageToMarkdown(alone);
  if (!text.empty()) text.pop_back();  // the newline that ends a page
  return Print(text);
}

Status Output::EndStreamedPage(const ReadPage& page) {
  GLM_RETURN_IF_ERROR(BeginStreamedPage(page));
  GLM_RETURN_IF_ERROR(EndStreamedRegion());
  in_page_ = false;
  return page_has_text_ ? Print("\n") : OkStatus();
}

}  // namespace glmocr::cli
