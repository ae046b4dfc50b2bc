// One document being read, and the threads that read documents: what the command line and the
// server have in common.
//
// A job goes on step by step, a page at a time, so that a few threads serve any number of documents
// in turn: a single page does not wait for the end of a book. All jobs' crops share the
// recogniser's batches. Pages that are read are kept (page_checkpoints.h) where the caller wants
// it, so that another process may go on with the document.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "document/warning.h"
#include "jobs/page_checkpoints.h"
#include "pipeline/document_pages.h"

namespace glmocr {

struct DocumentOutcome {
  int pages_read = 0;         // handed to on_page, failed and recalled ones included
  int pages_recalled = 0;     // of those
  int pages_failed = 0;       // could not be read, wholly or in part
  std::string first_failure;  // of those
  bool skipped = false;       // on_open said that nothing is to be read
  // Of the document as a whole; those of pages are with the pages.
  std::vector<Warning> warnings;
  double load_s = 0;  // waiting for pages' pictures
  double seconds = 0;
  // Why it ended early: kCancelled for Cancel and the deadline, else what on_open or on_page
  // returned, or why the document could not be opened.
  std::optional<Error> error;
};

// "succeeded", "failed", "cancelled", "partial".
std::string_view DocumentStatusName(const DocumentOutcome& outcome);

// Why nothing of it is worth writing: its error, or that no page could be read. Nothing for a
// document of which something was read, and for one that was skipped.
std::optional<Error> DocumentFailure(const DocumentOutcome& outcome);

// The first reason why a page is not complete: its own error, or that of a region.
std::optional<Error> PageFailure(const ReadPage& page);

struct OpenedDocument {
  const std::vector<int>& pages;  // those that will be read, from 1
  int n_pages = 0;                // of the file
  Hash128 content_hash;
  const std::vector<Warning>& warnings;  // so far, of the document as a whole
};

// What on_open decides.
struct OpenedUse {
  bool read = true;                            // false: it is done already
  std::optional<PageCheckpoints> checkpoints;  // where pages are kept, and recalled from
};

// Told what happens, on any document thread.
class DocumentObserver {
 public:
  virtual ~DocumentObserver() = default;
  virtual void DocumentBegun() = 0;
  // Not of recalled pages.
  virtual void DocumentPage(double seconds, bool ok) = 0;
  virtual void DocumentEnded(std::string_view status, double seconds) = 0;
};

// Callbacks run on a document thread, one at a time.
struct DocumentTask {
  std::function<Result<std::unique_ptr<DocumentReader>>()> open;
  std::string name;   // ReadPage::source
  std::string owner;  // whose documents take turns with others' as a whole
  std::string pages;  // as --pages
  int max_pages = 0;  // to be read; more is an error; 0: no bound
  PageReaderOptions reader;
  double time_s = 0;  // from opening to the end; 0: no bound
  // The document is open. May be empty.
  std::function<Result<OpenedUse>(const OpenedDocument&)> on_open;
  std::function<Status(ReadPage)> on_page;              // in order
  std::function<void(const DocumentOutcome&)> on_done;  // once, at the end
  DocumentObserver* observer = nullptr;                 // may be null
};

class DocumentJob {
 public:
  DocumentJob(Recognizer& recognizer, DocumentTask task);
  ~DocumentJob();

  // Ends it soon, from any thread.
  void Cancel() { cancelled_ = true; }

  // Goes on for about a page. False when it has ended; on_done was called then. `others_wait` is
  // asked during waits that may be left and taken up again.
  bool Step(const std::function<bool()>& others_wait);
  const std::string& owner() const { return owner_; }
  bool opened() const { return reader_ != nullptr; }

 private:
  bool Stopped() const;
  void Open();
  void TakePage(ReadPage page);
  void End();

  Recognizer& recognizer_;
  const std::string owner_;
  DocumentTask task_;
  std::atomic<bool> cancelled_{false};
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  std::unique_ptr<DocumentReader> document_;
  std::unique_ptr<PageReader> reader_;
  std::optional<PageCheckpoints> checkpoints_;
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
  // `max_open`: documents that are open at once (an open PDF is a process and a few pages); 0: a
  // few for each thread. An owner who has none open gets one nevertheless, until it is twice as
  // many.
  explicit DocumentThreads(int n_threads, size_t max_open = 0);
  ~DocumentThreads();  // Stop

  void Add(std::shared_ptr<DocumentJob> job);
  // Cancels every job and waits for their ends.
  void Stop();

 private:
  void Work();
  std::shared_ptr<DocumentJob> Take();  // with the lock

  const size_t max_open_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<DocumentJob>> waiting_;
  // Of owners with open documents.
  struct Share {
    size_t n_open = 0;
    uint64_t turn = 0;  // the last one, by number
  };
  std::map<std::string, Share> shares_;
  uint64_t n_turns_ = 0;
  std::vector<std::shared_ptr<DocumentJob>> stepping_;
  size_t n_open_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace glmocr
