// Bytes that need not lie in memory: a file without a name, which goes when the program ends,
// however it ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace glmocr {

// For one thread at a time.
class TempFile {
 public:
  // In `folder`; empty: where the system wants temporary files (TMPDIR). Errors: kIo, naming the
  // folder; so do those of Append.
  static Result<TempFile> Create(const std::filesystem::path& folder);
  TempFile(TempFile&& other) noexcept;
  TempFile& operator=(TempFile&& other) noexcept;
  ~TempFile();

  Status Append(std::string_view bytes);
  // All of it from its beginning, in parts; the first error of `take` ends it.
  Status ForEachPart(const std::function<Status(std::string_view)>& take) const;
  // All of it, at the end of `writer`.
  Status CopyTo(AtomicFileWriter& writer) const;
  Result<std::string> ReadAll() const;
  bool EndsWith(std::string_view end) const;
  int64_t size_bytes() const;
  // A name under which this process can open it while this object lives.
  std::string path() const;

 private:
  TempFile(int fd, std::filesystem::path folder) : fd_(fd), folder_(std::move(folder)) {}

  int fd_ = -1;
  std::filesystem::path folder_;
};

}  // namespace glmocr
