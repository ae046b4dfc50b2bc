#include "pdf/worker_document.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "pdf/locate.h"

namespace glmocr::pdf {
namespace {

// After so many pages in a row that cost a worker, the file has had its chance: at 30 seconds a
// page, a long one could go on for days.
constexpr int kMaxLosses = 20;

}  // namespace

WorkerDocument::WorkerDocument(WorkerJob job) : job_(std::move(job)) {
  job_.worker.cpu_seconds_per_request = static_cast<unsigned>(std::ceil(job_.page_timeout_s)) + 2;
}

WorkerDocument::~WorkerDocument() {
  if (job_.pool && worker_ && !asked_ && !failed_)
    job_.pool->GiveBack(job_.worker, job_.owner, std::move(worker_));
}

Status WorkerDocument::Open() {
  if (job_.worker.program.empty()) {
    auto found = FindWorker();
    if (!found.ok()) return Named(found.error());
    job_.worker.program = *std::move(found);
  }
  if (Status status = Start(); !status.ok()) return Named(status.error());
  if (n_pages_ == 0) {
    return Named({ErrorCode::kCorrupt,
                  fmt::format("the {} has no pages (is the file complete?)", job_.kind)});
  }
  if (n_pages_ > static_cast<uint32_t>(job_.max_pages)) {
    return Named({ErrorCode::kResourceExhausted,
                  fmt::format("the {} says that it has {} pages; the limit is {} (split it)",
                              job_.kind, n_pages_, job_.max_pages)});
  }
  return OkStatus();
}

Error WorkerDocument::OfPage(int index, const Error& error) const {
  if (n_pages_ == 1 && !job_.has_page_names) return Named(error);
  return Named(error.With(fmt::format("page {} of {}", index + 1, n_pages_)));
}

Result<RawPage> WorkerDocument::Read(int index, int next) {
  if (index < 0 || index >= n_pages()) {
    return Named({ErrorCode::kInvalidArgument,
                  fmt::format("there is no page {} (it has {})", index + 1, n_pages_)});
  }
  if (losses_ >= kMaxLosses) {
    return OfPage(index, {ErrorCode::kResourceExhausted,
                          fmt::format("not tried, because {} was lost on each of the {} pages read "
                                      "before (the file is damaged or hostile; name good pages "
                                      "with --pages)",
                                      job_.reader, losses_)});
  }
  auto page = ReadRaw(index);
  losses_ = page.ok() || worker_ ? 0 : losses_ + 1;
  if (!page.ok()) return OfPage(index, page.error());
  // The worker has nothing to say between the pages; if it fails now, the next Read says so.
  if (next >= 0 && next < n_pages()) (void)Request(next);
  return page;
}

Clock::time_point WorkerDocument::NextDeadline() const {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(job_.page_timeout_s));
}

// Ends the worker after `error`, and says what a user can make of it.
Error WorkerDocument::Drop(const Error& error) {
  const std::string how = worker_ ? worker_->Kill() : "";
  from_outside_ = worker_ && worker_->was_ended_from_outside();
  worker_.reset();
  asked_.reset();
  if (error.code == ErrorCode::kCancelled) {
    return {ErrorCode::kCancelled,
            fmt::format("took longer than the limit of {:g} seconds (--page-timeout), so {} was "
                        "ended; a new one reads the other pages",
                        job_.page_timeout_s, job_.reader)};
  }
  if (from_outside_) {
    return {ErrorCode::kIo,
            fmt::format("{} {} on it, and again when it was tried once more: by someone, or by the "
                        "system for lack of memory (try again; give it more memory, or read fewer "
                        "documents at the same time)",
                        job_.reader, how)};
  }
  if (error.code == ErrorCode::kIo) {
    return {ErrorCode::kCorrupt,
            fmt::format("{}{} on it: the file is damaged or hostile, or needs more than the limit "
                        "of {} MiB of memory",
                        job_.reader, how.empty() ? " ended" : " " + how,
                        job_.worker.max_memory_bytes >> 20)};
  }
  return error;  // nonsense, or no memory here: the rest of the reply is still under way
}

// Once more when it is ended from outside.
Status WorkerDocument::Start() {
  from_outside_ = false;
  Status started = StartOnce();
  if (started.ok() || !from_outside_) return started;
  from_outside_ = false;
  return StartOnce();
}

Status WorkerDocument::StartOnce() {
  if (job_.pool) {
    if (auto used = job_.pool->Take(job_.worker, job_.owner)) {
      served_ = used->n_documents;
      // Whatever it says against the document may be a remain of the one before.
      if (OpenIn(std::move(used)).ok()) return OkStatus();
    }
  }
  served_ = 0;
  GLM_ASSIGN(std::unique_ptr<WorkerProcess> fresh,
             WorkerProcess::Start(job_.worker, job_.file.get()));
  return OpenIn(std::move(fresh));
}

