#include "base/mmap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

namespace glmocr {
namespace {

// What the handler of SIGBUS looks into: it may run on any thread at any time, so there is no lock,
// and no memory is taken.
struct Guarded {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0}, end{0};  // whole pages; end is set last, and cleared first
  std::atomic<bool> damaged{false};
};
Guarded g_guarded[256];        // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
struct sigaction g_before {};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
uintptr_t g_page = 4096;       // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void OnSigbus(int signal, siginfo_t* info, void* context) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (Guarded& guarded : g_guarded) {
    const uintptr_t end = guarded.end.load();
    const uintptr_t begin = guarded.begin.load();
    if (at < begin || at >= end) continue;
    guarded.damaged = true;
    // All that follows is gone too. The instruction is tried again, and reads zeros.
    const int saved = errno;
    const uintptr_t page = at & ~(g_page - 1);
    void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    errno = saved;
    if (zeros != MAP_FAILED) return;
  }
  if ((g_before.sa_flags & SA_SIGINFO) != 0) return g_before.sa_sigaction(signal, info, context);
  if (g_before.sa_handler != SIG_DFL && g_before.sa_handler != SIG_IGN)
    return g_before.sa_handler(signal);
  std::signal(SIGBUS, SIG_DFL);  // the instruction is tried again, and ends the process
}

void InstallHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = OnSigbus;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &g_before);
  });
}

}  // namespace

void MappedFile::Guard(const std::filesystem::path& path) {
  if (guard_ >= 0 || data_ == nullptr) return;
  InstallHandler();
  for (size_t i = 0; i < std::size(g_guarded); ++i) {
    if (g_guarded[i].taken.exchange(true)) continue;
    g_guarded[i].damaged = false;
    const auto begin = reinterpret_cast<uintptr_t>(data_);
    g_guarded[i].begin = begin;
    g_guarded[i].end = begin + (size_bytes_ + g_page - 1) / g_page * g_page;
    guard_ = static_cast<int>(i);
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return;
  }
}

bool MappedFile::damaged() const {
  if (guard_ < 0) return false;
  Guarded& guarded = g_guarded[static_cast<size_t>(guard_)];
  // The page in which it ends now reads as zeros without a signal.
  struct stat info {};
  if (fd_ >= 0 && ::fstat(fd_, &info) == 0 && static_cast<size_t>(info.st_size) < size_bytes_)
    guarded.damaged = true;
  return guarded.damaged.load();
}

Result<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  auto fail = [&](const char* what) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return Error{code,
                 fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(errno))};
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail("open");
  MappedFile file;
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    const bool regular = S_ISREG(info.st_mode);
    Error error = fail("read");
    ::close(fd);
    if (!regular)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("'{}' is not a regular file", path.string())};
    return error;
  }
  file.size_bytes_ = static_cast<size_t>(info.st_size);
  if (file.size_bytes_ > 0) {
    void* at = ::mmap(nullptr, file.size_bytes_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) {
      Error error = fail("map");
      ::close(fd);
      return error;
    }
    file.data_ = static_cast<const std::byte*>(at);
  }
  ::close(fd);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)),
      guard_(std::exchange(other.guard_, -1)),
      fd_(std::exchange(other.fd_, -1)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    Unmap();
    data_ = std::exchange(other.data_, nullptr);
    size_bytes_ = std::exchange(other.size_bytes_, 0);
    guard_ = std::exchange(other.guard_, -1);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

MappedFile::~MappedFile() { Unmap(); }

void MappedFile::Unmap() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (guard_ >= 0) {
    Guarded& guarded = g_guarded[static_cast<size_t>(std::exchange(guard_, -1))];
    guarded.end = 0;
    guarded.taken = false;
  }
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

void MappedFile::DropPages() const {
  if (data_ != nullptr) ::madvise(const_cast<std::byte*>(data_), size_bytes_, MADV_DONTNEED);
}

}  // namespace glmocr
