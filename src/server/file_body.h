// A file as the body of an answer: opened once, so that its deletion or replacement meanwhile
// changes nothing, and read in slices.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"

namespace glmocr::server {

class FileBody {
 public:
  // Regular files only. `held` is let go with the body. Errors: kNotFound, kIo.
  static Result<std::shared_ptr<const FileBody>> Open(const std::filesystem::path& path,
                                                      std::shared_ptr<void> held = {});
  ~FileBody();
  FileBody(const FileBody&) = delete;
  FileBody& operator=(const FileBody&) = delete;

  int64_t size_bytes() const { return size_bytes_; }
  // At most `n` bytes from `offset` on, fewer at the end. kIo, also where the file has shrunk.
  Result<std::string> Read(int64_t offset, size_t n) const;

 private:
  FileBody(int fd, int64_t size_bytes, std::shared_ptr<void> held)
      : held_(std::move(held)), fd_(fd), size_bytes_(size_bytes) {}
  const std::shared_ptr<void> held_;
  const int fd_;
  const int64_t size_bytes_;
};

}  // namespace glmocr::server
