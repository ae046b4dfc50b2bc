#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace glmocr {
namespace {

Error Errno(const std::filesystem::path& path, std::string_view doing) {
  const int code = errno;
  ErrorCode kind = ErrorCode::kIo;
  std::string_view remedy;
  if (code == ENOENT) kind = ErrorCode::kNotFound, remedy = " (check the path)";
  if (code == EACCES || code == EPERM) remedy = " (check the permissions)";
  if (code == ENOSPC || code == EDQUOT)
    kind = ErrorCode::kResourceExhausted, remedy = " (free some space and run again)";
  return {kind,
          fmt::format("cannot {} '{}': {}{}", doing, path.string(), std::strerror(code), remedy)};
}

Result<std::string> ReadAll(int fd, const std::filesystem::path& path, size_t size_hint,
                            size_t limit_bytes) {
  std::string bytes;
  size_t used = 0;
  for (;;) {
    const size_t want = used == 0 ? size_hint + 1 : bytes.size() / 2 + 65536;
    if (bytes.size() - used < 4096) bytes.resize(used + want);
    const ssize_t got = ::read(fd, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno(path, "read");
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used > limit_bytes) {
      return Error{
          ErrorCode::kResourceExhausted,
          fmt::format("'{}' is larger than the limit of {} bytes", path.string(), limit_bytes)};
    }
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

Result<std::string> ReadFile(const std::filesystem::path& path, size_t limit_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Errno(path, "open");
  struct stat info {};
  Result<std::string> bytes = Error{};
  if (::fstat(fd, &info) != 0) {
    bytes = Errno(path, "read");
  } else if (S_ISDIR(info.st_mode)) {
    bytes = Error{ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is a folder, not a file", path.string())};
  } else if (S_ISREG(info.st_mode) && static_cast<size_t>(info.st_size) > limit_bytes) {
    bytes =
        Error{ErrorCode::kResourceExhausted, fmt::format("'{}' has {} bytes; the limit is {}",
                                                         path.string(), info.st_size, limit_bytes)};
  } else {
    bytes = ReadAll(fd, path, S_ISREG(info.st_mode) ? static_cast<size_t>(info.st_size) : 0,
                    limit_bytes);
  }
  ::close(fd);
  return bytes;
}

Result<std::string> ReadStdin(size_t limit_bytes) {
  return ReadAll(STDIN_FILENO, "standard input", 0, limit_bytes);
}

namespace {

// Of a file that is open.
std::string NameOf(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

}  // namespace

Result<AtomicFileWriter> AtomicFileWriter::Open(const std::filesystem::path& path) {
  static std::atomic<unsigned> serial{
      0};  // keeps two writers of one process apart; the pid keeps processes apart
  AtomicFileWriter writer;
  writer.path_ = path;
  // Not made of the file's own name, which may be as long as names can be.
  writer.temporary_ =
      path.parent_path() / fmt::format(".glm-ocr-{}-{}.part", ::getpid(), serial.fetch_add(1));
  // A file that has no name before it is whole leaves nothing behind when the process is killed.
  // Not every file system has such, and they are named through /proc.
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  writer.fd_ = ::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  writer.named_ = false;
  if (writer.fd_ >= 0 && ::access(NameOf(writer.fd_).c_str(), F_OK) == 0) return writer;
  if (writer.fd_ >= 0) ::close(writer.fd_);
  writer.named_ = true;
  writer.fd_ = ::open(writer.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (writer.fd_ < 0) return Errno(path, "write");
  return writer;
}

AtomicFileWriter::AtomicFileWriter(AtomicFileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      named_(other.named_),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFileWriter& AtomicFileWriter::operator=(AtomicFileWriter&& other) noexcept {
  if (this != &other) {
    Discard();
    path_ = std::move(other.path_);
    temporary_ = std::move(other.temporary_);
    named_ = other.named_;
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

AtomicFileWriter::~AtomicFileWriter() { Discard(); }

void AtomicFileWriter::Discard() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  if (named_) ::unlink(temporary_.c_str());
}

Status AtomicFileWriter::Append(const void* data, size_t size_bytes) {
  GLM_CHECK(fd_ >= 0);
  const char* at = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const ssize_t wrote = ::write(fd_, at, size_bytes);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      Error error = Errno(path_, "write");
      Discard();
      return error;
    }
    at += wrote;
    size_bytes -= static_cast<size_t>(wrote);
  }
  return OkStatus();
}

Status AtomicFileWriter::Commit() {
  GLM_CHECK(fd_ >= 0);
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) {
    Error error = Errno(path_, "write");
    Discard();
    return error;
  }
  if (!named_) {
    const auto link = [&](const std::filesystem::path& to) {
      return ::linkat(AT_FDCWD, NameOf(fd_).c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0;
    };
    if (link(path_)) {
      ::close(std::exchange(fd_, -1));
      return OkStatus();
    }
    // What is there already is replaced, which takes a second name.
    named_ = errno == EEXIST && link(temporary_);
    if (!named_) {
      Error error = Errno(path_, "write");
      Discard();
      return error;
    }
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    Error error = Errno(path_, "write");
    Discard();
    return error;
  }
  ::close(std::exchange(fd_, -1));
  return OkStatus();
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes) {
  GLM_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::Open(path));
  GLM_RETURN_IF_ERROR(writer.Append(bytes.data(), bytes.size()));
  return writer.Commit();
}

namespace {

// Of files up to this size all bytes count.
constexpr int64_t kWholeBytes = int64_t{64} << 20;
// Of larger ones the beginning (a safetensors file's header), and samples on the way to the end.
constexpr size_t kHeadBytes = size_t{1} << 20, kSampleBytes = size_t{1} << 16;
constexpr int64_t kSamples = 64;

std::string ContentState(const std::filesystem::path& path, const struct stat& info) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "unreadable";
  Hash128 hash;
  std::string chunk(kHeadBytes, '\0');
  const auto add = [&](int64_t at, size_t n) {
    const ssize_t got = ::pread(fd, chunk.data(), n, at);
    if (got > 0) hash = HashCombine(hash, chunk.data(), static_cast<size_t>(got));
  };
  const bool whole = info.st_size <= kWholeBytes;
  if (whole) {
    for (int64_t at = 0; at < info.st_size; at += static_cast<int64_t>(kHeadBytes))
      add(at, kHeadBytes);
  } else {
    add(0, kHeadBytes);
    for (int64_t i = 1; i <= kSamples; ++i)
      add((info.st_size - static_cast<int64_t>(kSampleBytes)) / kSamples * i, kSampleBytes);
  }
  ::close(fd);
  std::string state = fmt::format("{} {}", info.st_size, hash.Hex());
  if (!whole) state += fmt::format(" {} {}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  return state;
}

}  // namespace

std::string FolderState(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    struct stat info {};
    if (::stat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    files.push_back(
        fmt::format("{}\n{}", entry.path().filename().string(), ContentState(entry.path(), info)));
  }
  std::sort(files.begin(), files.end());
  Hash128 state;
  for (const std::string& file : files) state = HashCombine(state, file.data(), file.size());
  return state.Hex();
}

}  // namespace glmocr
