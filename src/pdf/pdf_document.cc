#include "pdf/pdf_document.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "pdf/locate.h"
#include "pdf/protocol.h"
#include "pdf/worker_process.h"

namespace glmocr {

using pdf::Clock;
using pdf::FailureReason;
using pdf::UniqueFd;
using pdf::WorkerProcess;

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
  if (!(o.page_timeout_s >= 0.01 && o.page_timeout_s <= 86400))
    return bad("the time for a PDF page must be 0.01 to 86400 seconds");
  if (o.max_pages < 1) return bad("the limit of PDF pages must be at least 1");
  return OkStatus();
}

Clock::duration Seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
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
              options.password.empty()
                  ? "the PDF is encrypted and needs a password (option password)"
                  : "the password does not open this PDF (option password)"};
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
    case FailureReason::kUnknown:
      break;
  }
  return {ErrorCode::kCorrupt, "the PDF reader gave up on it without a reason"};
}

// The bytes as a file that nobody can change.
Result<UniqueFd> MemoryFile(std::span<const std::byte> bytes) {
  const auto failed = [&] {
    return Error{
        errno == ENOSPC || errno == ENOMEM ? ErrorCode::kResourceExhausted : ErrorCode::kIo,
        fmt::format("cannot keep {} bytes in memory: {}", bytes.size(), std::strerror(errno))};
  };
  UniqueFd fd(::memfd_create("glm-ocr-pdf", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.get() < 0) return failed();
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd.get(), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failed();
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    return failed();
  return fd;
}

}  // namespace

bool LooksLikePdf(std::span<const std::byte> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 1024));
  return head.find("%PDF-") != std::string_view::npos;
}

class PdfDocument::Impl {
 public:
  Impl(std::string name, UniqueFd file, PdfOptions options)
      : name_(std::move(name)), file_(std::move(file)), options_(std::move(options)) {
    limits_.max_side_px = options_.max_side_px;
  }

  // Finds the worker, starts it and learns the number of pages.
  Status Open() {
    worker_options_.program = options_.worker;
    if (options_.worker.empty()) {
      auto found = pdf::FindWorker();
      if (!found.ok()) return Named(found.error());
      worker_options_.program = *std::move(found);
    }
    worker_options_.pdfium = options_.pdfium.empty() ? pdf::FindPdfium() : options_.pdfium;
    worker_options_.max_memory_bytes = options_.max_memory_bytes;
    worker_options_.cpu_seconds_per_request =
        static_cast<unsigned>(std::ceil(options_.page_timeout_s)) + 2;
    if (Status status = Start(); !status.ok()) return Named(status.error());
    if (n_pages_ == 0)
      return Named({ErrorCode::kCorrupt, "the PDF has no pages (is the file complete?)"});
    if (n_pages_ > static_cast<uint32_t>(options_.max_pages)) {
      return Named({ErrorCode::kResourceExhausted,
                    fmt::format("the PDF says that it has {} pages; the limit is {} (split it)",
                                n_pages_, options_.max_pages)});
    }
    return OkStatus();
  }

  int n_pages() const { return static_cast<int>(n_pages_); }
  pid_t worker_pid() const { return worker_ ? worker_->pid() : -1; }

  Result<PdfPage> Read(int index, int next) {
    if (index < 0 || index >= n_pages()) {
      return Named({ErrorCode::kInvalidArgument,
                    fmt::format("there is no page {} (it has {})", index + 1, n_pages_)});
    }
    if (losses_ >= kMaxLosses) {
      return Named({ErrorCode::kResourceExhausted,
                    fmt::format("page {} of {}: not tried, because the PDF reader was lost on each "
                                "of the {} pages read before (the file is damaged or hostile; "
                                "name good pages with --pages)",
                                index + 1, n_pages_, losses_)});
    }
    auto page = ReadRaw(index);
    losses_ = page.ok() || worker_ ? 0 : losses_ + 1;
    if (!page.ok()) {
      return Named(page.error().With(fmt::format("page {} of {}", index + 1, n_pages_)));
    }
    // The worker has nothing to say between the pages; if it fails now, the next Read says so.
    if (next >= 0 && next < n_pages()) (void)Request(next);
    PdfPage out;
    try {
      out.text = pdf::MakeTextLayer(page->chars, page->image);
    } catch (const std::bad_alloc&) {
      return Named(
          Error{ErrorCode::kResourceExhausted, "not enough memory for the page's text"}.With(
              fmt::format("page {} of {}", index + 1, n_pages_)));
    }
    out.width_pt = page->header.width_pt;
    out.height_pt = page->header.height_pt;
    out.image = std::move(page->image);
    return out;
  }

 private:
  Error Named(const Error& error) const { return error.With("'" + name_ + "'"); }
  Clock::time_point After(double seconds) const { return Clock::now() + Seconds(seconds); }

