#include "pdf/worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace glmocr::pdf {
namespace {

constexpr int kWorkerSocket = 3;
constexpr int kWorkerFile = 4;
constexpr int kWorkerSecondFile = 5;

// Actions and attributes of posix_spawn, freed at the end of a scope.
struct Spawn {
  Spawn() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

int Prepare(Spawn* spawn, int socket, int file, int second) {
  posix_spawn_file_actions_t* actions = &spawn->actions;
  int error = 0;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (error == 0) error = ::posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
  }
  if (error == 0) error = ::posix_spawn_file_actions_adddup2(actions, socket, kWorkerSocket);
  if (error == 0 && file >= 0)
    error = ::posix_spawn_file_actions_adddup2(actions, file, kWorkerFile);
  if (error == 0 && second >= 0)
    error = ::posix_spawn_file_actions_adddup2(actions, second, kWorkerSecondFile);
  // Others' descriptors that lack close-on-exec.
  const int first_unused = second >= 0 ? kWorkerSecondFile + 1
                           : file >= 0 ? kWorkerFile + 1
                                       : kWorkerFile;
  if (error == 0) error = ::posix_spawn_file_actions_addclosefrom_np(actions, first_unused);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  posix_spawnattr_t* attributes = &spawn->attributes;
  if (error == 0)
    error = ::posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (error == 0) error = ::posix_spawnattr_setpgroup(attributes, 0);
  if (error == 0) error = ::posix_spawnattr_setsigmask(attributes, &none);
  if (error == 0) error = ::posix_spawnattr_setsigdefault(attributes, &all);
  return error;
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const WorkerOptions& options,
                                                            int file_fd, int second_fd) {
  const auto failed = [&](int error) {
    return Error{error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 fmt::format("cannot start the worker '{}': {}", options.program.string(),
                             std::strerror(error))};
  };
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return failed(errno);
  UniqueFd ours(pair[0]), theirs(pair[1]);
  // Out of the way of the numbers that the worker's get, which are copied one after the other.
  const UniqueFd high_socket(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 16));
  const UniqueFd high_file(file_fd < 0 ? -1 : ::fcntl(file_fd, F_DUPFD_CLOEXEC, 16));
  const UniqueFd high_second(second_fd < 0 ? -1 : ::fcntl(second_fd, F_DUPFD_CLOEXEC, 16));
  if (high_socket.get() < 0 || (file_fd >= 0 && high_file.get() < 0) ||
      (second_fd >= 0 && high_second.get() < 0))
    return failed(errno);

  Spawn spawn;
  int error = Prepare(&spawn, high_socket.get(), high_file.get(), high_second.get());
  if (error != 0) return failed(error);
  std::string program = options.program.string();
  std::string memory = std::to_string(options.max_memory_bytes);
  std::string cpu = std::to_string(options.cpu_seconds_per_request);
  std::string pdfium = options.rewrites            ? kRewriteMode
                       : options.tells_confinement ? kConfinementMode
                                                   : options.pdfium;
  char* const argv[] = {program.data(), memory.data(), cpu.data(),
                        pdfium.empty() ? nullptr : pdfium.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = -1;
  error =
      ::posix_spawn(&pid, program.c_str(), &spawn.actions, &spawn.attributes, argv, environment);
  if (error != 0) return failed(error);
  return std::unique_ptr<WorkerProcess>(new WorkerProcess(pid, std::move(ours)));
}

WorkerProcess::~WorkerProcess() { Kill(); }

Status WorkerProcess::WaitFor(short events) {  // NOLINT(google-runtime-int)
  for (;;) {
    const Clock::time_point now = Clock::now();
    // Also asked when the time is over: after a stop of the whole program the answer may lie there.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now).count();
    pollfd wait{.fd = socket_.get(), .events = events, .revents = 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
    if (ready > 0) return OkStatus();
    if (ready < 0 && errno != EINTR)
      return Error{ErrorCode::kIo,
                   fmt::format("cannot wait for the worker: {}", std::strerror(errno))};
    if (Clock::now() >= deadline_)
      return Error{ErrorCode::kCancelled, "the worker did not answer in time"};
  }
}

bool WorkerProcess::Quiet() const {
  pollfd now{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return pid_ > 0 && ::poll(&now, 1, 0) == 0;
}

Status WorkerProcess::WaitReadable() { return WaitFor(POLLIN); }

Status WorkerProcess::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    GLM_RETURN_IF_ERROR(WaitFor(POLLOUT));
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) return Error{ErrorCode::kIo, "the worker has ended"};
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return OkStatus();
}

Status WorkerProcess::Read(void* to, size_t n) {
  auto* at = static_cast<char*>(to);
  while (n > 0) {
    GLM_RETURN_IF_ERROR(WaitFor(POLLIN));
    const ssize_t got = ::recv(socket_.get(), at, n, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return Error{ErrorCode::kIo, "the worker has ended"};
    at += got;
    n -= static_cast<size_t>(got);
  }
  return OkStatus();
}

std::string WorkerProcess::Kill() {
  if (pid_ < 0) return {};
  // A worker that ends by itself closes its socket a moment before it can be waited for.
  int status = 0;
  pid_t ended = 0;
  for (int tries = 0; tries < 50; ++tries) {
    ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended != 0) break;
    pollfd hangup{.fd = socket_.get(), .events = 0, .revents = 0};
    if (::poll(&hangup, 1, 0) == 0) break;  // it lives
    ::usleep(2000);
  }
  if (ended == 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return {};
  }
  pid_ = -1;
  if (ended < 0) return {};  // someone else has waited for it
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    ended_from_outside_ = signal == SIGKILL || signal == SIGTERM || signal == SIGINT ||
                          signal == SIGHUP || signal == SIGQUIT;
  }
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace glmocr::pdf
