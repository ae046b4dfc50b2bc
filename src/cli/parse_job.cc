#include "cli/parse_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <new>
#include <thread>

#include "base/file.h"
#include "base/hash.h"
#include "base/untrusted_text.h"
#include "cli/commands.h"
#include "eval/edit_distance.h"
#include "eval/text.h"
#include "layout/uncovered.h"
#include "pipeline/document_pages.h"
#include "pipeline/task.h"

namespace glmocr::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The crops of a document hardly ever repeat; a long one must not fill memory with them.
constexpr size_t kEncoderCacheBytes = size_t{4} << 20;

double SecondsSince(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

// What decides about the output besides the input's bytes, for --resume.
std::string HashOptions(const ParseOptions& o, const std::filesystem::path& model_dir) {
  const GenerationOptions& g = o.generation;
  const SamplingParams& s = g.sampling;
  std::string all = model_dir.string() + '\n' + o.layout + '\n' + o.layout_model + '\n' + o.task +
                    '\n' + std::to_string(static_cast<int>(o.text_layer)) + '\n' + o.pages + '\n';
  for (const std::string& format : o.to) all += format + ' ';
  for (const std::string& stop : g.stop_strings) all += '\n' + stop;
  for (const double value :
       {static_cast<double>(s.temperature), static_cast<double>(s.top_k),
        static_cast<double>(s.top_p), static_cast<double>(s.min_p),
        static_cast<double>(s.repetition_penalty), static_cast<double>(s.presence_penalty),
        static_cast<double>(s.frequency_penalty), static_cast<double>(s.seed),
        static_cast<double>(g.max_new_tokens)})
    all += '\n' + std::to_string(value);
  all += '\n' + o.input.Fingerprint() + '\n' + o.output.Fingerprint();
  return HashBytes(all.data(), all.size()).Hex();
}

}  // namespace

// One input while it is read.
struct ParseJob::Document {
  size_t index = 0;
  std::string name;    // for messages and the journal
  std::string folder;  // below the output folder
  std::string hash;
  std::unique_ptr<DocumentReader> reader;
  std::shared_ptr<DocumentSource> source;  // where a format wants it
  std::vector<int> page_numbers;           // from 1
  std::unique_ptr<DocumentWriter> writer;  // with an output folder
  std::vector<ReadPage> pages;             // to be printed: without an output folder
  size_t n_pages_done = 0;
  JournalEntry entry;
  std::optional<Error> error;  // it could not be opened, or its files cannot be written
  Clock::time_point begun = Clock::now();
};

// Reads one document after the other through a page reader of its own, without waiting for a
// document's end before it begins the next.
class ParseJob::Worker {
 public:
  explicit Worker(ParseJob& job)
      : job_(job), reader_(*job.recognizer_, job.ReaderOptions(), [this](ReadPage page) {
          TakePage(std::move(page));
        }) {}
  ~Worker() {
    std::lock_guard lock(job_.mutex_);
    job_.times_.load_s += times_.load_s;
    job_.times_.layout_s += times_.layout_s;
    job_.times_.write_s += times_.write_s;
  }

  void Run() {
    const std::function<bool()> keep_going = [this] { return job_.KeepGoing(); };
    while (std::unique_ptr<Document> document = job_.Next()) {
      if (document->error || document->page_numbers.empty()) {
        job_.Finish(std::move(document));
        continue;
      }
      // Its last page may finish and free it from within AddPage.
      const std::string name = document->name;
      const std::vector<int> pages = document->page_numbers;
      const std::unique_ptr<DocumentReader> input = std::move(document->reader);
      open_.push_back(std::move(document));
      for (size_t i = 0; i < pages.size(); ++i) {
        if (!keep_going()) return;
        times_.load_s += AddDocumentPage(reader_, *input, {name, pages[i], input->n_pages()},
                                         i + 1 < pages.size() ? pages[i + 1] : 0, keep_going);
      }
    }
    reader_.Finish(keep_going);
  }

