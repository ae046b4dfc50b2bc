// The worker as the program sees it: a child process with a socket, and no wait without a
// deadline.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "pdf/protocol.h"

namespace glmocr::pdf {

using Clock = std::chrono::steady_clock;

// A descriptor that closes itself.
class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }

 private:
  int fd_;
};

struct WorkerOptions {
  std::filesystem::path program;
  std::string pdfium;  // the library; empty: a worker for pictures
  uint64_t max_memory_bytes = 0;
  unsigned cpu_seconds_per_request = 0;
  bool rewrites = false;           // a worker that writes a PDF anew (pdf/rewrite.h)
  bool tells_confinement = false;  // one that is asked for it alone (pdf/confinement.h)
  bool operator==(const WorkerOptions&) const = default;
};

// Not thread-safe.
class WorkerProcess : public ByteSource {
 public:
  // Starts `options.program` in a process group of its own (a Ctrl-C at the terminal is ours to
  // handle), without environment, with /dev/null as its standard streams and `file_fd` as its only
  // files, with `second_fd` where there is one (-1: none). Errors: kNotFound or kIo, naming the
  // program.
  static Result<std::unique_ptr<WorkerProcess>> Start(const WorkerOptions& options, int file_fd,
                                                      int second_fd = -1);
  ~WorkerProcess() override;  // kills it
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Everything after this call fails with kCancelled once `deadline` is over.
  void SetDeadline(Clock::time_point deadline) { deadline_ = deadline; }
  Status Write(std::string_view bytes);
  Status Read(void* to, size_t n) override;  // kIo when the worker has ended
  // Waits for the first byte of a reply.
  Status WaitReadable();
  // It lives, and has said nothing that was not read.
  bool Quiet() const;

  // Ends it at once. How it had ended by itself, if it had: "was killed by signal 11", "ended with
  // status 3"; else empty.
  std::string Kill();
  pid_t pid() const { return pid_; }
  // After Kill: whether a signal had ended it that no fault of its own sends (of a person, or of
  // a kernel that is short of memory).
  bool was_ended_from_outside() const { return ended_from_outside_; }

  int n_documents = 0;  // that it has read, for whoever keeps it (pdf/worker_pool.h)

 private:
  WorkerProcess(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}
  Status WaitFor(short events);  // NOLINT(google-runtime-int)

  pid_t pid_;  // -1 after Kill
  bool ended_from_outside_ = false;
  UniqueFd socket_;
  Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace glmocr::pdf
