// Pictures decoded in the worker process, for programs that read strangers' files: what a codec
// does wrong on a hostile one ends a process that holds nothing else.
//
// The pixels are those of DecodePage (media/decode.h), byte for byte; errors are fewer and say
// nothing that the codec said. How to use:
//   GLM_ASSIGN(std::unique_ptr<PictureDocument> picture,
//              PictureDocument::Open(bytes, "scan.tif", decode_options, {}));
//   for (int i = 0; i < picture->n_pages(); ++i) { Result<Image> page = picture->Read(i, i + 1);
//   ... }
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "media/decode.h"
#include "media/image.h"

namespace glmocr {

namespace pdf {
class WorkerPool;
}

struct PictureWorkerOptions {
  // Wall-clock seconds for reading the header and for every page, 0.01 to 86400.
  double page_timeout_s = 30;
  // Of the worker's address space: a page of DecodeOptions::max_pixels takes 3 to 10 bytes a pixel.
  uint64_t max_memory_bytes = uint64_t{3} << 30;
  std::filesystem::path worker;  // empty: searched for (pdf/locate.h)
  // Workers that JPEG, PNG, BMP and PNM files of one `owner` take in turn; null: each file has a
  // worker of its own, as all other kinds have. Files that must not see each other's pixels, should
  // one of them be hostile, have different owners.
  std::shared_ptr<pdf::WorkerPool> pool;
  std::string owner;
};

// For one thread at a time; any number may be open.
class PictureDocument {
 public:
  // The bytes are copied; `name` for messages. Errors: kInvalidArgument (options; empty),
  // kUnsupported (no known kind, or a variant that is not read), kCorrupt (damaged; the worker died
  // on it), kResourceExhausted (limits of `decode`, by the header alone; memory), kCancelled
  // (time), kNotFound and kIo (no worker).
  static Result<std::unique_ptr<PictureDocument>> Open(std::span<const std::byte> bytes,
                                                       std::string_view name,
                                                       const DecodeOptions& decode,
                                                       const PictureWorkerOptions& options);
  ~PictureDocument();

  int n_pages() const;
  // Page `index`, 0-based; `next` is decoded meanwhile, -1 for none. Errors as above; other pages
  // may be read after any of them.
  Result<Image> Read(int index, int next);
  // ImageInfo::frames, once a page has been read.
  int n_frames() const;

  // Of the running worker, or -1. For tests.
  pid_t worker_pid() const;

 private:
  class Impl;
  explicit PictureDocument(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmocr
