// A PDF with invisible text under its pages, and all else as it was: made by a worker process, as
// the file that comes in is a stranger's (pdf/rewriter.h, pdf/sandbox.h).
//
// The worker reads the source and a layer file, whose pages hold the text, and sends the result,
// which is bounded in bytes and time. How to use:
//   GLM_ASSIGN(TempFile out, TempFile::Create(folder));
//   GLM_ASSIGN(RewriteReport report, RewritePdf({.source_fd = fd, ...}, &out));
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/temp_file.h"
#include "pdf/rewriter.h"

namespace glmocr {

struct PdfRewrite {
  int source_fd = -1;
  int64_t source_bytes = 0;
  int layer_fd = -1;  // -1: none
  int64_t layer_bytes = 0;
  pdf::RewriteOptions options;
  std::string name;      // for messages
  double timeout_s = 0;  // until the result begins, and between its parts; 0: 60 s and 0.1 s a page
  uint64_t max_memory_bytes = uint64_t{2} << 30;  // of the worker's address space
  std::filesystem::path worker;                   // empty: searched for (pdf/locate.h)
};

// Appends to `out`, unless the report says that nothing changed. Errors: kCorrupt (qpdf cannot read
// the source, or the worker died on it), kCancelled (time), kResourceExhausted (memory, bytes);
// kNotFound (no worker); kIo (also of `out`, whose folder it then names).
Result<pdf::RewriteReport> RewritePdf(const PdfRewrite& rewrite, TempFile* out);

}  // namespace glmocr
