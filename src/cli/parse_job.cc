#include "cli/parse_job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <new>
#include <utility>

#include "base/seconds_since.h"
#include "base/untrusted_text.h"
#include "cli/commands.h"
#include "cli/layer_difference.h"
#include "jobs/fingerprint.h"
#include "pdf/confinement.h"
#include "pipeline/document_pages.h"
#include "pipeline/task.h"

namespace glmocr::cli {
namespace {

using Clock = std::chrono::steady_clock;


// Without the quotes, for a place where none are needed.
std::string Shown(const std::string& name) {
  const std::string quoted = QuoteUntrusted(name);
  return quoted.substr(1, quoted.size() - 2);
}

// "1 page", "3 pages".
std::string Counted(int64_t n, const char* noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

}  // namespace

// One input while it is read.
struct ParseJob::Document {
  size_t index = 0;
  const DocumentInput* input = nullptr;
  std::optional<OutputNames::Name> name;   // with an output folder
  std::shared_ptr<DocumentSource> source;  // where a format wants it
  std::unique_ptr<DocumentWriter> writer;
  size_t n_pages = 0;  // to be read
  bool has_checkpoints = false;
  JournalEntry entry;
};

ParseJob::ParseJob(const ParseOptions& options) : options_(options) {
  progress_.emplace(options.quiet ? ProgressMode::kOff : ProgressMode::kAuto);
}
ParseJob::~ParseJob() = default;

int ParseJob::Run() {
  if (const Status status = Prepare(); !status.ok()) {
    const int code = Fail(status.error());
    return wrong_options_ ? kExitUsage : code;
  }
  RunJobs();
  progress_->Clear();
  if (options_.stats) PrintStats();
  if (fatal_) return Fail(*fatal_);
  const size_t n = inputs_.size(), finished = done_ + partial_ + skipped_;
  if (Interrupted()) {
    std::fprintf(stderr, "glm-ocr: interrupted; %zu of %zu inputs were finished%s\n", finished, n,
                 options_.out.empty() ? "" : " (--resume goes on from here)");
    return kExitInterrupted;
  }
  if (!options_.quiet) PrintClosingLine();
  if (failed_ == n) return kExitFailed;
  return failed_ > 0 || partial_ > 0 || journal_failed_ ? kExitPartial : kExitOk;
}

void ParseJob::RunJobs() {
  const int n_threads =
      output_.streams()
          ? 1
          : std::clamp(options_.jobs, 1, std::max(1, static_cast<int>(inputs_.size())));
  // While one document waits for its last pages, the next is loaded. Texts that are shown as they
  // are read must not mix.
  const size_t max_open = output_.streams() ? 1 : 2 * static_cast<size_t>(n_threads);
  DocumentThreads threads(n_threads, max_open);
  std::unique_lock lock(mutex_);
  while (true) {
    const bool stop = fatal_ || Interrupted();
    if (stop) {
      for (const auto& [index, job] : running_) job->Cancel();
    } else if (running_.size() < max_open && next_input_ < inputs_.size()) {
      std::shared_ptr<DocumentJob> job = NextJob();
      lock.unlock();
      threads.Add(std::move(job));
      lock.lock();
      continue;
    }
    if (running_.empty() && (stop || next_input_ == inputs_.size())) return;
    ShowProgress();
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  }
}

Status ParseJob::Prepare() {
  GLM_ASSIGN(inputs_, ExpandInputs(options_.inputs, &not_documents_));
  state_.documents = inputs_.size();
  GLM_ASSIGN(output_, Output::Open(options_.out, options_.to, options_.output));
  if (!options_.out.empty()) {
    GLM_ASSIGN(journal_, Journal::Open(options_.out));
    if (const int n = journal_->n_ignored(); n > 0) {
      std::fprintf(stderr, "glm-ocr: note: %s: %s no entr%s of a journal, and %s ignored\n",
                   QuoteUntrusted(options_.out + "/" + Journal::kName).c_str(),
                   n == 1 ? "one line is" : fmt::format("{} lines are", n).c_str(),
                   n == 1 ? "y" : "ies", n == 1 ? "is" : "are");
    }
    names_.emplace(
        options_.out, *journal_,
        options_.overwrite ? OutputNames::Existing::kReplace : OutputNames::Existing::kKeep);
  }
  if (options_.verbose) {
    for (const std::string& file : not_documents_)
      std::fprintf(stderr, "glm-ocr: skipped %s (not a document)\n", QuoteUntrusted(file).c_str());
  }
  GLM_RETURN_IF_ERROR(LoadModel());
  if (layout_ != Layout::kRegions) output_.DoNotStream();
  if (output_.streams()) progress_.emplace(ProgressMode::kOff);  // it would tear the text
  reader_options_ = ReaderOptions();
  input_options_ = options_.input;
  // Pictures are decoded here: their sender is this user. Without a worker PDF files fail later.
  if (const auto state = TryConfinement(); state.ok() && !state->confined()) {
    std::fprintf(stderr,
                 "glm-ocr: warning: this system does not let the process that reads PDF files be "
                 "confined (%s); read only files that you trust\n",
                 ToText(*state).c_str());
  }
  input_options_.keep_source = output_.needs_source();
  input_options_.keep_going = [] { return !Interrupted(); };
  return OkStatus();
}

Status ParseJob::LoadModel() {
  GLM_ASSIGN(std::filesystem::path dir, options_.model.ModelDir());
  GLM_ASSIGN(recognizer_,
             Recognizer::Load(dir, {.runner = options_.model.ToRunnerOptions(),
                                    .max_batch = options_.batch,
                                    .drafts = DraftOptions(options_.drafts),
                                    .encoder_cache_bytes = kDocumentsEncoderCacheBytes}));
  if (!options_.quiet) {
    for (const std::string& warning : recognizer_->runner().model().warnings())
      std::fprintf(stderr, "glm-ocr: note: %s\n", warning.c_str());
    const std::string& note = recognizer_->processor().notes();
    if (!note.empty()) std::fprintf(stderr, "glm-ocr: note: %s\n", note.c_str());
    if (options_.model.model.empty() && recognizer_->reads_lines() && ::isatty(STDERR_FILENO) != 0)
      std::fprintf(stderr, "glm-ocr: note: %s\n", StarterNote(*recognizer_).c_str());
  }
  if (const Status can = CheckTask(options_.task, recognizer_->reads_lines()); !can.ok()) {
    wrong_options_ = true;
    return can;
  }
  layout_ = options_.layout == "none"    ? Layout::kNone
            : options_.layout == "lines" ? Layout::kLines
                                         : Layout::kRegions;
  if (layout_ != Layout::kRegions) return OkStatus();
  GLM_ASSIGN(layout_engine_, MakeLayout(options_.layout, options_.layout_model, options_.model));
  return OkStatus();
}

PageReaderOptions ParseJob::ReaderOptions() {
  const DocumentOptions writer = output_.WriterOptions({}, nullptr);
  PageReaderOptions options = {.layout = layout_,
                               .layout_engine = layout_engine_,
                               .instruction = std::string(InstructionOfTask(options_.task)),
                               .generation = options_.generation,
                               .text_layer = options_.text_layer,
                               .keep_tokens = NeedsTokens(writer),
                               .keep_image = NeedsPictures(writer)};
  if (output_.streams()) {
    options.text_order = TextOrder::kReading;
    options.on_text = [this](const ReadPage& page, size_t region, std::string_view text) {
      std::lock_guard lock(mutex_);
      const Status status = output_.StreamText(page, region, text);
      if (!status.ok() && !fatal_) fatal_ = status.error();
    };
  }
  return options;
}

std::shared_ptr<DocumentJob> ParseJob::NextJob() {
  auto document = std::make_shared<Document>();
  document->index = next_input_++;
  document->input = &inputs_[document->index];
  const DocumentInput& input = *document->input;
  // In the order of the inputs, so that names are the same in each run; what has no path is known
  // by its content.
  if (names_ && input.name != "-" && input.location.empty())
    document->name = names_->Take(input, std::nullopt);
  DocumentTask task;
  task.name = input.name;
  task.pages = options_.pages;
  task.reader = reader_options_;
  task.open = [this, document]() -> Result<std::unique_ptr<DocumentReader>> {
    GLM_ASSIGN(std::unique_ptr<DocumentReader> reader,
               OpenDocument(*document->input, input_options_));
    document->source = reader->source();
    return reader;
  };
  task.on_open = [this, document](const OpenedDocument& opened) { return Open(*document, opened); };
  task.on_page = [this, document](ReadPage page) { return TakePage(*document, std::move(page)); };
  task.on_done = [this, document](const DocumentOutcome& outcome) { Finish(*document, outcome); };
  task.observer = this;
  auto job = std::make_shared<DocumentJob>(*recognizer_, std::move(task));
  running_[document->index] = job;
  return job;
}

Result<OpenedUse> ParseJob::Open(Document& document, const OpenedDocument& opened) {
  const std::string reading =
      ReadingFingerprint(opened.content_hash, *recognizer_, reader_options_, input_options_);
  JournalEntry& entry = document.entry;
  document.n_pages = opened.pages.size();
  std::lock_guard lock(mutex_);
  ++state_.documents_opened;
  state_.pages += static_cast<int64_t>(document.n_pages);
  if (!journal_) {
    document.writer = std::make_unique<DocumentWriter>(
        output_.WriterOptions(SdkFileStem(document.input->name), document.source));
    return OpenedUse();
  }
  if (!document.name) document.name = names_->Take(*document.input, opened.content_hash);
  const OutputNames::Name& name = *document.name;
  const DocumentOptions writer_options = output_.WriterOptions(name.folder, document.source);
  entry.hash = opened.content_hash.Hex();
  entry.options = ResultFingerprint(reading, options_.pages, writer_options);
  if (options_.resume && journal_->IsDone(name.folder, entry.hash, entry.options)) {
    ++skipped_;
    state_.pages_done += static_cast<int64_t>(document.n_pages);
    return OpenedUse{.read = false};
  }
  if (!name.note.empty() && !options_.quiet) Report("note: " + name.note);
  GLM_RETURN_IF_ERROR(names_->Claim(name.folder, name.key, document.input->name));
  document.writer = std::make_unique<DocumentWriter>(writer_options);
  OpenedUse use;
  const std::filesystem::path kept = names_->CheckpointFolder(name.folder);
  if (!options_.resume) {
    std::error_code ignored;
    std::filesystem::remove_all(kept, ignored);
  }
  document.has_checkpoints = document.n_pages > 1;
  if (document.has_checkpoints) {
    use.checkpoints.emplace(kept, reading, [this, &document](const std::string& problem) {
      if (options_.quiet) return;
      std::lock_guard inner(mutex_);
      Report("note: " + QuoteUntrusted(document.input->name) + ": " + problem);
    });
  }
  return use;
}

void ParseJob::DocumentPage(double, bool) {
  std::lock_guard lock(mutex_);
  ++state_.pages_read;
}

// A page of the document is read: its pictures are written now, so that no page waits in memory.
Status ParseJob::TakePage(Document& document, ReadPage page) {
  const Clock::time_point came = Clock::now();
  ReportDifferences(page);
  JournalEntry& entry = document.entry;
  if (const auto failure = PageFailure(page))
    entry.failed_pages.emplace_back(page.page, failure->message);
  std::vector<Warning> warnings = page.warnings;
  for (Warning& warning : warnings) warning.page = page.page;
  entry.warnings.insert(entry.warnings.end(), warnings.begin(), warnings.end());
  const double prepare_s = page.prepare_s;
  const Status written = WriteFiles(document, document.writer->AddPage(page));
  std::lock_guard lock(mutex_);
  layout_s_ += prepare_s;
  write_s_ += SecondsSince(came);
  ++state_.pages_done;
  if (output_.streams()) {
    const Status status = output_.EndStreamedPage();
    if (!status.ok() && !fatal_) fatal_ = status.error();
  }
  Warn(document.input->name, warnings);
  return written;
}

void ParseJob::Finish(Document& document, const DocumentOutcome& outcome) {
  JournalEntry& entry = document.entry;
  std::optional<Error> error = DocumentFailure(outcome);
  const bool interrupted = outcome.error && outcome.error->code == ErrorCode::kCancelled;
  if (error && !outcome.error) entry.failed_pages.clear();  // nothing was read
  std::string text;
  std::vector<Warning> more;  // beside those of the pages
  if (!error && !outcome.skipped) {
    Status status;
    try {
      for (const Warning& warning : outcome.warnings) document.writer->AddWarning(warning);
      const auto files = document.writer->Finish();
      status = journal_ ? WriteFiles(document, files) : ReadFiles(files, &text);
      // What a format could not do.
      more = document.writer->warnings();
    } catch (const std::bad_alloc&) {
      status = Error{ErrorCode::kOutOfMemory, QuoteUntrusted(document.input->name) +
                                                  ": out of memory (use fewer --jobs, a smaller "
                                                  "--dpi or a smaller --cache-tokens)"};
    }
    if (!status.ok()) error = status.error();
  }
  std::lock_guard lock(mutex_);
  running_.erase(document.index);
  changed_.notify_all();
  load_s_ += outcome.load_s;
  ++state_.documents_done;
  // What cannot be opened has no pages to wait for.
  if (document.n_pages == 0) ++state_.documents_opened;
  if (interrupted || outcome.skipped) return;
  more.insert(more.begin(), outcome.warnings.begin(), outcome.warnings.end());
  Warn(document.input->name, more);
  entry.warnings.insert(entry.warnings.begin(), more.begin(), more.end());
  if (error) entry.error = error->message;
  Count(document, outcome.pages_read - static_cast<int64_t>(entry.failed_pages.size()));
  if (!journal_) {
    if (output_.streams()) {
      output_.EndStreamedInput();
    } else {
      Print(document.index, std::move(text));
    }
    return;
  }
  if (!document.name) document.name = names_->Take(*document.input, std::nullopt);
  entry.input = document.input->name;
  entry.key = document.name->key;
  entry.folder = document.name->folder;
  entry.pages = outcome.pages_read;
  entry.seconds = outcome.seconds;
  if (const Status status = journal_->Append(entry); !status.ok()) {
    journal_failed_ = true;
    Report(status.error().message);
    if (status.error().code == ErrorCode::kNotFound && !fatal_) {
      fatal_ = Error{ErrorCode::kNotFound, "the run ends here: what is read could not be kept in " +
                                               QuoteUntrusted(options_.out)};
    }
    return;  // the claim goes on telling whose the folder is
  }
  // After a full disk --resume goes on with the pages that are read.
  const bool may_go_on =
      error && document.has_checkpoints && outcome.pages_read > 0 &&
      (error->code == ErrorCode::kIo || error->code == ErrorCode::kResourceExhausted);
  if (!may_go_on) names_->Release(entry.folder);
}

void ParseJob::Count(const Document& document, int64_t n_pages_read) {
  const JournalEntry& entry = document.entry;
  if (!entry.warnings.empty()) ++with_warnings_;
  if (!entry.error.empty()) {
    ++failed_;
    Report(entry.error);
  } else if (!entry.failed_pages.empty()) {
    ++partial_;
    pages_failed_ += static_cast<int64_t>(entry.failed_pages.size());
    for (const auto& [page, message] : entry.failed_pages) Report(message);
  } else {
    ++done_;
  }
  if (entry.error.empty()) pages_written_ += n_pages_read;
}

Status ParseJob::WriteFiles(Document& document, const Result<std::vector<OutputFile>>& files) {
  if (!files.ok()) return files.error();
  for (const OutputFile& file : *files) {
    GLM_ASSIGN(std::string path, output_.WriteFile(document.name->folder, file));
    document.entry.files.push_back(std::move(path));
  }
  return OkStatus();
}

Status ParseJob::ReadFiles(const Result<std::vector<OutputFile>>& files, std::string* text) const {
  if (!files.ok()) return files.error();
  GLM_ASSIGN(*text, output_.TextOf(*files));
  return OkStatus();
}

// With --text-layer compare.
void ParseJob::ReportDifferences(const ReadPage& page) {
  if (options_.text_layer != TextLayerMode::kCompare || page.error) return;
  const std::string place = PageName({page.source, page.page, page.n_pages});
  std::lock_guard lock(mutex_);
  for (const std::string& line : DescribeDifferences(page, place)) Report(line);
}

// Texts come out in the order of the inputs.
void ParseJob::Print(size_t index, std::string text) {
  unprinted_[index] = std::move(text);
  progress_->Clear();
  for (auto next = unprinted_.find(next_print_); next != unprinted_.end();
       next = unprinted_.find(next_print_)) {
    const Status status = output_.Print(next->second);
    if (!status.ok() && !fatal_) fatal_ = status.error();
    unprinted_.erase(next);
    ++next_print_;
  }
}

void ParseJob::Report(const std::string& message) {
  progress_->Clear();
  std::fprintf(stderr, "glm-ocr: %s\n", message.c_str());
}

// "warning: FILE page N: ...": for people, and for programs that look for that beginning.
void ParseJob::Warn(const std::string& name, const std::vector<Warning>& warnings) {
  if (warnings.empty()) return;
  progress_->Clear();
  for (const Warning& warning : warnings) {
    const std::string page = warning.page > 0 ? fmt::format(" page {}", warning.page) : "";
    std::fprintf(stderr, "warning: %s%s: %s\n", Shown(name).c_str(), page.c_str(),
                 warning.message.c_str());
  }
}

void ParseJob::ShowProgress() { progress_->Update(state_); }

// "22 documents, 31 pages, 3 failed, 2 skipped (not documents), 1 with warnings -> out/"
void ParseJob::PrintClosingLine() const {
  const bool trouble = failed_ + partial_ + skipped_ + with_warnings_ + not_documents_.size() > 0;
  // One document on standard output speaks for itself.
  if (options_.out.empty() && inputs_.size() == 1 && !trouble) return;
  std::string line = Counted(static_cast<int64_t>(done_ + partial_), "document") + ", " +
                     Counted(pages_written_, "page");
  if (skipped_ > 0) line += fmt::format(", {} done before", skipped_);
  if (failed_ > 0) line += fmt::format(", {} failed", failed_);
  if (partial_ > 0)
    line += fmt::format(", {} incomplete ({} failed)", partial_, Counted(pages_failed_, "page"));
  if (!not_documents_.empty())
    line += fmt::format(", {} skipped (not documents)", not_documents_.size());
  if (with_warnings_ > 0) line += fmt::format(", {} with warnings", with_warnings_);
  if (!options_.out.empty()) {
    line += " -> " + options_.out;
    if (options_.out.back() != '/') line += '/';
  }
  std::fprintf(stderr, "%s\n", line.c_str());
}

void ParseJob::PrintStats() const {
  const EngineStats s = recognizer_->stats();
  std::fprintf(
      stderr,
      "kernels %s; %lld steps, %lld prompt tokens (%lld cached), %lld generated; encoder %.2f s, "
      "text %.2f s, drafts %.2f s\n"
      "drafts %lld, accepted %lld (by position %.0f, %.0f, %.0f %%); decoding steps with 0, 1, "
      "2, 3 drafts: %lld, %lld, %lld, %lld; "
      "now %d per step (%s), switched %lld times\n",
      recognizer_->runner().context().kernels->name, static_cast<long long>(s.steps),
      static_cast<long long>(s.prefill_tokens), static_cast<long long>(s.cached_prompt_tokens),
      static_cast<long long>(s.generated_tokens), s.encode_s, s.step_s, s.draft_s,
      static_cast<long long>(s.drafted_tokens), static_cast<long long>(s.accepted_tokens),
      100 * s.acceptance_at(0), 100 * s.acceptance_at(1), 100 * s.acceptance_at(2),
      static_cast<long long>(s.steps_with[0]), static_cast<long long>(s.steps_with[1]),
      static_cast<long long>(s.steps_with[2]), static_cast<long long>(s.steps_with[3]), s.n_drafts,
      DraftsOffName(s.drafts_off).data(), static_cast<long long>(s.draft_switches));
  std::fprintf(stderr,
               "pages %lld: %.2f s waiting for pictures, %.2f s layout and crops, %.2f s output; "
               "engine without work for %.2f of the %.2f s since its first request (%.1f %%)\n",
               static_cast<long long>(state_.pages_done), load_s_, layout_s_, write_s_, s.starved_s,
               s.span_s, s.span_s > 0 ? 100 * s.starved_s / s.span_s : 0.0);
}

}  // namespace glmocr::cli
