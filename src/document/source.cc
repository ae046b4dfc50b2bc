#include "document/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace glmocr {

Result<std::shared_ptr<DocumentSource>> DocumentSource::OfFile(Kind kind,
                                                               const std::filesystem::path& path) {
  std::shared_ptr<DocumentSource> source(new DocumentSource(kind));
  // Not blocking: opening a named pipe would wait for its writer.
  source->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (source->fd_ < 0 || ::fstat(source->fd_, &info) != 0) {
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 fmt::format("cannot open '{}': {}", path.string(), std::strerror(errno))};
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is not a regular file", path.string())};
  }
  source->size_bytes_ = info.st_size;
  return source;
}

std::shared_ptr<DocumentSource> DocumentSource::OfBytes(Kind kind,
                                                        std::shared_ptr<const std::string> bytes) {
  std::shared_ptr<DocumentSource> source(new DocumentSource(kind));
  source->size_bytes_ = static_cast<int64_t>(bytes->size());
  source->bytes_ = std::move(bytes);
  return source;
}

Result<std::shared_ptr<DocumentSource>> DocumentSource::OfCopy(Kind kind,
                                                               std::span<const std::byte> bytes) {
  std::shared_ptr<DocumentSource> source(new DocumentSource(kind));
  source->size_bytes_ = static_cast<int64_t>(bytes.size());
  const auto failed = [&] {
    return Error{
        errno == ENOSPC || errno == ENOMEM ? ErrorCode::kResourceExhausted : ErrorCode::kIo,
        fmt::format("cannot keep {} bytes in memory: {}", source->size_bytes_,
                    std::strerror(errno))};
  };
  source->fd_ = ::memfd_create("glm-ocr-source", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (source->fd_ < 0) return failed();
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(source->fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failed();
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  if (::fcntl(source->fd_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
      0)
    return failed();
  return source;
}

DocumentSource::~DocumentSource() {
  if (fd_ >= 0) ::close(fd_);
}

std::string DocumentSource::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

Result<std::span<const std::byte>> DocumentSource::Bytes() {
  if (bytes_) return std::as_bytes(std::span(*bytes_));
  if (!mapped_) {
    GLM_ASSIGN(MappedFile mapped, MappedFile::Open(path()));
    mapped_ = std::make_shared<MappedFile>(std::move(mapped));
  }
  return std::span(mapped_->data(), mapped_->size_bytes());
}

}  // namespace glmocr
