#include "base/temp_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace glmocr {
namespace {

Error Failed(const std::filesystem::path& folder) {
  return {ErrorCode::kIo, fmt::format("cannot keep a temporary file in '{}': {}{}", folder.string(),
                                      std::strerror(errno),
                                      errno == ENOSPC ? " (free some space and run again)" : "")};
}

}  // namespace

Result<TempFile> TempFile::Create(const std::filesystem::path& folder) {
  std::error_code unknown;
  std::filesystem::path in =
      folder.empty() ? std::filesystem::temp_directory_path(unknown) : folder;
  if (unknown) in = "/tmp";
  std::string name = (in / "glm-ocr-XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return Failed(in);
  ::unlink(name.c_str());
  return TempFile(fd, std::move(in));
}

TempFile::TempFile(TempFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), folder_(std::move(other.folder_)) {}

TempFile& TempFile::operator=(TempFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(folder_, other.folder_);
  return *this;
}

TempFile::~TempFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status TempFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Failed(folder_);
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return OkStatus();
}

Status TempFile::ForEachPart(const std::function<Status(std::string_view)>& take) const {
  constexpr size_t kPart = size_t{1} << 20;
  std::string part(kPart, '\0');
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd_, part.data(), part.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(folder_);
    if (got == 0) return OkStatus();
    GLM_RETURN_IF_ERROR(take(std::string_view(part.data(), static_cast<size_t>(got))));
    at += got;
  }
}

Status TempFile::CopyTo(AtomicFileWriter& writer) const {
  return ForEachPart(
      [&](std::string_view part) { return writer.Append(part.data(), part.size()); });
}

Result<std::string> TempFile::ReadAll() const {
  std::string all;
  all.reserve(static_cast<size_t>(size_bytes()));
  GLM_RETURN_IF_ERROR(ForEachPart([&](std::string_view part) {
    all += part;
    return OkStatus();
  }));
  return all;
}

bool TempFile::EndsWith(std::string_view end) const {
  std::string found(end.size(), '\0');
  const auto at = size_bytes() - static_cast<int64_t>(end.size());
  return at >= 0 &&
         ::pread(fd_, found.data(), found.size(), at) == static_cast<ssize_t>(found.size()) &&
         found == end;
}

int64_t TempFile::size_bytes() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 ? int64_t{info.st_size} : 0;
}

std::string TempFile::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

}  // namespace glmocr
