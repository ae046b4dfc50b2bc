#include "cli/output.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "jobs/output_files.h"

namespace glmocr::cli {
namespace fs = std::filesystem;
namespace {

// What tells a folder from another one of the same name.
std::pair<uint64_t, uint64_t> IdentityOf(const fs::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return {};
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino)};
}

}  // namespace

Result<Output> Output::Open(const std::string& folder, const std::vector<std::string>& to,
                            const OutputOptions& options) {
  Output output;
  output.options_ = options;
  for (const std::string& name : to) {
    const FormatInfo* format = FindFormat(name);
    if (format != nullptr && !output.Writes(format->format))
      output.formats_.push_back(format->format);
  }
  if (folder.empty()) {
    if (output.formats_.size() > 1 || options.visualize) {
      return Error{ErrorCode::kInvalidArgument,
                   "standard output takes one format (name a folder with -o for several, and for "
                   "--visualize)"};
    }
    if (to.empty()) output.formats_ = {DocumentFormat::kText};
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    const bool text = output.formats_[0] == DocumentFormat::kText;
    if (terminal && output.formats_[0] == DocumentFormat::kPdf) {
      return Error{ErrorCode::kInvalidArgument,
                   "a PDF is not for a terminal (name a folder with -o, or redirect the output)"};
    }
    output.streams_ = text && terminal;
    return output;
  }
  if (to.empty()) {
    output.formats_ = {DocumentFormat::kMarkdown, DocumentFormat::kSdkJson, DocumentFormat::kJson};
  }
  if (options.visualize) output.formats_.push_back(DocumentFormat::kVisualize);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error)) {
    return Error{ErrorCode::kIo,
                 "cannot create the output folder '" + folder + "': " +
                     (error ? error.message() : std::string("a file of that name is in the way"))};
  }
  output.folder_ = folder;
  output.identity_ = IdentityOf(folder);
  return output;
}

bool Output::Writes(DocumentFormat format) const {
  return std::find(formats_.begin(), formats_.end(), format) != formats_.end();
}

DocumentOptions Output::WriterOptions(const std::string& folder,
                                      std::shared_ptr<DocumentSource> source) const {
  DocumentOptions options = {.formats = formats_,
                             .text = options_.text,
                             .stem = fs::path(folder).filename().string(),
                             .pixels_per_inch = options_.dpi,
                             .pdf = options_.pdf,
                             .source = std::move(source),
                             .spool_folder = folder_};
  return folder_.empty() ? AsOneFile(formats_[0], std::move(options)) : options;
}

bool Output::needs_source() const { return Writes(DocumentFormat::kPdf); }

Result<std::string> Output::WriteFile(const std::string& folder, const OutputFile& file) const {
  if (IdentityOf(folder_) != identity_) {
    return Error{ErrorCode::kIo, "cannot write into '" + folder_.string() +
                                     "': the folder was removed or replaced during the run"};
  }
  const fs::path below = fs::path(folder).parent_path() / file.path;
  const fs::path path = folder_ / below;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    return Error{
        error == std::errc::no_space_on_device ? ErrorCode::kResourceExhausted : ErrorCode::kIo,
        "cannot create '" + path.parent_path().string() + "': " + error.message()};
  GLM_RETURN_IF_ERROR(WriteOutputFile(path, file));
  return below.string();
}

Result<std::string> Output::TextOf(const std::vector<OutputFile>& files) const {
  std::string text;
  if (files.empty()) return text;
  GLM_RETURN_IF_ERROR(ForEachPart(files.front(), formats_[0], [&](std::string_view part) {
    text += part;
    return OkStatus();
  }));
  return text;
}

Status Output::Put(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return OkStatus();
  return Error{ErrorCode::kIo,
               std::string("cannot write to standard output: ") + std::strerror(errno)};
}

Status Output::Print(std::string_view text) {
  if (text.empty()) return OkStatus();
  const bool blank_line = std::exchange(printed_, true) && !Writes(DocumentFormat::kJsonLines);
  if (blank_line) GLM_RETURN_IF_ERROR(Put("\n"));
  return Put(text);
}

// What stands between this page and what was printed before, as Print and TextOf have it.
Status Output::BeginStreamedPage() {
  if (std::exchange(in_page_, true)) return OkStatus();
  page_has_text_ = region_open_ = false;
  if (std::exchange(in_input_, true)) return Put("\f");
  return std::exchange(printed_, true) ? Put("\n") : OkStatus();
}

Status Output::StreamText(const ReadPage& page, size_t region, std::string_view text) {
  GLM_RETURN_IF_ERROR(BeginStreamedPage());
  // A picture must not be able to steer the terminal.
  std::string shown(text);
  if (const ReadRegion& read = page.regions[region]; !read.lines.empty() || !read.cells.empty()) {
    // Complete: as the format has it. Page furniture is empty.
    ReadPage alone = {.layout = page.layout};
    alone.regions.push_back(read);
    shown = PlainText(alone, options_.text);
    if (shown.empty()) return OkStatus();
    shown.pop_back();
  }
  std::erase_if(shown, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  });
  if (!region_open_ || region != region_) {
    if (page_has_text_)
      GLM_RETURN_IF_ERROR(Put(page.regions[region].new_paragraph ? "\n\n" : "\n"));
    region_ = region;
    region_open_ = page_has_text_ = true;
  }
  return Put(shown);
}

Status Output::EndStreamedPage() {
  GLM_RETURN_IF_ERROR(BeginStreamedPage());
  in_page_ = false;
  return page_has_text_ ? Put("\n") : OkStatus();
}

}  // namespace glmocr::cli