 private:
  void TakePage(ReadPage page) {
    Document& document = *open_.front();
    const Clock::time_point came = Clock::now();
    times_.layout_s += page.prepare_s;
    job_.TakePage(document, std::move(page));
    times_.write_s += SecondsSince(came);
    {
      std::lock_guard lock(job_.mutex_);
      ++job_.pages_done_;
      if (job_.output_.streams()) {
        const Status status = job_.output_.EndStreamedPage();
        if (!status.ok() && !job_.fatal_) job_.fatal_ = status.error();
      }
    }
    if (++document.n_pages_done < document.page_numbers.size()) return;
    std::unique_ptr<Document> finished = std::move(open_.front());
    open_.pop_front();
    job_.Finish(std::move(finished));
  }

  ParseJob& job_;
  std::deque<std::unique_ptr<Document>> open_;  // in the order of their pages in the reader
  WorkerTimes times_;
  PageReader reader_;
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
  std::vector<std::thread> workers;
  const int n_workers =
      output_.streams()
          ? 1
          : std::clamp(options_.jobs, 1, std::max(1, static_cast<int>(inputs_.size())));
  running_workers_ = n_workers;
  workers.reserve(static_cast<size_t>(n_workers));
  for (int i = 0; i < n_workers; ++i) workers.emplace_back([this] { Work(); });
  {
    std::unique_lock lock(mutex_);
    while (running_workers_ > 0) {
      ShowProgress();
      changed_.wait_for(lock, std::chrono::milliseconds(100));
    }
  }
  for (std::thread& worker : workers) worker.join();
  progress_->Clear();
  if (options_.stats) PrintStats();
  if (fatal_) return Fail(*fatal_);
  const size_t n = inputs_.size(), finished = done_ + partial_ + skipped_;
  if (Interrupted()) {
    std::fprintf(stderr, "glm-ocr: interrupted; %zu of %zu inputs were finished%s\n", finished, n,
                 options_.out.empty() ? "" : " (--resume goes on from here)");
    return kExitInterrupted;
  }
  if (skipped_ > 0 && !options_.quiet)
    std::fprintf(stderr, "glm-ocr: %zu of %zu inputs were done before\n", skipped_, n);
  if (failed_ == 0 && partial_ == 0) return kExitOk;
  if (n > 1 && failed_ > 0) std::fprintf(stderr, "glm-ocr: %zu of %zu inputs failed\n", failed_, n);
  if (partial_ > 0) {
    std::fprintf(stderr, "glm-ocr: %lld pages of %zu inputs could not be read\n",
                 static_cast<long long>(pages_failed_), partial_);
  }
  return failed_ == n ? kExitFailed : kExitPartial;
}

Status ParseJob::Prepare() {
  GLM_ASSIGN(inputs_, ExpandInputs(options_.inputs));
  GLM_ASSIGN(output_, Output::Open(options_.out, options_.to, options_.output));
  if (!options_.out.empty()) {
    GLM_ASSIGN(journal_, Journal::Open(options_.out));
  }
  GLM_RETURN_IF_ERROR(LoadModel());
  if (layout_ != Layout::kRegions) output_.DoNotStream();
  if (output_.streams()) progress_.emplace(ProgressMode::kOff);  // it would tear the text
  return OkStatus();
}

