// PDF files as pictures of their pages and their embedded text, rendered by PDFium in a worker
// process.
//
// Why a process: a PDF is a program in a format with forty years of corners; what its reader does
// wrong on a hostile file must not happen here. The worker has limits on memory, time and files
// (pdf/sandbox.h), everything that it says is checked (pdf/protocol.h), and when it dies or hangs
// that page is an error and the next ones go on in a new worker. How to use:
//   GLM_ASSIGN(std::unique_ptr<PdfDocument> pdf, PdfDocument::Open(path, {}));
//   for (int i = 0; i < pdf->n_pages(); ++i) { Result<PdfPage> page = pdf->Read(i); ... }
// The next page renders while the caller works on this one. Memory is that of one page here and of
// one page in the worker, however long the file. A document belongs to one thread at a time; any
// number may be open.
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
#include "media/image.h"
#include "pdf/text_layer.h"

namespace glmocr {

struct PdfOptions {
  double dpi = 200;        // 1 to 2400
  int max_side_px = 3500;  // of the picture: larger pages are scaled down to it. 16 to 20000
  std::string password;    // UTF-8, at most 1024 bytes; empty: none
  // Wall-clock seconds for opening the file and for every page, 0.01 to 86400.
  double page_timeout_s = 30;
  uint64_t max_memory_bytes = uint64_t{2} << 30;  // of the worker's address space
  int max_pages = 100'000;                        // files with more are refused
  bool read_text = true;                          // fill PdfPage::text
  std::string name;                               // what messages call a file; empty: its path
  // Empty: searched for (pdf/locate.h).
  std::filesystem::path worker;
  std::string pdfium;
};

struct PdfPage {
  Image image;  // on white, upright as the page's rotation says, annotations and form fields drawn
  double width_pt = 0, height_pt = 0;  // as shown; 72 points an inch
  PdfTextLayer text;                   // boxes in pixels of `image`
};

// "%PDF-" stands in the first 1024 bytes.
bool LooksLikePdf(std::span<const std::byte> bytes);

class PdfDocument {
 public:
  // A file, read while pages are read. Errors: kNotFound, kIo;
  // kInvalidArgument (options; a password is needed or wrong), kCorrupt (no PDF, or damaged beyond
  // repair; no pages), kUnsupported (its encryption), kResourceExhausted (pages), kCancelled
  // (time).
  static Result<std::unique_ptr<PdfDocument>> Open(const std::filesystem::path& path,
                                                   const PdfOptions& options);
  // Bytes, which are copied. `name` for messages.
  static Result<std::unique_ptr<PdfDocument>> OpenBytes(std::span<const std::byte> bytes,
                                                        std::string_view name,
                                                        const PdfOptions& options);
  ~PdfDocument();

  int n_pages() const;
  // Page `index`, 0-based. The errors name file and page; other pages may be read after any of
  // them: kInvalidArgument (no such page), kCorrupt (the page's objects; the worker died on it, or
  // sent nonsense), kCancelled (page_timeout_s), kResourceExhausted (memory; or the worker was lost
  // on each of the 20 pages read before). `next` is the page that renders meanwhile; the following
  // one by default, -1 for none.
  Result<PdfPage> Read(int index);
  Result<PdfPage> Read(int index, int next);

  // Of the running worker, or -1. For tests.
  pid_t worker_pid() const;

 private:
  class Impl;
  explicit PdfDocument(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmocr
