#include "pdf/pdf_document.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "media/decode.h"
#include "pdf/locate.h"
#include "pdf/protocol.h"
#include "pdf/worker_document.h"

namespace glmocr {

using pdf::FailureReason;
using pdf::UniqueFd;

namespace {

Status CheckOptions(const PdfOptions& o) {
  const auto bad = [](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, std::string(what)};
  };
  if (!(o.dpi >= 1 && o.dpi <= 2400)) return bad("the PDF resolution must be 1 to 2400 dpi");
  if (o.max_side_px < 16 || o.max_side_px > 20000)
    return bad("the largest side of a PDF page's picture must be 16 to 20000 pixels");
  if (o.password.size() > pdf::kMaxPasswordBytes)
    return bad("a PDF password has at most 1024 bytes");
  GLM_RETURN_IF_ERROR(pdf::CheckPageTimeout(o.page_timeout_s));
  if (o.max_pages < 1) return bad("the limit of PDF pages must be at least 1");
  return OkStatus();
}

// What the user reads about a reason that the worker gives, and its code.
Error Explain(uint32_t reason, const PdfOptions& options) {
  switch (static_cast<FailureReason>(reason)) {
    case FailureReason::kNoLibrary:
      return {ErrorCode::kNotFound,
              "PDF files cannot be read because libpdfium.so cannot be loaded (run "
              "scripts/fetch_pdfium.py and build again, or set the environment variable "
              "GLMOCR_PDFIUM to the library)"};
    case FailureReason::kPassword:
      return {ErrorCode::kInvalidArgument,
              options.password.empty() ? "the PDF is encrypted and needs a password (option "
                                         "--password; in the APIs the field password)"
                                       : "the password does not open this PDF (option --password; "
                                         "in the APIs the field password)"};
    case FailureReason::kFormat:
      return {ErrorCode::kCorrupt, "not a PDF, or too damaged to open (is the file complete?)"};
    case FailureReason::kSecurity:
      return {ErrorCode::kUnsupported,
              "the PDF is encrypted in a way that this program does not know (save it without "
              "encryption)"};
    case FailureReason::kIo:
      return {ErrorCode::kIo, "the file cannot be read (did it change meanwhile?)"};
    case FailureReason::kPage:
      return {ErrorCode::kCorrupt, "the page is damaged"};
    case FailureReason::kPageSize:
      return {ErrorCode::kCorrupt, "the page has no usable size"};
    case FailureReason::kMemory:
      return {ErrorCode::kResourceExhausted,
              fmt::format("needs more than the PDF reader's limit of {} MiB of memory (choose a "
                          "lower --dpi; or the file is hostile)",
                          options.max_memory_bytes >> 20)};
    default:  // unknown, also to PDFium, or of pictures
      break;
  }
  return {ErrorCode::kCorrupt, "the PDF reader gave up on it without a reason"};
}

}  // namespace

bool LooksLikePdf(std::span<const std::byte> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 1024));
  // PDF readers look for it in the first KiB. A picture's own beginning goes before.
  const size_t at = head.find("%PDF-");
  return at == 0 || (at != std::string_view::npos && !SniffImageFormat(bytes));
}

class PdfDocument::Impl {
 public:
  Impl(std::string name, UniqueFd file, const PdfOptions& options)
      : document_(JobOf(std::move(name), std::move(file), options)) {}

  Status Open() { return document_.Open(); }
  int n_pages() const { return document_.n_pages(); }
  pid_t worker_pid() const { return document_.worker_pid(); }

  Result<PdfPage> Read(int index, int next) {
    GLM_ASSIGN(pdf::RawPage page, document_.Read(index, next));
    PdfPage out;
    try {
      out.text = pdf::MakeTextLayer(page.chars, page.image);
    } catch (const std::bad_alloc&) {
      return document_.OfPage(index,
                              {ErrorCode::kOutOfMemory, "not enough memory for the page's text"});
    }
    out.width_pt = page.header.width_pt;
    out.height_pt = page.header.height_pt;
    out.image = std::move(page.image);
    return out;
  }

 private:
  static pdf::WorkerJob JobOf(std::string name, UniqueFd file, const PdfOptions& options) {
    pdf::WorkerJob job;
    job.name = std::move(name);
    job.reader = "the PDF reader";
    job.kind = "PDF";
    job.file = std::move(file);
    job.worker.program = options.worker;
    job.worker.pdfium = options.pdfium.empty() ? pdf::FindPdfium() : options.pdfium;
    job.worker.max_memory_bytes = options.max_memory_bytes;
    job.limits.max_side_px = options.max_side_px;
    job.page_timeout_s = options.page_timeout_s;
    job.max_pages = options.max_pages;
    job.open_request = pdf::EncodeOpenPdf(options.password);
    job.page_request = [options](uint32_t index) {
      return pdf::EncodePageRequest({.index = index,
                                     .max_side_px = options.max_side_px,
                                     .dpi = options.dpi,
                                     .read_text = options.read_text ? 1u : 0u});
    };
    job.explain = [options](uint32_t reason) { return Explain(reason, options); };
    return job;
  }

  pdf::WorkerDocument document_;
};

PdfDocument::PdfDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PdfDocument::~PdfDocument() = default;

Result<std::unique_ptr<PdfDocument>> PdfDocument::Open(const std::filesystem::path& path,
                                                       const PdfOptions& options) {
  GLM_RETURN_IF_ERROR(CheckOptions(options));
  const std::string name = options.name.empty() ? path.string() : options.name;
  // Not blocking: opening a named pipe would wait for its writer.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 fmt::format("cannot open '{}': {}{}", name, std::strerror(errno),
                             errno == EACCES   ? " (check the permissions)"
                             : errno == ENOENT ? " (check the path)"
                                               : "")};
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is not a regular file (pipes are read with OpenBytes)", name)};
  }
  if (info.st_size == 0)
    return Error{ErrorCode::kCorrupt, fmt::format("'{}': the file is empty (0 bytes)", name)};
  auto impl = std::make_unique<Impl>(name, std::move(fd), options);
  GLM_RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<PdfDocument>(new PdfDocument(std::move(impl)));
}

Result<std::unique_ptr<PdfDocument>> PdfDocument::OpenBytes(std::span<const std::byte> bytes,
                                                            std::string_view name,
                                                            const PdfOptions& options) {
  GLM_RETURN_IF_ERROR(CheckOptions(options));
  if (bytes.empty())
    return Error{ErrorCode::kCorrupt, fmt::format("'{}': the file is empty (0 bytes)", name)};
  auto fd = pdf::MemoryFile(bytes);
  if (!fd.ok()) return fd.error().With(fmt::format("'{}'", name));
  auto impl = std::make_unique<Impl>(std::string(name), *std::move(fd), options);
  GLM_RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<PdfDocument>(new PdfDocument(std::move(impl)));
}

int PdfDocument::n_pages() const { return impl_->n_pages(); }
Result<PdfPage> PdfDocument::Read(int index) { return impl_->Read(index, index + 1); }
Result<PdfPage> PdfDocument::Read(int index, int next) { return impl_->Read(index, next); }
pid_t PdfDocument::worker_pid() const { return impl_->worker_pid(); }

}  // namespace glmocr