Status ParseJob::LoadModel() {
  GLM_ASSIGN(std::filesystem::path dir, options_.model.ModelDir());
  options_hash_ = HashOptions(options_, dir);
  GLM_ASSIGN(recognizer_, Recognizer::Load(dir, {.runner = options_.model.ToRunnerOptions(),
                                                 .max_batch = options_.batch,
                                                 .drafts = DraftOptions(options_.drafts),
                                                 .encoder_cache_bytes = kEncoderCacheBytes}));
  if (!options_.quiet) {
    for (const std::string& warning : recognizer_->runner().model().warnings())
      std::fprintf(stderr, "glm-ocr: note: %s\n", warning.c_str());
    const std::string& note = recognizer_->processor().notes();
    if (!note.empty()) std::fprintf(stderr, "glm-ocr: note: %s\n", note.c_str());
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
  PageReaderOptions options = {.layout = layout_,
                               .layout_engine = layout_engine_,
                               .instruction = std::string(InstructionOfTask(options_.task)),
                               .generation = options_.generation,
                               .text_layer = options_.text_layer,
                               .keep_tokens = output_.needs_tokens(),
                               .keep_image = output_.needs_images()};
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

void ParseJob::Work() {
  try {
    Worker(*this).Run();
  } catch (const std::bad_alloc&) {
    std::lock_guard lock(mutex_);
    fatal_ = Error{ErrorCode::kOutOfMemory,
                   "out of memory (use fewer --jobs, a smaller --dpi or a smaller --cache-tokens)"};
  }
  std::lock_guard lock(mutex_);
  --running_workers_;
  changed_.notify_all();
}

std::unique_ptr<ParseJob::Document> ParseJob::Next() {
  while (true) {
    auto document = std::make_unique<Document>();
    const DocumentInput* input = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (fatal_ || next_input_ == inputs_.size() || Interrupted()) return nullptr;
      document->index = next_input_++;
      input = &inputs_[document->index];
      document->name = input->name;
      document->folder = output_.FolderFor(input->name);
    }
    try {
      InputOptions input_options = options_.input;
      input_options.keep_source = output_.needs_source();
      auto opened = OpenDocument(*input, input_options);
      if (!opened.ok()) {
        document->error = opened.error();
        return document;
      }
      document->reader = std::move(*opened);
      document->source = document->reader->source();
      if (journal_) {
        document->hash = document->reader->content_hash().Hex();
        std::lock_guard lock(mutex_);
        if (options_.resume && journal_->IsDone(document->folder, document->hash, options_hash_)) {
          ++skipped_;
          continue;
        }
      }
      auto pages = SelectPages(options_.pages, document->reader->n_pages());
      if (!pages.ok()) {
        document->error = pages.error().With(QuoteUntrusted(document->name));
      } else {
        document->page_numbers = std::move(*pages);
      }
    } catch (const std::bad_alloc&) {
      document->error =
          Error{ErrorCode::kOutOfMemory, QuoteUntrusted(document->name) + ": out of memory"};
    }
    return document;
  }
}

// A page of the document is read: its pictures are written now, so that no page waits in memory.
void ParseJob::TakePage(Document& document, ReadPage page) {
  ReportDifferences(page);
  const auto failed = [&](const std::string& message) {
    auto& pages = document.entry.failed_pages;
    if (pages.empty() || pages.back().first != page.page) pages.emplace_back(page.page, message);
  };
  if (page.error) failed(page.error->message);
  for (const ReadRegion& region : page.regions) {
    if (region.error)
      failed(region.error->With(PageName({page.source, page.page, page.n_pages})).message);
  }
  if (!journal_ && !output_.needs_source()) {
    document.pages.push_back(std::move(page));
    return;
  }
  if (document.error) return;
  if (document.writer == nullptr)
    document.writer = output_.NewWriter(document.folder, document.source);
  const Status written = WriteFiles(document.writer->AddPage(page), &document.entry);
  if (!written.ok()) document.error = written.error();
}

void ParseJob::Finish(std::unique_ptr<Document> document) {
  JournalEntry& entry = document->entry;
  entry.input = document->name;
  entry.folder = document->folder;
  entry.hash = document->hash;
  entry.options = options_hash_;
  entry.pages = static_cast<int>(document->n_pages_done);
  if (!document->error && entry.failed_pages.size() == document->n_pages_done &&
      document->n_pages_done > 0) {
    document->error = Error{ErrorCode::kCorrupt, entry.failed_pages.front().second};
    entry.failed_pages.clear();  // nothing was read
  }
  std::string text;
  if (!document->error) {
    Status status;
    if (journal_) {
      status = WriteFiles(document->writer->Finish(), &entry);
    } else if (document->writer != nullptr) {
      status = ReadFiles(document->writer->Finish(), &text);
    } else {
      Result<std::string> formatted = output_.Format(document->pages);
      if (formatted.ok()) text = std::move(*formatted);
      if (!formatted.ok()) status = formatted.error();
    }
    if (!status.ok()) document->error = status.error();
  }
  if (document->error) entry.error = document->error->message;
  entry.seconds = SecondsSince(document->begun);
  std::lock_guard lock(mutex_);
  if (document->writer != nullptr) {
    for (const Warning& warning : document->writer->warnings()) ReportWarning(entry.input, warning);
  }
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
  if (journal_) {
    if (const Status status = journal_->Append(entry); !status.ok()) Report(status.error().message);
  } else if (output_.streams()) {
    output_.EndStreamedInput();
  } else {
    Print(document->index, std::move(text));
  }
}

Status ParseJob::WriteFiles(const Result<std::vector<OutputFile>>& files, JournalEntry* entry) {
  if (!files.ok()) return files.error();
  for (const OutputFile& file : *files) {
    GLM_RETURN_IF_ERROR(output_.WriteFile(file));
    entry->files.push_back(file.path);
  }
  return OkStatus();
}

// Of a format that is one file.
Status ParseJob::ReadFiles(const Result<std::vector<OutputFile>>& files, std::string* text) {
  if (!files.ok()) return files.error();
  for (const OutputFile& file : *files) {
    if (file.file) {
      GLM_ASSIGN(*text, file.file->ReadAll());
    } else {
      *text = file.bytes;
    }
  }
  return OkStatus();
}

void ParseJob::ReportWarning(const std::string& input, const Warning& warning) {
  if (options_.quiet) return;
  progress_->Clear();
  const std::string page = warning.page > 0 ? fmt::format(" page {}", warning.page) : "";
  std::fprintf(stderr, "warning: %s%s: %s\n", input.c_str(), page.c_str(), warning.message.c_str());
}

// With --text-layer compare.
void ParseJob::ReportDifferences(const ReadPage& page) {
  if (options_.text_layer != TextLayerMode::kCompare || page.error) return;
  std::string read, layer;
  size_t n_differ = 0, n_compared = 0;
  for (const ReadRegion& region : page.regions) {
    if (!region.layer_text) continue;
    ++n_compared;
    if (region.text != *region.layer_text) ++n_differ;
    read += region.text + '\n';
    layer += *region.layer_text + '\n';
  }
  const std::string place = PageName({page.source, page.page, page.n_pages});
  const std::string message =
      n_compared == 0
          ? place + ": no text layer to compare with"
          : fmt::format(
                "{}: text layer and reading differ in {:.2f} % of the characters, {} of {} regions",
                place, 100 * NormalizedEditDistance(CodePoints(read), CodePoints(layer)), n_differ,
                n_compared);
  std::lock_guard lock(mutex_);
  Report(message);
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

bool ParseJob::KeepGoing() const {
  std::lock_guard lock(mutex_);
  return !fatal_ && !Interrupted();
}

void ParseJob::ShowProgress() {
  progress_->Update({.inputs_done = done_ + partial_ + failed_ + skipped_,
                     .inputs_skipped = skipped_,
                     .inputs = inputs_.size(),
                     .pages_done = pages_done_});
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
               static_cast<long long>(pages_done_), times_.load_s, times_.layout_s, times_.write_s,
               s.starved_s, s.span_s, s.span_s > 0 ? 100 * s.starved_s / s.span_s : 0.0);
}

}  // namespace glmocr::cli
