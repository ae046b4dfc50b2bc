// The document that is read, as it came in: for writers that keep it and add to it. It stays open
// while this object lives, whatever happens to its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/mmap.h"
#include "base/result.h"

namespace glmocr {

class DocumentSource {
 public:
  enum class Kind { kPdf, kPicture };

  // A regular file. Errors: kNotFound, kIo, kInvalidArgument (not a regular file).
  static Result<std::shared_ptr<DocumentSource>> OfFile(Kind kind,
                                                        const std::filesystem::path& path);
  // Bytes that are kept anyway.
  static std::shared_ptr<DocumentSource> OfBytes(Kind kind,
                                                 std::shared_ptr<const std::string> bytes);
  // Bytes, copied into a file in memory. Errors: kIo, kResourceExhausted.
  static Result<std::shared_ptr<DocumentSource>> OfCopy(Kind kind,
                                                        std::span<const std::byte> bytes);
  ~DocumentSource();
  DocumentSource(const DocumentSource&) = delete;
  DocumentSource& operator=(const DocumentSource&) = delete;

  Kind kind() const { return kind_; }
  // Of the file, -1 where it is bytes.
  int fd() const { return fd_; }
  // Under which this process can open the file while this object lives.
  std::string path() const;
  int64_t size_bytes() const { return size_bytes_; }
  // All of it. Errors: those of mapping a file.
  Result<std::span<const std::byte>> Bytes();

  // How it was opened.
  std::string password;
  bool turned_upright = true;  // pictures: as their EXIF orientation says

 private:
  explicit DocumentSource(Kind kind) : kind_(kind) {}

  const Kind kind_;
  int fd_ = -1;
  int64_t size_bytes_ = 0;
  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<MappedFile> mapped_;
};

}  // namespace glmocr
