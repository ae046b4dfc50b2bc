#include "api/reading.h"

#include <utility>

#include "base/untrusted_text.h"
#include "pipeline/task.h"

namespace glmocr::v1::internal {
namespace {

// As --text-layer.
TextLayerMode ModeOf(TextLayer text_layer) {
  switch (text_layer) {
    case TextLayer::kOff:
    case TextLayer::kReplace:
      return TextLayerMode::kOff;
    case TextLayer::kPrefer:
      return TextLayerMode::kPrefer;
    case TextLayer::kAuto:
      break;
  }
  return TextLayerMode::kAuto;
}

Result<InputOptions> ToInputOptions(const DocumentOptions& options) {
  if (!Known(options.text_layer, TextLayer::kReplace))
    return Invalid("text_layer has no known value");
  if (!(options.dpi >= 18 && options.dpi <= 2400)) return Invalid("dpi must be 18 to 2400");
  const Result<DecodeOptions> decode = Translate(options.image);
  if (!decode.ok()) return decode.error();
  InputOptions input;
  input.decode = *decode;
  input.pdf.dpi = options.dpi;
  input.pdf.password = options.password;
  input.pdf.page_timeout_s = options.page_timeout_s;
  input.pdf.read_text = ModeOf(options.text_layer) != TextLayerMode::kOff;
  input.keep_going = [stop = options.stop] { return !stop.stop_requested(); };
  input.keep_source = true;  // whether a PDF will be written is not known yet
  return input;
}

// By the names that --task has.
Status CheckTask(const DocumentOptions& options, bool reads_lines) {
  if (!options.prompt.empty()) return glmocr::CheckTask(options.prompt, reads_lines);
  if (options.task == Task::kTable) return glmocr::CheckTask("table", reads_lines);
  if (options.task == Task::kFormula) return glmocr::CheckTask("formula", reads_lines);
  return OkStatus();
}

}  // namespace

Result<OwnedReading> Reading::Open(std::shared_ptr<const LoadedModel> model,
                                   const DocumentInput& input, std::optional<std::string> bytes,
                                   const DocumentOptions& options) {
  if (options.stop.stop_requested())
    return Error{ErrorCode::kCancelled, "the document was cancelled"};
  if (input.name.find('\0') != std::string::npos) return Invalid("the name holds a zero byte");
  OwnedReading reading(new Reading(std::move(model), input.name, options));
  Reading& r = *reading;
  const Result<PageReaderOptions> reader = Translate(
      {r.options_.layout, r.options_.task, r.options_.prompt, r.options_.generation}, *r.model_);
  if (!reader.ok()) return reader.error();
  r.reader_ = *reader;
  r.reader_.text_layer = ModeOf(options.text_layer);
  const Status can = CheckTask(options, r.model_->recognizer->reads_lines());
  if (!can.ok()) return Translate(can.error());
  const Result<InputOptions> how = ToInputOptions(options);
  if (!how.ok()) return how.error();
  auto document =
      bytes ? OpenDocumentBytes(*std::move(bytes), input.name, *how) : OpenDocument(input, *how);
  if (!document.ok()) return Translate(document.error());
  r.document_ = std::move(*document);
  r.source_ = r.document_->source();
  r.n_pages_ = r.document_->n_pages();
  const auto selected = SelectPages(options.pages, r.n_pages_);
  if (!selected.ok()) return Translate(selected.error().With(QuoteUntrusted(input.name)));
  r.progress_.pages = static_cast<int>(selected->pages.size());
  r.on_stop_.emplace(options.stop, [at = &r] { at->Cancel(); });
  return reading;
}

void Reading::Begin() {
  reader_.on_region = [this](const ReadPage&, size_t) {
    ++progress_.regions_done;
    Tell();
  };
  DocumentTask task;
  task.name = name_;
  task.pages = options_.pages;
  task.reader = reader_;
  task.open = [this]() -> glmocr::Result<std::unique_ptr<DocumentReader>> {
    return std::move(document_);
  };
  task.on_open = [this](const OpenedDocument& opened) {
    for (const glmocr::Warning& warning : opened.warnings) warnings_.push_back(Translate(warning));
    return OpenedUse();
  };
  task.on_page = [this](ReadPage page) { return TakePage(std::move(page)); };
  task.on_done = [this](const DocumentOutcome& outcome) { outcome_ = outcome; };
  job_ = std::make_unique<DocumentJob>(*model_->recognizer, std::move(task));
  on_cancel_.emplace(stop_.get_token(), [job = job_.get()] { job->Cancel(); });
}

void Reading::Step() {
  job_->Step([this] { return !ready_.empty(); });
  if (thrown_) throw CallbackException{std::exchange(thrown_, nullptr)};
}

Status Reading::TakePage(ReadPage page) {
  for (const glmocr::Warning& warning : page.warnings) {
    warnings_.push_back(Translate(warning));
    warnings_.back().page = page.page;
  }
  ++progress_.pages_done;
  Status taken;
  if (for_write_) {
    taken = for_write_(std::move(page));
  } else {
    ready_.push_back(std::move(page));
  }
  Tell();
  return taken;
}

void Reading::Tell() {
  if (options_.on_progress) CallUser([this] { options_.on_progress(progress_); });
}

bool Reading::CallUser(const std::function<void()>& callback) {
  if (thrown_) return false;
  try {
    callback();
    return true;
  } catch (...) {
    thrown_ = std::current_exception();
    Cancel();
    return false;
  }
}

Result<std::optional<Page>> Reading::NextPage() {
  if (for_write_) return Invalid("the pages were written, or are to be: open the document again");
  if (!job_) Begin();
  while (ready_.empty() && !outcome_) Step();
  if (ready_.empty()) {
    if (outcome_->error) return Translate(*outcome_->error);
    return std::optional<Page>();
  }
  if (stop_.stop_requested()) return Error{ErrorCode::kCancelled, "the document was cancelled"};
  const ReadPage read = std::move(ready_.front());
  ready_.pop_front();
  Result<Page> page = Translate(read);
  if (!page.ok()) return page.error();
  if (const auto failure = PageFailure(read)) page->error = Translate(*failure);
  return std::optional<Page>(*std::move(page));
}

Result<WriteResult> Reading::Write(Destination to) {
  if (job_) return Invalid("pages of the document were read already: open it again to write it");
  to.output.source = source_;
  reader_.keep_tokens = to.on_page || NeedsTokens(to.output);
  reader_.keep_image = NeedsPictures(to.output);
  DocumentWriter writer(to.output);
  const auto take_files = [&](const glmocr::Result<std::vector<OutputFile>>& files) -> Status {
    if (!files.ok()) return files.error();
    for (const OutputFile& file : *files) GLM_RETURN_IF_ERROR(to.take(file));
    return OkStatus();
  };
  for_write_ = [&](ReadPage page) -> Status {
    if (to.on_page) {
      Result<Page> told = Translate(page);
      if (!told.ok()) return glmocr::Error{glmocr::ErrorCode::kInternal, told.error().message};
      if (const auto failure = PageFailure(page)) told->error = Translate(*failure);
      CallUser([&] { to.on_page(*told); });
    }
    return take_files(writer.AddPage(page));
  };
  Begin();
  while (!outcome_) Step();
  for_write_ = [](const ReadPage&) { return OkStatus(); };
  if (const auto failure = DocumentFailure(*outcome_)) return Translate(*failure);
  for (const glmocr::Warning& warning : outcome_->warnings) writer.AddWarning(warning);
  const Status written = take_files(writer.Finish());
  if (thrown_) throw CallbackException{std::exchange(thrown_, nullptr)};
  if (!written.ok()) return Translate(written.error());
  for (const glmocr::Warning& warning : writer.warnings()) warnings_.push_back(Translate(warning));
  return WriteResult{.pages = outcome_->pages_read, .pages_failed = outcome_->pages_failed};
}

}  // namespace glmocr::v1::internal
