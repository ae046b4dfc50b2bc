// Whole-file reads with a size limit, and writes that leave either the old file, the new file or
// nothing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace glmocr {

// The bytes of a regular file, pipe or device; kResourceExhausted when it holds more than
// `limit_bytes`.
Result<std::string> ReadFile(const std::filesystem::path& path, size_t limit_bytes);
// The bytes of standard input, same limit.
Result<std::string> ReadStdin(size_t limit_bytes);

// Writes `bytes` to a file without a name in `path`'s folder (where the file system has none such:
// to one with a name of its own), flushes it to disk and gives it the name `path`. On failure (disk
// full, no permission) nothing is left and an existing file is unchanged.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

// The same in parts, for files larger than memory: Open, Append..., Commit. Destroying an
// uncommitted writer removes the part.
class AtomicFileWriter {
 public:
  static Result<AtomicFileWriter> Open(const std::filesystem::path& path);
  AtomicFileWriter(AtomicFileWriter&& other) noexcept;
  AtomicFileWriter& operator=(AtomicFileWriter&& other) noexcept;
  ~AtomicFileWriter();

  Status Append(const void* data, size_t size_bytes);
  Status Commit();

 private:
  AtomicFileWriter() = default;
  void Discard();
  std::filesystem::path path_, temporary_;
  bool named_ = false;  // temporary_
  int fd_ = -1;
};

// What tells two states of a folder apart, as 32 hex digits: names and bytes of the files directly
// in it; of a file above 64 MiB its size, the time of its last change, its first MiB and samples of
// the rest. Links count as what they lead to.
std::string FolderState(const std::filesystem::path& folder);

}  // namespace glmocr
