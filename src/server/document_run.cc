#include "server/document_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "base/thread_name.h"

namespace glmocr::server {
namespace {

using Clock = std::chrono::steady_clock;

// Documents that are open at once, for each thread: an open PDF is a process and a few pages.
constexpr size_t kOpenPerThread = 4;
// How long a run waits for its last pages while others would go on.
constexpr auto kSlice = std::chrono::milliseconds(50);

double SecondsSince(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

// The label of glmocr_documents_total.
const char* StatusOf(const DocumentOutcome& outcome) {
  if (outcome.error) return outcome.error->code == ErrorCode::kCancelled ? "cancelled" : "failed";
  if (outcome.pages_failed == 0) return "succeeded";
  return outcome.pages_failed < outcome.pages_read ? "partial" : "failed";
}

}  // namespace

DocumentRun::DocumentRun(Recognizer& recognizer, DocumentTask task)
    : recognizer_(recognizer), task_(std::move(task)) {}
DocumentRun::~DocumentRun() = default;

bool DocumentRun::Stopped() const {
  return cancelled_ || outcome_.error || Clock::now() >= deadline_;
}

bool DocumentRun::Step(const std::function<bool()>& others_wait) {
  try {
    const std::function<bool()> keep_going = [this] { return !Stopped(); };
    if (Stopped()) {
      End();
      return false;
    }
    if (!reader_) {
      Open();
    } else if (next_ < pages_.size()) {
      const size_t i = next_++;
      std::optional<ReadPage> known;
      if (task_.recall) known = task_.recall(pages_[i]);
      pages_begun_.push_back({Clock::now(), known.has_value()});
      AddDocumentPage(*reader_, *document_, {task_.name, pages_[i], document_->n_pages()},
                      i + 1 < pages_.size() ? pages_[i + 1] : 0, keep_going, std::move(known));
      if (next_ == pages_.size()) document_.reset();
    } else {
      const Clock::time_point slice_end = Clock::now() + kSlice;
      const auto wait_on = [&] {
        return !Stopped() && (Clock::now() < slice_end || !others_wait());
      };
      if (reader_->Finish(wait_on)) {
        End();
        return false;
      }
    }
    if (!Stopped()) return true;
  } catch (const std::bad_alloc&) {
    outcome_.error = Error{ErrorCode::kOutOfMemory, "out of memory"};
  } catch (const std::exception& e) {
    outcome_.error = Error{ErrorCode::kInternal, e.what()};
  }
  End();
  return false;
}

void DocumentRun::Open() {
  begun_at_ = Clock::now();
  if (task_.metrics != nullptr) task_.metrics->DocumentBegun();
  if (task_.time_s > 0) {
    deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(task_.time_s));
  }
  auto opened = task_.open();
  if (!opened.ok()) {
    outcome_.error = opened.error();
    return;
  }
  document_ = std::move(*opened);
  auto pages = SelectPages(task_.pages, document_->n_pages());
  if (!pages.ok()) {
    outcome_.error = pages.error();
    return;
  }
  if (pages->size() > static_cast<size_t>(task_.max_pages)) {
    outcome_.error = Error{
        ErrorCode::kResourceExhausted,
        fmt::format("{} pages are more than this server reads at once, {} (name fewer in 'pages')",
                    pages->size(), task_.max_pages)};
    return;
  }
  pages_ = std::move(*pages);
  if (task_.on_open) {
    if (const Status status = task_.on_open(pages_, document_->n_pages()); !status.ok()) {
      outcome_.error = status.error();
      return;
    }
  }
  reader_ = std::make_unique<PageReader>(recognizer_, task_.reader,
                                         [this](ReadPage page) { TakePage(std::move(page)); });
}

void DocumentRun::TakePage(ReadPage page) {
  const PageBegun begun = pages_begun_.front();
  pages_begun_.pop_front();
  if (outcome_.error) return;
  std::optional<Error> failure = page.error;
  for (const ReadRegion& region : page.regions) {
    if (region.error && !failure)
      failure = region.error->With(PageName({page.source, page.page, page.n_pages}));
    // The engine stops: the page is not what it would have been.
    if (region.finish == FinishReason::kCancelled) cancelled_ = true;
  }
  if (cancelled_) return;
  ++outcome_.pages_read;
  if (begun.recalled) {
    ++outcome_.pages_recalled;
  } else {
    if (task_.metrics != nullptr) task_.metrics->DocumentPage(SecondsSince(begun.at), !failure);
    if (task_.on_read) task_.on_read(page);
  }
  if (failure) {
    ++outcome_.pages_failed;
    if (outcome_.first_failure.empty()) outcome_.first_failure = failure->message;
  }
  if (const Status status = task_.on_page(std::move(page)); !status.ok())
    outcome_.error = status.error();
}

void DocumentRun::End() {
  reader_.reset();  // cancels its crops
  document_.reset();
  const auto n_pages = static_cast<int>(pages_.size());
  if (!outcome_.error && (cancelled_ || outcome_.pages_read < n_pages || n_pages == 0)) {
    outcome_.error =
        Error{ErrorCode::kCancelled, cancelled_ ? "cancelled" : "the time for a document is over"};
  }
  if (task_.metrics != nullptr && begun_at_)
    task_.metrics->DocumentEnded(StatusOf(outcome_), SecondsSince(*begun_at_));
  DocumentTask task = std::move(task_);
  task_ = {};
  task.on_done(outcome_);
}

DocumentThreads::DocumentThreads(int n_threads)
    : max_open_(kOpenPerThread * static_cast<size_t>(n_threads)) {
  for (int i = 0; i < n_threads; ++i) threads_.emplace_back([this] { Work(); });
}

DocumentThreads::~DocumentThreads() { Stop(); }

void DocumentThreads::Add(std::shared_ptr<DocumentRun> run) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) run->Cancel();
    waiting_.push_back(std::move(run));
  }
  changed_.notify_one();
}

void DocumentThreads::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& run : waiting_) run->Cancel();
    for (const auto& run : stepping_) run->Cancel();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // What came while the threads ended.
  while (true) {
    std::shared_ptr<DocumentRun> run;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      run = std::move(waiting_.front());
      waiting_.pop_front();
    }
    run->Cancel();
    run->Step([] { return false; });
  }
}

// The first in line that may go on.
std::shared_ptr<DocumentRun> DocumentThreads::Take() {
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    const bool open = (*at)->opened();
    if (!open && n_open_ >= max_open_ && !stopping_) continue;
    std::shared_ptr<DocumentRun> run = std::move(*at);
    waiting_.erase(at);
    if (!open) ++n_open_;
    return run;
  }
  return nullptr;
}

void DocumentThreads::Work() {
  NameThread("documents");
  const auto others_wait = [this] {
    std::lock_guard lock(mutex_);
    return !waiting_.empty();
  };
  while (true) {
    std::shared_ptr<DocumentRun> run;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return (run = Take()) != nullptr || stopping_; });
      if (!run) return;
      stepping_.push_back(run);
    }
    const bool more = run->Step(others_wait);
    {
      std::lock_guard lock(mutex_);
      stepping_.erase(std::find(stepping_.begin(), stepping_.end(), run));
      if (more) {
        if (stopping_) run->Cancel();
        waiting_.push_back(std::move(run));
      } else {
        --n_open_;
      }
    }
    changed_.notify_one();
  }
}

}  // namespace glmocr::server
