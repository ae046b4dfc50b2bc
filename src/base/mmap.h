// A read-only memory map of a whole file. The bytes stay valid while the object lives; views never
// own it.
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
  // Tells the kernel that the pages will not be read again soon, so that resident memory drops to
  // what was packed from them.
  void DropPages() const;

 private:
  MappedFile() = default;
  void Unmap();
  const std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace glmocr
