// One document being read, and the threads that read documents.
//
// A run goes on step by step, a page at a time, so that a few threads serve any number of documents
// in turn: a single page does not wait for the end of a book. All runs' crops share the
// recogniser's batches.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/document_pages.h"
#include "server/metrics.h"

namespace glmocr::server {

struct DocumentOutcome {
  int pages_read = 0;         // handed to on_page, failed and recalled ones included
  int pages_recalled = 0;     // of those
  int pages_failed = 0;       // could not be read, wholly or in part
  std::string first_failure;  // of those
  // Why it ended early: kCancelled for Cancel and the deadline, else what on_open or on_page
  // returned, or why the document could not be opened.
  std::optional<Error> error;
};

// Callbacks run on a document thread, one at a time.
struct DocumentTask {
  std::function<Result<std::unique_ptr<DocumentReader>>()> open;
  std::string name;   // ReadPage::source
  std::string pages;  // as --pages
  int max_pages = 0;  // to be read; more is an error
  PageReaderOptions reader;
  double time_s = 0;  // from opening to the end; 0: no bound
  // The document is open: the pages that will be read (from 1), and how many it has. May be empty.
  std::function<Status(const std::vector<int>& pages, int n_pages)> on_open;
  // A page as it was read before (by a process that has ended), without its picture, or nothing: it
  // is to be read. May be empty.
  std::function<std::optional<ReadPage>(int page)> recall;
  // A page was read, not recalled; on_page follows. May be empty.
  std::function<void(const ReadPage&)> on_read;
  std::function<Status(ReadPage)> on_page;              // in order
  std::function<void(const DocumentOutcome&)> on_done;  // once, at the end
  // Told of pages that were not recalled, and of ends; may be null.
  Metrics* metrics = nullptr;
};

class DocumentRun {
 public:
  DocumentRun(Recognizer& recognizer, DocumentTask task);
  ~DocumentRun();

  // Ends it soon, from any thread.
  void Cancel() { cancelled_ = true; }

  // Goes on for about a page. False when it has ended; on_done was called then. `others_wait` is
  // asked during waits that may be left and taken up again.
  bool Step(const std::function<bool()>& others_wait);
  bool opened() const { return reader_ != nullptr; }

 private:
  bool Stopped() const;
  void Open();
  void TakePage(ReadPage page);
  void End();

  Recognizer& recognizer_;
  DocumentTask task_;
  std::atomic<bool> cancelled_{false};
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::unique_ptr<DocumentReader> document_;
  std::unique_ptr<PageReader> reader_;
  std::vector<int> pages_;
  size_t next_ = 0;
  DocumentOutcome outcome_;
  std::optional<std::chrono::steady_clock::time_point> begun_at_;
  struct PageBegun {
    std::chrono::steady_clock::time_point at;
    bool recalled = false;
  };
  std::deque<PageBegun> pages_begun_;  // those not taken yet
};

class DocumentThreads {
 public:
  explicit DocumentThreads(int n_threads);
  ~DocumentThreads();  // Stop

  void Add(std::shared_ptr<DocumentRun> run);
  // Cancels every run and waits for their ends.
  void Stop();

 private:
  void Work();
  std::shared_ptr<DocumentRun> Take();  // with the lock

  const size_t max_open_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<DocumentRun>> waiting_;
  std::vector<std::shared_ptr<DocumentRun>> stepping_;
  size_t n_open_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace glmocr::server
