#include "server/file_body.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace glmocr::server {

Result<std::shared_ptr<const FileBody>> FileBody::Open(const std::filesystem::path& path,
                                                       std::shared_ptr<void> held) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, std::strerror(errno)};
  std::shared_ptr<const FileBody> body;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
    body.reset(new FileBody(fd, info.st_size, std::move(held)));
  else
    ::close(fd);
  if (!body) return Error{ErrorCode::kIo, "not a regular file"};
  return body;
}

FileBody::~FileBody() { ::close(fd_); }

Result<std::string> FileBody::Read(int64_t offset, size_t n) const {
  const int64_t left = std::max<int64_t>(0, size_bytes_ - offset);
  std::string bytes(std::min(n, static_cast<size_t>(left)), '\0');
  for (size_t got = 0; got < bytes.size();) {
    const ssize_t more = ::pread(fd_, bytes.data() + got, bytes.size() - got,
                                 static_cast<off_t>(offset + static_cast<int64_t>(got)));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return Error{ErrorCode::kIo, std::strerror(errno)};
    if (more == 0) return Error{ErrorCode::kIo, "the file has become shorter"};
    got += static_cast<size_t>(more);
  }
  return bytes;
}

}  // namespace glmocr::server
