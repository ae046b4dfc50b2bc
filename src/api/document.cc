// The public Document, and how a Model opens it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/internal.h"
#include "api/reading.h"
#include "base/file.h"
#include "format/formats.h"
#include "jobs/output_files.h"

namespace glmocr::v1 {

namespace fs = std::filesystem;
using internal::Guarded;
using internal::Invalid;
using internal::Reading;
using internal::Translate;

struct Document::Impl {
  internal::OwnedReading reading;
};

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

namespace {

constexpr char kRemedy[] = "read fewer documents at once, or choose a smaller dpi";

// Runs `body` with the document if it may be read here and now.
template <typename T, typename Body>
Result<T> WithReading(const internal::OwnedReading* reading, const Body& body) {
  return Guarded<T>(kRemedy, [&]() -> Result<T> {
    if (reading == nullptr) return Invalid("the document was moved away");
    if (!reading->get_deleter().here()) return internal::Forked();
    Reading& r = **reading;
    if (!r.Enter())
      return Invalid("a call of this document is running (it is for one thread at a time)");
    struct Leave {
      ~Leave() { reading.Leave(); }
      Reading& reading;
    } leave{r};
    return body(r);
  });
}

glmocr::DocumentOptions OutputOf(const Reading& reading, const WriteOptions& options,
                                 std::vector<DocumentFormat> formats) {
  return {.formats = std::move(formats),
          .text = {.strict = options.strict,
                   .pipe_tables = options.pipe_tables,
                   .page_furniture = options.page_furniture},
          .pixels_per_inch = reading.dpi(),
          .pdf = {.language = options.pdf_language,
                  .pdfa = options.pdfa,
                  .replace_hidden_text = reading.replaces_hidden_text(),
                  .deskew = options.pdf_deskew,
                  .clean = options.pdf_clean}};
}

Result<DocumentFormat> FormatOf(std::string_view name) {
  const FormatInfo* info = FindFormat(name);
  if (info == nullptr)
    return Invalid(fmt::format("'{}' is not a format (choose from {})", name, FormatHelp()));
  return info->format;
}

std::optional<Error> Check(const WriteOptions& options) {
  if (!options.pdf_language.empty() && !IsLanguageTag(options.pdf_language))
    return Invalid(
        fmt::format("'{}' is not a language tag (write de, en-GB)", options.pdf_language));
  return std::nullopt;
}

Status FolderExists(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return OkStatus();
  return glmocr::Error{glmocr::ErrorCode::kNotFound,
                       fmt::format("there is no folder '{}'", folder.string())};
}

// One format, as `glm-ocr parse` prints it.
Result<WriteResult> WriteOne(Reading& reading, std::string_view format, const WriteOptions& options,
                             const fs::path& spool_folder,
                             const std::function<Status(const OutputFile&, DocumentFormat)>& take) {
  const Result<DocumentFormat> found = FormatOf(format);
  if (!found.ok()) return found.error();
  if (auto error = Check(options)) return *error;
  glmocr::DocumentOptions output = AsOneFile(*found, OutputOf(reading, options, {*found}));
  output.spool_folder = spool_folder;
  bool taken = false;
  const auto take_first = [&](const OutputFile& file) {
    return std::exchange(taken, true) ? OkStatus() : take(file, *found);
  };
  return reading.Write(
      {.output = std::move(output), .take = take_first, .on_page = options.on_page});
}

}  // namespace

std::vector<OutputFormat> OutputFormats() {
  std::vector<OutputFormat> formats;
  for (const FormatInfo& info : FormatTable()) {
    if (info.format == DocumentFormat::kVisualize) continue;
    formats.push_back(
        {std::string(info.name), std::string(info.ending), std::string(info.mime_type)});
  }
  return formats;
}

int Document::page_count() const { return impl_ == nullptr ? 0 : impl_->reading->n_pages(); }
int Document::selected_count() const { return impl_ == nullptr ? 0 : impl_->reading->n_selected(); }

std::vector<Warning> Document::warnings() const {
  if (impl_ == nullptr || !impl_->reading.get_deleter().here()) return {};
  return impl_->reading->warnings();
}

void Document::Cancel() const {
  if (impl_ != nullptr && impl_->reading.get_deleter().here()) impl_->reading->Cancel();
}

Result<std::optional<Page>> Document::NextPage() {
  return WithReading<std::optional<Page>>(impl_ ? &impl_->reading : nullptr,
                                          [](Reading& reading) { return reading.NextPage(); });
}

Result<WriteResult> Document::Write(std::string_view format, const fs::path& file,
                                    const WriteOptions& options) {
  return WithReading<WriteResult>(
      impl_ ? &impl_->reading : nullptr, [&](Reading& reading) -> Result<WriteResult> {
        const fs::path folder = file.parent_path();
        if (const Status status = FolderExists(folder); !status.ok())
          return Translate(status.error());
        std::optional<AtomicFileWriter> writer;
        const auto append = [&](std::string_view part) {
          return writer->Append(part.data(), part.size());
        };
        const auto open = [&]() -> Status {
          if (writer) return OkStatus();
          GLM_ASSIGN(writer, AtomicFileWriter::Open(file));
          return OkStatus();
        };
        Result<WriteResult> result =
            WriteOne(reading, format, options, folder,
                     [&](const OutputFile& made, DocumentFormat kind) -> Status {
                       GLM_RETURN_IF_ERROR(open());
                       return ForEachPart(made, kind, append);
                     });
        if (!result.ok()) return result;
        Status written = open();  // a strict, blank document has no file
        if (written.ok()) written = writer->Commit();
        if (!written.ok()) return Translate(written.error());
        result->files = {file};
        return result;
      });
}

Result<WriteResult> Document::Write(std::string_view format, const Sink& sink,
                                    const WriteOptions& options) {
  return WithReading<WriteResult>(
      impl_ ? &impl_->reading : nullptr, [&](Reading& reading) -> Result<WriteResult> {
        if (!sink) return Invalid("the sink is empty");
        const auto give = [&](std::string_view part) -> Status {
          bool go_on = false;
          if (reading.CallUser([&] { go_on = sink(part); }) && go_on) return OkStatus();
          return glmocr::Error{glmocr::ErrorCode::kCancelled, "the sink took no more"};
        };
        return WriteOne(reading, format, options, {},
                        [&](const OutputFile& made, DocumentFormat kind) {
                          return ForEachPart(made, kind, give);
                        });
      });
}

Result<WriteResult> Document::WriteFolder(const std::vector<std::string>& formats,
                                          const fs::path& folder, const WriteOptions& options) {
  return WithReading<WriteResult>(
      impl_ ? &impl_->reading : nullptr, [&](Reading& reading) -> Result<WriteResult> {
        std::vector<DocumentFormat> wanted;
        for (const std::string& name : formats) {
          const Result<DocumentFormat> found =
              name == "visualize" ? Result<DocumentFormat>(DocumentFormat::kVisualize)
                                  : FormatOf(name);
          if (!found.ok()) return found.error();
          if (std::find(wanted.begin(), wanted.end(), *found) == wanted.end())
            wanted.push_back(*found);
        }
        if (wanted.empty()) return Invalid("no format was named");
        if (auto error = Check(options)) return *error;
        std::error_code error;
        fs::create_directories(folder, error);
        if (error) {
          return Error{ErrorCode::kIo, fmt::format("cannot create the folder '{}': {}",
                                                   folder.string(), error.message())};
        }
        glmocr::DocumentOptions output = OutputOf(reading, options, std::move(wanted));
        output.spool_folder = folder;
        std::vector<fs::path> files;
        const auto take = [&](const OutputFile& made) -> Status {
          const fs::path path = folder / made.path;
          std::error_code failed;
          fs::create_directories(path.parent_path(), failed);
          if (failed) {
            return glmocr::Error{glmocr::ErrorCode::kIo,
                                 fmt::format("cannot create the folder '{}': {}",
                                             path.parent_path().string(), failed.message())};
          }
          GLM_RETURN_IF_ERROR(WriteOutputFile(path, made));
          files.push_back(path);
          return OkStatus();
        };
        Result<WriteResult> result =
            reading.Write({.output = std::move(output), .take = take, .on_page = options.on_page});
        if (result.ok()) result->files = std::move(files);
        return result;
      });
}

namespace {

Result<internal::OwnedReading> Open(const std::shared_ptr<const LoadedModel>& model,
                                    const DocumentInput& input, std::optional<std::string> bytes,
                                    const DocumentOptions& options) {
  if (!model->here()) return internal::Forked();
  return Reading::Open(model, input, std::move(bytes), options);
}

}  // namespace

Result<Document> Model::OpenDocument(const fs::path& path, const DocumentOptions& options) const {
  return Guarded<Document>(kRemedy, [&]() -> Result<Document> {
    if (impl_ == nullptr) return Invalid("the model was moved away");
    DocumentInput input{.name = path.string()};
    if (input.name == "-") input.location = "./-";  // a file, not standard input
    Result<internal::OwnedReading> reading = Open(impl_->loaded, input, std::nullopt, options);
    if (!reading.ok()) return reading.error();
    return Document(std::make_unique<Document::Impl>(Document::Impl{*std::move(reading)}));
  });
}

Result<Document> Model::OpenDocument(std::span<const std::byte> bytes, std::string_view name,
                                     const DocumentOptions& options) const {
  return Guarded<Document>(kRemedy, [&]() -> Result<Document> {
    if (impl_ == nullptr) return Invalid("the model was moved away");
    if (bytes.data() == nullptr && !bytes.empty()) return Invalid("the bytes are null");
    std::string copy;
    if (!bytes.empty()) copy.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    Result<internal::OwnedReading> reading =
        Open(impl_->loaded, {.name = std::string(name)}, std::move(copy), options);
    if (!reading.ok()) return reading.error();
    return Document(std::make_unique<Document::Impl>(Document::Impl{*std::move(reading)}));
  });
}

}  // namespace glmocr::v1