  // Ends the worker after `error`, and says what a user can make of it.
  Error Drop(const Error& error) {
    const std::string how = worker_ ? worker_->Kill() : "";
    worker_.reset();
    asked_.reset();
    if (error.code == ErrorCode::kCancelled) {
      return {
          ErrorCode::kCancelled,
          fmt::format("took longer than the limit of {:g} seconds; the PDF reader was ended and "
                      "goes on with other pages in a new process",
                      options_.page_timeout_s)};
    }
    if (error.code == ErrorCode::kIo) {
      return {ErrorCode::kCorrupt,
              fmt::format("the PDF reader{} on it: the file is damaged or hostile, or needs more "
                          "than the limit of {} MiB of memory",
                          how.empty() ? " ended" : " " + how, options_.max_memory_bytes >> 20)};
    }
    return error;  // nonsense, or no memory here: the rest of the reply is still under way
  }

  Status Start() {
    served_ = 0;
    GLM_ASSIGN(worker_, WorkerProcess::Start(worker_options_, file_.get()));
    worker_->SetDeadline(After(options_.page_timeout_s));
    if (Status sent = worker_->Write(pdf::EncodeOpen(options_.password)); !sent.ok())
      return Drop(sent.error());
    auto reply = pdf::ReadReply(*worker_, limits_);
    if (!reply.ok()) return Drop(reply.error());
    if (const auto* failed = std::get_if<pdf::Failed>(&*reply)) {
      const uint32_t reason = failed->reason;
      worker_.reset();
      return Explain(reason, options_);
    }
    const auto* opened = std::get_if<pdf::Opened>(&*reply);
    // A file that changed its length meanwhile is another file.
    if (opened == nullptr || (n_pages_ != 0 && opened->n_pages != n_pages_))
      return Drop({ErrorCode::kCorrupt, "the PDF worker sent an unexpected reply"});
    n_pages_ = opened->n_pages;
    return OkStatus();
  }

  // Has `index` rendered.
  Status Request(int index) {
    if (!worker_) GLM_RETURN_IF_ERROR(Start());
    asked_ = Asked{index, After(options_.page_timeout_s)};
    worker_->SetDeadline(asked_->deadline);
    if (Status sent =
            worker_->Write(pdf::EncodePageRequest({.index = static_cast<uint32_t>(index),
                                                   .max_side_px = options_.max_side_px,
                                                   .dpi = options_.dpi,
                                                   .read_text = options_.read_text ? 1u : 0u}));
        !sent.ok())
      return Drop(sent.error());
    return OkStatus();
  }

  // The page, in a second worker when one ends at it that had read others before: what it broke at
  // may have been their remains.
  Result<pdf::RawPage> ReadRaw(int index) {
    if (asked_ && asked_->index != index) {
      // The wrong guess of what comes next. Taken off the socket, whatever it is.
      (void)Receive();
    }
    for (;;) {
      const int served = served_;
      Result<pdf::RawPage> page = ReadOnce(index);
      if (page.ok() || worker_ || served == 0 || page.error().code == ErrorCode::kCancelled)
        return page;
    }
  }

  Result<pdf::RawPage> ReadOnce(int index) {
    if (!asked_) GLM_RETURN_IF_ERROR(Request(index));
    auto reply = Receive();
    if (!reply.ok()) return reply.error();
    if (const auto* failed = std::get_if<pdf::Failed>(&*reply)) {
      Error error = Explain(failed->reason, options_);
      // A worker that ran out of memory is of no more use.
      return error.code == ErrorCode::kResourceExhausted ? Drop(error) : error;
    }
    auto* page = std::get_if<pdf::RawPage>(&*reply);
    if (page == nullptr || page->header.index != static_cast<uint32_t>(index))
      return Drop({ErrorCode::kCorrupt, "the PDF worker sent another reply than asked for"});
    ++served_;
    return std::move(*page);
  }

  // The reply to what was asked. Rendering has the time since it was asked; what is rendered has
  // that time again for its way through the socket, which waits for us.
  Result<pdf::Reply> Receive() {
    worker_->SetDeadline(asked_->deadline);
    if (Status ready = worker_->WaitReadable(); !ready.ok()) return Drop(ready.error());
    worker_->SetDeadline(After(options_.page_timeout_s));
    auto reply = pdf::ReadReply(*worker_, limits_);
    if (!reply.ok()) return Drop(reply.error());
    asked_.reset();
    return reply;
  }

  // After so many pages in a row that cost a worker, the file has had its chance: at 30 seconds a
  // page, a long one could go on for days.
  static constexpr int kMaxLosses = 20;

  struct Asked {
    int index = 0;
    Clock::time_point deadline;
  };

  const std::string name_;
  const UniqueFd file_;
  const PdfOptions options_;
  pdf::WorkerOptions worker_options_;
  pdf::ReplyLimits limits_;
  std::unique_ptr<WorkerProcess> worker_;
  std::optional<Asked> asked_;  // a page whose reply has not been read; worker_ is set then
  int served_ = 0;              // pages that this worker has rendered
  int losses_ = 0;              // pages in a row on which the worker was lost
  uint32_t n_pages_ = 0;
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
  auto fd = MemoryFile(bytes);
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
