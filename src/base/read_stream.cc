#include "base/read_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace glmocr {
namespace {

constexpr int kAskMs = 100;
constexpr size_t kChunk = size_t{1} << 16;

Error Failed(const std::string& name) {
  return {ErrorCode::kIo, fmt::format("cannot read '{}': {}", name, std::strerror(errno))};
}

Result<std::string> ReadAll(int fd, const std::string& name, size_t limit_bytes,
                            const std::function<bool()>& keep_going) {
  std::string bytes;
  std::string chunk(kChunk, '\0');
  while (true) {
    pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
    const int n = ::poll(&ready, 1, kAskMs);
    if (n < 0 && errno != EINTR) return Failed(name);
    if (keep_going && !keep_going())
      return Error{ErrorCode::kCancelled, fmt::format("'{}': interrupted", name)};
    if (n <= 0) continue;
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Failed(name);
    if (got == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(got) > limit_bytes) {
      return Error{ErrorCode::kResourceExhausted,
                   fmt::format("'{}' is larger than the limit of {} bytes", name, limit_bytes)};
    }
    bytes.append(chunk.data(), static_cast<size_t>(got));
  }
}

}  // namespace

Result<std::string> ReadStdin(size_t limit_bytes, const std::function<bool()>& keep_going) {
  return ReadAll(STDIN_FILENO, "standard input", limit_bytes, keep_going);
}

Result<std::string> ReadFifo(const std::filesystem::path& path, size_t limit_bytes,
                             const std::function<bool()>& keep_going) {
  // With O_NONBLOCK it opens without a writer; until the first one has come, poll reports nothing.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return Failed(path.string());
  Result<std::string> bytes = ReadAll(fd, path.string(), limit_bytes, keep_going);
  ::close(fd);
  return bytes;
}

bool IsFifo(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
}

}  // namespace glmocr
