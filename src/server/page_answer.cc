#include "server/page_answer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>

#include "format/sdk_pages.h"
#include "jobs/document_job.h"
#include "server/document_request.h"

namespace glmocr::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kBetween = "\n\n";  // blocks, pages and documents

double SecondsBetween(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f") == std::string_view::npos;
}

// A document that tells whether there is ink on any of its pages.
class InkWatch : public DocumentReader {
 public:
  InkWatch(std::unique_ptr<DocumentReader> document, std::shared_ptr<bool> has_ink)
      : document_(std::move(document)), has_ink_(std::move(has_ink)) {}
  int n_pages() const override { return document_->n_pages(); }
  Hash128 content_hash() const override { return document_->content_hash(); }
  Result<InputPage> Read(int index, int next) override {
    GLM_ASSIGN(InputPage page, document_->Read(index, next));
    if (!*has_ink_) *has_ink_ = HasInk(page.image);
    return page;
  }

 private:
  const std::unique_ptr<DocumentReader> document_;
  const std::shared_ptr<bool> has_ink_;
};

// The Markdown of a page's first regions, in parts; `more_comes` as SdkMarkdownParts.
std::vector<std::string> PartsOf(const ReadPage& page, bool line, bool more_comes) {
  if (line) {
    std::string text = PlainText(page, {});
    while (text.ends_with('\n')) text.pop_back();
    return {std::move(text)};
  }
  return SdkMarkdownParts(ConvertPage(page, {.pictures = false}).regions, more_comes);
}

// Text up to the first stop string, as it comes in pieces.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // What may go out of `text` and of what was held back. `found`: the stop string, if it is there.
  std::string Push(std::string_view text, std::string* found) {
    held_ += text;
    size_t at = std::string::npos;
    for (const std::string& stop : stops_) {
      const size_t here = held_.find(stop);
      if (here < at) {
        at = here;
        *found = stop;
      }
    }
    size_t n = at != std::string::npos ? at : held_.size();
    if (at == std::string::npos) {
      for (const std::string& stop : stops_) n = std::min(n, BeginOf(stop));
    }
    std::string out = held_.substr(0, n);
    held_.erase(0, n);
    return out;
  }
  std::string Flush() { return std::exchange(held_, {}); }

 private:
  // Where the held text's longest end begins that `stop` may begin with.
  size_t BeginOf(std::string_view stop) const {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > 0; --n) {
      if (held_.ends_with(stop.substr(0, n))) return held_.size() - n;
    }
    return held_.size();
  }

  const std::vector<std::string> stops_;
  std::string held_;
};