Status WorkerDocument::OpenIn(std::unique_ptr<WorkerProcess> worker) {
  worker_ = std::move(worker);
  failed_ = false;
  worker_->SetDeadline(NextDeadline());
  if (Status sent = worker_->Write(job_.open_request); !sent.ok()) return Drop(sent.error());
  // A request later, the worker would have gone to sleep in between.
  const bool asks = job_.ask_first_page && n_pages_ == 0;
  if (asks) {
    if (Status sent = worker_->Write(job_.page_request(0)); !sent.ok()) return Drop(sent.error());
  }
  auto reply = ReadReply(*worker_, job_.limits);
  if (!reply.ok()) return Drop(reply.error());
  if (const auto* failed = std::get_if<Failed>(&*reply)) {
    const uint32_t reason = failed->reason;
    worker_.reset();
    return job_.explain(reason);
  }
  const auto* opened = std::get_if<Opened>(&*reply);
  // A file that changed its length meanwhile is another file.
  if (opened == nullptr || (n_pages_ != 0 && opened->n_pages != n_pages_))
    return Drop({ErrorCode::kCorrupt, "the worker sent an unexpected reply"});
  n_pages_ = opened->n_pages;
  if (asks) asked_ = Asked{0, NextDeadline()};
  return OkStatus();
}

// Has `index` made.
Status WorkerDocument::Request(int index) {
  if (!worker_) GLM_RETURN_IF_ERROR(Start());
  asked_ = Asked{index, NextDeadline()};
  worker_->SetDeadline(asked_->deadline);
  if (Status sent = worker_->Write(job_.page_request(static_cast<uint32_t>(index))); !sent.ok())
    return Drop(sent.error());
  return OkStatus();
}

// The page, in a second worker when one ends at it that had read others before: what it broke at
// may have been their remains. Also when the first was ended from outside.
Result<RawPage> WorkerDocument::ReadRaw(int index) {
  if (asked_ && asked_->index != index) {
    // The wrong guess of what comes next. Taken off the socket, whatever it is.
    (void)Receive();
  }
  for (bool again = false;;) {
    const int served = served_;
    from_outside_ = false;
    Result<RawPage> page = ReadOnce(index);
    if (page.ok() || worker_ || page.error().code == ErrorCode::kCancelled) return page;
    if (from_outside_ ? again : served == 0) return page;
    again |= from_outside_;
  }
}

Result<RawPage> WorkerDocument::ReadOnce(int index) {
  if (!asked_) GLM_RETURN_IF_ERROR(Request(index));
  auto reply = Receive();
  if (!reply.ok()) return reply.error();
  if (const auto* failed = std::get_if<Failed>(&*reply)) {
    Error error = job_.explain(failed->reason);
    failed_ = true;
    // A worker that ran out of memory is of no more use.
    return failed->reason == static_cast<uint32_t>(FailureReason::kMemory) ? Drop(error) : error;
  }
  auto* page = std::get_if<RawPage>(&*reply);
  if (page == nullptr || page->header.index != static_cast<uint32_t>(index))
    return Drop({ErrorCode::kCorrupt, "the worker sent another reply than asked for"});
  ++served_;
  return std::move(*page);
}

// The reply to what was asked. Making the page has the time since it was asked; what is made has
// that time again for its way through the socket, which waits for us.
Result<Reply> WorkerDocument::Receive() {
  worker_->SetDeadline(asked_->deadline);
  if (Status ready = worker_->WaitReadable(); !ready.ok()) return Drop(ready.error());
  worker_->SetDeadline(NextDeadline());
  auto reply = ReadReply(*worker_, job_.limits);
  if (!reply.ok()) return Drop(reply.error());
  asked_.reset();
  return reply;
}

Status CheckPageTimeout(double page_timeout_s) {
  if (page_timeout_s >= 0.01 && page_timeout_s <= 86400) return OkStatus();
  return Error{ErrorCode::kInvalidArgument, "the time for a page must be 0.01 to 86400 seconds"};
}

Result<UniqueFd> MemoryFile(std::span<const std::byte> bytes) {
  const auto failed = [&] {
    return Error{
        errno == ENOSPC || errno == ENOMEM ? ErrorCode::kResourceExhausted : ErrorCode::kIo,
        fmt::format("cannot keep {} bytes in memory: {}", bytes.size(), std::strerror(errno))};
  };
  UniqueFd fd(::memfd_create("glm-ocr-document", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.get() < 0) return failed();
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd.get(), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failed();
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return failed();
  return fd;
}

}  // namespace glmocr::pdf
