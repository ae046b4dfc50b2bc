// One document that a worker process reads page by page: the part that PDF files and pictures have
// in common.
//
// A worker is started for the document and for no other, so that a hostile file can see nothing but
// itself; or taken from a pool of those that have read the same owner's pictures. When it dies,
// hangs or sends nonsense, that page is an error and the next is read by a new worker; when a
// signal from outside ends it, the page is tried once more. The page that comes next is made while
// the caller works on this one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "pdf/protocol.h"
#include "pdf/worker_pool.h"
#include "pdf/worker_process.h"

namespace glmocr::pdf {

struct WorkerJob {
  std::string name;         // for messages
  std::string_view reader;  // "the PDF reader", for messages: the worker, to the user
  std::string_view kind;    // "PDF", "picture": the document
  UniqueFd file;            // -1: the bytes are in open_request
  WorkerOptions worker;     // `program` empty: searched for
  ReplyLimits limits;
  double page_timeout_s = 30;   // to open, and for every page
  int max_pages = 0;            // documents that say that they have more are refused
  bool ask_first_page = false;  // together with opening: it is what everybody wants
  bool has_page_names = true;   // whether errors of a document's only page say which it is
  std::string open_request;     // encoded
  std::function<std::string(uint32_t index)> page_request;
  std::function<Error(uint32_t reason)> explain;  // a FailureReason, to the user
  std::shared_ptr<WorkerPool> pool;               // where workers come from and go to; may be null
  std::string owner;                              // of the document, for the pool
};

// Errors name the document, and the page where it has several. For one thread at a time.
class WorkerDocument {
 public:
  explicit WorkerDocument(WorkerJob job);
  ~WorkerDocument();
  WorkerDocument(const WorkerDocument&) = delete;
  WorkerDocument& operator=(const WorkerDocument&) = delete;

  // Finds the worker, starts it and learns the number of pages. Called once, first.
  Status Open();
  int n_pages() const { return static_cast<int>(n_pages_); }
  // Page `index`, 0-based; `next` is made meanwhile, -1 for none.
  Result<RawPage> Read(int index, int next);
  // `error` with the names of the document and of page `index`.
  Error OfPage(int index, const Error& error) const;
  pid_t worker_pid() const { return worker_ ? worker_->pid() : -1; }

 private:
  struct Asked {
    int index = 0;
    Clock::time_point deadline;
  };
  Error Named(const Error& error) const { return error.With("'" + job_.name + "'"); }
  Clock::time_point NextDeadline() const;
  Error Drop(const Error& error);
  Status Start();
  Status StartOnce();
  Status OpenIn(std::unique_ptr<WorkerProcess> worker);
  Status Request(int index);
  Result<RawPage> ReadRaw(int index);
  Result<RawPage> ReadOnce(int index);
  Result<Reply> Receive();

  WorkerJob job_;
  std::unique_ptr<WorkerProcess> worker_;
  std::optional<Asked> asked_;  // a page whose reply has not been read; worker_ is set then
  int served_ = 0;              // pages that this worker has made, in this document or others
  bool from_outside_ = false;   // the last one that was lost was ended by a signal from elsewhere
  bool failed_ = false;         // this worker has said no to something
  int losses_ = 0;              // pages in a row on which the worker was lost
  uint32_t n_pages_ = 0;
};

// kInvalidArgument unless it is 0.01 to 86400.
Status CheckPageTimeout(double page_timeout_s);

// The bytes as a file that nobody can change. kResourceExhausted, kIo.
Result<UniqueFd> MemoryFile(std::span<const std::byte> bytes);

}  // namespace glmocr::pdf