// One request's pages. All but Cancel runs on one document thread at a time.
class PageAnswer : public std::enable_shared_from_this<PageAnswer> {
 public:
  PageAnswer(Service& service, GenerationTask task)
      : service_(service),
        task_(std::move(task)),
        stops_(task_.options.stop_strings),
        deadline_(begun_ + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(service.config.request_timeout_s))) {
    result_.choices.resize(static_cast<size_t>(task_.n));
  }

  // The client has gone. Any thread.
  void Cancel() {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (run_) run_->Cancel();
  }

  // Reads the next document.
  void Next() {
    PagesToRead::Document& document = task_.pages->documents[document_];
    pages_taken_ = 0;
    document_has_text_ = false;
    separator_before_ = separator_;
    if (has_text_) separator_ += kBetween;
    DocumentTask task;
    task.name = document.name;
    task.open = [open = std::move(document.open),
                 has_ink = has_ink_]() -> Result<std::unique_ptr<DocumentReader>> {
      GLM_ASSIGN(auto opened, open());
      return std::unique_ptr<DocumentReader>(
          std::make_unique<InkWatch>(std::move(opened), has_ink));
    };
    task.max_pages = std::max(1, service_.config.max_pages - pages_before_);
    task.time_s = std::max(0.001, SecondsBetween(Clock::now(), deadline_));
    task.reader = ReaderOptionsOf(service_, {});
    line_ = document.line;
    if (line_) task.reader.layout = Layout::kLines;
    task.reader.keep_tokens = false;
    task.reader.generation.priority = kInteractivePriority;
    const auto self = shared_from_this();
    task.reader.on_region = [self](const ReadPage& page, size_t region) {
      self->TakeRegion(page, region);
    };
    task.on_open = [self](const OpenedDocument&) -> Result<OpenedUse> {
      if (self->result_.timing.queued_s == 0)
        self->result_.timing.queued_s = SecondsBetween(self->begun_, Clock::now());
      return OpenedUse();
    };
    task.on_page = [self](const ReadPage& page) { return self->TakePage(page); };
    task.on_done = [self](const DocumentOutcome& outcome) { self->DocumentDone(outcome); };
    task.observer = &service_.metrics;
    const auto run = std::make_shared<DocumentJob>(service_.recognizer, std::move(task));
    {
      std::lock_guard lock(mutex_);
      run_ = run;
      if (cancelled_) run->Cancel();
    }
    service_.page_threads.Add(run);
  }

 private:
  // The page's beginning that is complete goes out.
  void TakeRegion(const ReadPage& page, size_t region) {
    if (Ended()) return;
    Usage& usage = result_.usage;
    const Usage& more = page.regions[region].usage;
    usage.prompt_tokens += more.prompt_tokens;
    usage.cached_prompt_tokens += more.cached_prompt_tokens;
    usage.completion_tokens += more.completion_tokens;
    usage.drafted_tokens += more.drafted_tokens;
    usage.accepted_tokens += more.accepted_tokens;
    usage.preemptions += more.preemptions;
    if (more.completion_tokens > 0 && result_.timing.first_token_s == 0)
      result_.timing.first_token_s = SecondsBetween(begun_, Clock::now());
    if (line_) return;
    std::vector<bool>& complete = complete_[page.page];
    complete.resize(page.regions.size());
    complete[region] = true;
    if (page.page != pages_taken_ + 1) return;
    const size_t known = beginning_.regions.size();
    size_t n = known;
    while (n < complete.size() && complete[n]) ++n;
    if (n == known || n == complete.size()) return;  // the whole page follows
    if (known == 0) {
      beginning_.layout = page.layout;
      beginning_.width_px = page.width_px;
      beginning_.height_px = page.height_px;
    }
    beginning_.regions.insert(beginning_.regions.end(),
                              page.regions.begin() + static_cast<ptrdiff_t>(known),
                              page.regions.begin() + static_cast<ptrdiff_t>(n));
    SendParts(PartsOf(beginning_, false, true));
  }

  Status TakePage(const ReadPage& page) {
    for (Warning warning : page.warnings) {
      warning.page = pages_before_ + page.page;
      warnings_.push_back(std::move(warning));
    }
    // One failure tells enough of a page.
    std::optional<Error> failure = page.error;
    for (const ReadRegion& region : page.regions) {
      if (region.error && !failure) failure = region.error;
    }
    if (failure) {
      warnings_.push_back({WarningKind::kNoText, pages_before_ + page.page,
                           "Not all of the page was read: " + failure->message});
    }
    if (!Ended()) SendParts(PartsOf(page, line_, false));
    ++pages_taken_;
    complete_.erase(page.page);
    beginning_ = {};
    parts_sent_ = 0;
    separator_ += kBetween;
    return OkStatus();
  }

  void SendParts(const std::vector<std::string>& parts) {
    for (; parts_sent_ < parts.size() && !Ended(); ++parts_sent_) {
      if (parts_sent_ > 0) separator_ = kBetween;
      Send(std::exchange(separator_, {}) + parts[parts_sent_]);
      const bool blank = IsBlank(parts[parts_sent_]);
      has_text_ |= !blank;
      document_has_text_ |= !blank;
    }
  }

  // At most max_tokens of the text; not what stands behind a stop string.
  void Send(std::string text) {
    bool full = false;
    const int64_t before = tokens_sent_;
    const Tokenizer& tokenizer = service_.recognizer.processor().tokenizer();
    if (const auto ids = tokenizer.Encode(text, EncodeMode::kPlainText); ids.ok()) {
      const int64_t left = task_.pages->max_tokens - tokens_sent_;
      const auto n = std::min(static_cast<int64_t>(ids->size()), left);
      full = n < static_cast<int64_t>(ids->size());
      if (full) {
        const std::string cut =
            tokenizer.Decode(std::span(*ids).first(static_cast<size_t>(n)), SpecialTokens::kKeep);
        // A character that is not whole goes.
        size_t same = 0;
        while (same < std::min(cut.size(), text.size()) && cut[same] == text[same]) ++same;
        while (same > 0 && same < text.size() && (static_cast<uint8_t>(text[same]) & 0xC0) == 0x80)
          --same;
        text.resize(same);
      }
      tokens_sent_ += n;
    }
    std::string stop;
    const std::string out = stops_.Push(text, &stop);
    if (!stop.empty()) {  // what is behind it does not go out
      const auto ids = tokenizer.Encode(out, EncodeMode::kPlainText);
      if (ids.ok()) tokens_sent_ = before + static_cast<int64_t>(ids->size());
    }
    Deliver(out);
    if (!stop.empty()) return EndEarly(FinishReason::kStopString, stop);
    if (full) {
      Deliver(stops_.Flush());
      EndEarly(FinishReason::kLength, {});
    }
  }

  void Deliver(const std::string& text) {
    if (text.empty()) return;
    for (int c = 0; c < task_.n; ++c) {
      if (task_.on_delta) task_.on_delta(c, text, {});
      if (task_.keep_text) result_.choices[static_cast<size_t>(c)].text += text;
    }
  }

  bool Ended() const { return early_.has_value(); }
  void EndEarly(FinishReason reason, const std::string& stop_string) {
    early_ = reason;
    stop_string_ = stop_string;
    std::lock_guard lock(mutex_);
    if (run_) run_->Cancel();
  }

  void DocumentDone(const DocumentOutcome& outcome) {
    const bool failed = outcome.pages_read > 0 && outcome.pages_failed == outcome.pages_read;
    if (Ended()) return Finish(*early_, {});
    if (outcome.error && outcome.error->code == ErrorCode::kCancelled) {
      Deliver(stops_.Flush());
      bool gone = false;
      {
        std::lock_guard lock(mutex_);
        gone = cancelled_;
      }
      const bool late = !gone && Clock::now() >= deadline_;
      return Finish(late ? FinishReason::kDeadline : FinishReason::kCancelled, {});
    }
    if (outcome.error) return Finish(FinishReason::kError, outcome.error);
    pages_failed_ += outcome.pages_failed;
    pages_before_ += pages_taken_;
    if (failed && first_failure_.empty()) first_failure_ = outcome.first_failure;
    separator_.resize(separator_.size() - std::min(separator_.size(), kBetween.size()));
    if (!document_has_text_) separator_ = separator_before_;
    if (++document_ < task_.pages->documents.size()) return Next();
    if (pages_failed_ == pages_before_ && pages_failed_ > 0)
      return Finish(FinishReason::kError, Error{ErrorCode::kCorrupt, first_failure_});
    if (!has_text_ && *has_ink_) return Finish(FinishReason::kError, NoTextFound());
    Deliver(stops_.Flush());
    Finish(FinishReason::kStop, {});
  }

  void Finish(FinishReason reason, const std::optional<Error>& error) {
    {
      std::lock_guard lock(mutex_);
      run_.reset();
    }
    result_.timing.total_s = SecondsBetween(begun_, Clock::now());
    service_.metrics.Generation(
        {.reason = reason, .usage = result_.usage, .timing = result_.timing});
    // Clients hold it against max_tokens and the text that they got.
    result_.usage.completion_tokens = tokens_sent_;
    for (int c = 0; c < task_.n; ++c) {
      Choice& choice = result_.choices[static_cast<size_t>(c)];
      choice.finish = reason;
      choice.stop_string = stop_string_;
      choice.error = error;
      choice.warnings = warnings_;
      if (task_.on_choice) task_.on_choice(c, choice);
    }
    for (const Admission::Ticket& ticket : task_.held) ticket->Leave();
    task_.held.clear();
    task_.on_done(std::move(result_));
  }

  Service& service_;
  GenerationTask task_;
  GenerationResult result_;
  StopStrings stops_;
  const Clock::time_point begun_ = Clock::now();
  const Clock::time_point deadline_;

  size_t document_ = 0;
  bool line_ = false;     // this document is one
  int pages_before_ = 0;  // of the documents before this one
  int pages_taken_ = 0;   // of this document
  int pages_failed_ = 0;
  std::string first_failure_;
  const std::shared_ptr<bool> has_ink_ = std::make_shared<bool>(false);  // on any page
  bool has_text_ = false, document_has_text_ = false;
  std::map<int, std::vector<bool>> complete_;  // by page, its regions
  ReadPage beginning_;                         // of the page whose turn it is: its first regions
  size_t parts_sent_ = 0;                      // of that page
  std::string separator_;         // goes before the next text; `parse` has one for blank pages, too
  std::string separator_before_;  // the same, before this document
  int64_t tokens_sent_ = 0;
  std::optional<FinishReason> early_;  // the text is complete before the pages are
  std::string stop_string_;
  std::vector<Warning> warnings_;

  std::mutex mutex_;  // of the following
  std::shared_ptr<DocumentJob> run_;
  bool cancelled_ = false;
};

}  // namespace

