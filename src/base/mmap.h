// A read-only memory map of a whole file. The bytes stay valid while the object lives; views never
// own it.
//
// A file that is cut short while it is mapped ends the process at the next touch (SIGBUS). Where
// others can do that (model files under a running server), Guard() makes the bytes that are gone
// read as 0 instead, on any thread, and damaged() tell so: whoever used them asks afterwards, and
// throws away what came of them.
#pragma once

#include <cstddef>
#include <filesystem>

#include "base/result.h"

namespace glmocr {

class MappedFile {
 public:
  static Result<MappedFile> Open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::byte* data() const { return data_; }  // null when the file is empty
  size_t size_bytes() const { return size_bytes_; }
  // Once. Installs a handler of SIGBUS in the process at the first call, which passes on to the one
  // before it what is none of its concern. Beyond 256 guarded files it does nothing.
  void Guard(const std::filesystem::path& path);
  // Whether the guarded file has become shorter: bytes may have been missing when they were read.
  bool damaged() const;
  // Tells the kernel that the pages will not be read again soon, so that resident memory drops to
  // what was packed from them.
  void DropPages() const;

 private:
  MappedFile() = default;
  void Unmap();
  const std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
  int guard_ = -1;  // its place among the guarded ones
  int fd_ = -1;     // of a guarded file: to ask for its length
};

}  // namespace glmocr
