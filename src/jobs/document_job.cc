#include "jobs/document_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "base/seconds_since.h"
#include "base/thread_name.h"
#include "base/untrusted_text.h"

namespace glmocr {
namespace {

using Clock = std::chrono::steady_clock;

// Documents that are open at once, for each thread: an open PDF is a process and a few pages.
constexpr size_t kOpenPerThread = 4;
// How long a run waits for its last pages while others would go on.
constexpr auto kSlice = std::chrono::milliseconds(50);

}  // namespace

std::string_view DocumentStatusName(const DocumentOutcome& outcome) {
  if (outcome.error) return outcome.error->code == ErrorCode::kCancelled ? "cancelled" : "failed";
  if (outcome.pages_failed == 0) return "succeeded";
  return outcome.pages_failed < outcome.pages_read ? "partial" : "failed";
}

std::optional<Error> DocumentFailure(const DocumentOutcome& outcome) {
  if (outcome.error || outcome.skipped) return outcome.error;
  if (outcome.pages_failed < outcome.pages_read) return std::nullopt;
  return Error{ErrorCode::kCorrupt, outcome.first_failure};
}

std::optional<Error> PageFailure(const ReadPage& page) {
  if (page.error) return page.error;
  for (const ReadRegion& region : page.regions) {
    if (region.error) return region.error->With(PageName({page.source, page.page, page.n_pages}));
  }
  return std::nullopt;
}

DocumentJob::DocumentJob(Recognizer& recognizer, DocumentTask task)
    : recognizer_(recognizer), owner_(task.owner), task_(std::move(task)) {}
DocumentJob::~DocumentJob() = default;

bool DocumentJob::Stopped() const {
  return cancelled_ || outcome_.error || Clock::now() >= deadline_;
}

bool DocumentJob::Step(const std::function<bool()>& others_wait) {
  try {
    const std::function<bool()> keep_going = [this] { return !Stopped(); };
    if (Stopped()) {
      End();
      return false;
    }
    if (!reader_) {
      Open();
      if (outcome_.skipped) {
        End();
        return false;
      }
    } else if (next_ < pages_.size()) {
      const size_t i = next_++;
      std::optional<ReadPage> known;
      if (checkpoints_) known = checkpoints_->Recall(pages_[i]);
      if (known) known->source = task_.name;  // it may be named otherwise this time
      pages_begun_.push_back({Clock::now(), known.has_value()});
      outcome_.load_s +=
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

void DocumentJob::Open() {
  begun_at_ = Clock::now();
  if (task_.observer != nullptr) task_.observer->DocumentBegun();
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
  auto selection = SelectPages(task_.pages, document_->n_pages());
  if (!selection.ok()) {
    outcome_.error = selection.error().With(QuoteUntrusted(task_.name));
    return;
  }
  pages_ = std::move(selection->pages);
  if (task_.max_pages > 0 && pages_.size() > static_cast<size_t>(task_.max_pages)) {
    outcome_.error = Error{
        ErrorCode::kResourceExhausted,
        fmt::format("{} pages are more than this server reads at once, {} (name fewer in 'pages')",
                    pages_.size(), task_.max_pages)};
    return;
  }
  if (!selection->missing.empty()) {
    outcome_.warnings.push_back({WarningKind::kPagesMissing, 0,
                                 fmt::format("there is no page {}; the document has {}",
                                             selection->missing, document_->n_pages())});
  }
  if (task_.on_open) {
    auto use = task_.on_open({.pages = pages_,
                              .n_pages = document_->n_pages(),
                              .content_hash = document_->content_hash(),
                              .warnings = outcome_.warnings});
    if (!use.ok()) {
      outcome_.error = use.error();
      return;
    }
    outcome_.skipped = !use->read;
    checkpoints_ = std::move(use->checkpoints);
    if (outcome_.skipped) return;
  }
  reader_ = std::make_unique<PageReader>(recognizer_, task_.reader,
                                         [this](ReadPage page) { TakePage(std::move(page)); });
}

void DocumentJob::TakePage(ReadPage page) {
  const PageBegun begun = pages_begun_.front();
  pages_begun_.pop_front();
  if (outcome_.error) return;
  const std::optional<Error> failure = PageFailure(page);
  for (const ReadRegion& region : page.regions) {
    // The engine stops: the page is not what it would have been.
    if (region.finish == FinishReason::kCancelled) cancelled_ = true;
  }
  if (cancelled_) return;
  ++outcome_.pages_read;
  if (begun.recalled) {
    ++outcome_.pages_recalled;
  } else {
    if (task_.observer != nullptr) task_.observer->DocumentPage(SecondsSince(begun.at), !failure);
    if (checkpoints_) checkpoints_->Keep(page);
  }
  if (failure) {
    ++outcome_.pages_failed;
    if (outcome_.first_failure.empty()) outcome_.first_failure = failure->message;
  }
  if (const Status status = task_.on_page(std::move(page)); !status.ok())
    outcome_.error = status.error();
}

void DocumentJob::End() {
  reader_.reset();  // cancels its crops
  document_.reset();
  const auto n_pages = static_cast<int>(pages_.size());
  if (!outcome_.error && !outcome_.skipped &&
      (cancelled_ || outcome_.pages_read < n_pages || n_pages == 0)) {
    outcome_.error =
        Error{ErrorCode::kCancelled, cancelled_ ? "cancelled" : "the time for a document is over"};
  }
  if (begun_at_) outcome_.seconds = SecondsSince(*begun_at_);
  if (task_.observer != nullptr && begun_at_)
    task_.observer->DocumentEnded(DocumentStatusName(outcome_), outcome_.seconds);
  DocumentTask task = std::move(task_);
  task_ = {};
  task.on_done(outcome_);
}

DocumentThreads::DocumentThreads(int n_threads, size_t max_open)
    : max_open_(max_open > 0 ? max_open : kOpenPerThread * static_cast<size_t>(n_threads)) {
  try {
    for (int i = 0; i < n_threads; ++i) threads_.emplace_back([this] { Work(); });
  } catch (...) {  // the system has no more threads: those that run end
    Stop();
    throw;
  }
}

DocumentThreads::~DocumentThreads() { Stop(); }

void DocumentThreads::Add(std::shared_ptr<DocumentJob> job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) job->Cancel();
    waiting_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void DocumentThreads::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& job : waiting_) job->Cancel();
    for (const auto& job : stepping_) job->Cancel();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // What came while the threads ended.
  while (true) {
    std::shared_ptr<DocumentJob> job;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    job->Cancel();
    job->Step([] { return false; });
  }
}

// Of those that may go on, the first of the owner whose last turn is longest ago.
std::shared_ptr<DocumentJob> DocumentThreads::Take() {
  auto best = waiting_.end();
  uint64_t best_turn = 0;
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    const auto share = shares_.find((*at)->owner());
    const size_t limit = share == shares_.end() ? 2 * max_open_ : max_open_;
    if (!(*at)->opened() && n_open_ >= limit && !stopping_) continue;
    const uint64_t turn = share == shares_.end() ? 0 : share->second.turn;
    if (best != waiting_.end() && turn >= best_turn) continue;
    best = at;
    best_turn = turn;
  }
  if (best == waiting_.end()) return nullptr;
  std::shared_ptr<DocumentJob> job = std::move(*best);
  waiting_.erase(best);
  Share& share = shares_[job->owner()];
  share.turn = ++n_turns_;
  if (!job->opened()) {
    ++share.n_open;
    ++n_open_;
  }
  return job;
}

void DocumentThreads::Work() {
  NameThread("documents");
  const auto others_wait = [this] {
    std::lock_guard lock(mutex_);
    return !waiting_.empty();
  };
  while (true) {
    std::shared_ptr<DocumentJob> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return (job = Take()) != nullptr || stopping_; });
      if (!job) return;
      stepping_.push_back(job);
    }
    const bool more = job->Step(others_wait);
    {
      std::lock_guard lock(mutex_);
      stepping_.erase(std::find(stepping_.begin(), stepping_.end(), job));
      if (more) {
        if (stopping_) job->Cancel();
        waiting_.push_back(std::move(job));
      } else {
        --n_open_;
        const auto share = shares_.find(job->owner());
        if (--share->second.n_open == 0) shares_.erase(share);
      }
    }
    changed_.notify_one();
  }
}

}  // namespace glmocr
