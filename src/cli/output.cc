#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "format/sdk_formatter.h"

namespace glmocr::cli {
namespace fs = std::filesystem;
namespace {

std::vector<SdkPage> ToSdk(const std::vector<ReadPage>& pages) {
  std::vector<SdkPage> out;
  for (const ReadPage& page : pages) {
    SdkPage& to = out.emplace_back();
    for (const ReadRegion& r : page.regions) {
      const RegionTask task = TaskOf(r.label);
      if (task == RegionTask::kAbandon) continue;
      SdkRegion region = {.label = std::string(RegionLabelName(r.label))};
      if (task != RegionTask::kSkip) region.content = r.text;
      to.push_back(std::move(region));
    }
  }
  return out;
}

}  // namespace

std::string OutputOptions::Fingerprint() const { return strict ? "strict" : ""; }

Result<Output> Output::Open(const std::string& folder, const std::vector<std::string>& to,
                            const OutputOptions& options) {
  Output output;
  output.options_ = options;
  for (const std::string& name : to) {
    output.formats_.push_back(name == "json" ? cli::Format::kJson
                              : name == "md" ? cli::Format::kMarkdown
                                             : cli::Format::kText);
  }
  if (folder.empty()) {
    if (to.size() > 1) {
      return Error{ErrorCode::kInvalidArgument,
                   "standard output takes one format (name a folder with -o for several)"};
    }
    if (to.empty()) output.formats_ = {cli::Format::kText};
    output.streams_ = output.Has(cli::Format::kText) && ::isatty(STDOUT_FILENO) != 0;
    return output;
  }
  if (to.empty()) output.formats_ = {cli::Format::kMarkdown, cli::Format::kJson};
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

bool Output::Has(cli::Format format) const {
  return std::find(formats_.begin(), formats_.end(), format) != formats_.end();
}
bool Output::needs_images() const { return false; }
bool Output::needs_tokens() const { return Has(cli::Format::kJson); }

std::string Output::FolderFor(const std::string& input) {
  const std::string stem = input == "-" ? "stdin" : SdkFileStem(input);
  const int n = ++used_names_[stem];
  return n == 1 ? stem : stem + "-" + std::to_string(n);
}

Status Output::Format(const std::vector<ReadPage>& pages, std::string* text) const {
  if (Has(cli::Format::kMarkdown)) {
    *text = FormatSdkDocument(ToSdk(pages), {.strict = options_.strict}).markdown + "\n";
    return OkStatus();
  }
  for (size_t i = 0; i < pages.size(); ++i) {
    if (Has(cli::Format::kJson)) {
      *text += PageToJson(pages[i]);
    } else {
      if (i > 0) *text += '\f';
      *text += PageToText(pages[i]);
    }
  }
  return OkStatus();
}

Result<std::vector<OutputFile>> Output::Files(const std::vector<ReadPage>& pages,
                                              const std::string& folder) const {
  const std::string stem = folder + "/" + folder;
  std::vector<OutputFile> files;
  const SdkDocument document = FormatSdkDocument(ToSdk(pages), {.strict = options_.strict});
  if (Has(cli::Format::kMarkdown)) files.push_back({stem + ".md", document.markdown});
  if (Has(cli::Format::kJson)) files.push_back({stem + ".json", document.json});
  if (Has(cli::Format::kText)) {
    std::string text;
    for (const ReadPage& page : pages) text += PageToText(page);
    files.push_back({stem + ".txt", text});
  }
  return files;
}

Status Output::WriteFile(const OutputFile& file) const {
  const fs::path path = folder_ / file.path;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    return Error{ErrorCode::kIo,
                 "cannot create '" + path.parent_path().string() + "': " + error.message()};
  return WriteFileAtomically(path, file.bytes);
}

Status Output::Put(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return OkStatus();
  return Error{ErrorCode::kIo,
               std::string("cannot write to standard output: ") + std::strerror(errno)};
}

Status Output::Print(std::string_view text) {
  if (text.empty()) return OkStatus();
  const bool blank_line = std::exchange(printed_, true) && !Has(cli::Format::kJson);
  if (blank_line) GLM_RETURN_IF_ERROR(Put("\n"));
  return Put(text);
}

// What stands between this page and what was printed before, as Print and Format have it.
Status Output::BeginStreamedPage() {
  if (std::exchange(in_page_, true)) return OkStatus();
  page_has_text_ = region_open_ = false;
  if (std::exchange(in_input_, true)) return Put("\f");
  return std::exchange(printed_, true) ? Put("\n") : OkStatus();
}

Status Output::StreamText(const ReadPage& page, size_t region, std::string_view text) {
  GLM_RETURN_IF_ERROR(BeginStreamedPage());
  if (!region_open_ || region != region_) {
    if (page_has_text_)
      GLM_RETURN_IF_ERROR(Put(page.regions[region].new_paragraph ? "\n\n" : "\n"));
    region_ = region;
    region_open_ = page_has_text_ = true;
  }
  // A picture must not be able to steer the terminal.
  std::string shown(text);
  std::erase_if(shown, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
  return Put(shown);
}

Status Output::EndStreamedPage() {
  GLM_RETURN_IF_ERROR(BeginStreamedPage());
  in_page_ = false;
  return page_has_text_ ? Put("\n") : OkStatus();
}

}  // namespace glmocr::cli