bool HasInk(const Image& picture) {
  // Pixels that differ so much from the ground, in any colour; fewer are dust.
  constexpr int kContrast = 48;
  constexpr int64_t kMinPixels = 40;
  if (picture.empty()) return false;
  // The ground: the median of each colour.
  std::array<std::array<int64_t, 256>, 3> counts = {};
  for (int y = 0; y < picture.height_px; ++y) {
    const uint8_t* pixel = picture.row(y);
    for (int x = 0; x < picture.width_px; ++x) {
      for (size_t c = 0; c < 3; ++c) ++counts[c][*pixel++];
    }
  }
  const int64_t half = int64_t{picture.width_px} * picture.height_px / 2;
  int64_t most = 0;
  for (const auto& count : counts) {
    int ground = 0;
    for (int64_t below = count[0]; below <= half;) below += count[static_cast<size_t>(++ground)];
    int64_t differ = 0;
    for (int v = 0; v < 256; ++v) {
      if (std::abs(v - ground) > kContrast) differ += count[static_cast<size_t>(v)];
    }
    most = std::max(most, differ);
  }
  return most >= kMinPixels;
}

Error NoTextFound() {
  return {
      ErrorCode::kInvalidArgument,
      "No text was found in the picture. If it shows text, send it upright, dark on light, with "
      "letters of 20 pixels or more (200 dpi)."};
}

void StartPages(Service& service, const std::shared_ptr<Responder>& responder,
                GenerationTask task) {
  const auto answer = std::make_shared<PageAnswer>(service, std::move(task));
  responder->OnGone([weak = std::weak_ptr<PageAnswer>(answer)] {
    if (const auto alive = weak.lock()) alive->Cancel();
  });
  answer->Next();
}

}  // namespace glmocr::server
