#include "pdf/picture_document.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "pdf/protocol.h"
#include "pdf/worker_document.h"

namespace glmocr {

using pdf::FailureReason;

namespace {

// As many as TIFF can count.
constexpr int kMaxPages = 65536;

Error Explain(uint32_t reason, const DecodeOptions& decode, uint64_t max_memory_bytes) {
  switch (static_cast<FailureReason>(reason)) {
    case FailureReason::kPictureDamaged:
      // Codecs say the same of memory that they do not get.
      return {
          ErrorCode::kCorrupt,
          fmt::format("the picture is damaged or incomplete (is the file whole?), or needs more "
                      "than {} MiB of memory to decode",
                      max_memory_bytes >> 20)};
    case FailureReason::kPictureUnsupported:
      return {ErrorCode::kUnsupported,
              "not a picture that this program reads (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC, "
              "AVIF), or a rare variant of one (save it as PNG)"};
    case FailureReason::kPictureTooLarge:
      return {ErrorCode::kResourceExhausted,
              fmt::format("larger than the limit of {} pixels a page, or needs more than {} MiB of "
                          "memory to decode (scale it down)",
                          decode.max_pixels, max_memory_bytes >> 20)};
    case FailureReason::kMemory:
      return {ErrorCode::kResourceExhausted,
              fmt::format("needs more than the limit of {} MiB of memory to decode (scale it down)",
                          max_memory_bytes >> 20)};
    case FailureReason::kIo:
      return {ErrorCode::kIo, "the picture's bytes cannot be read"};
    default:
      return {ErrorCode::kCorrupt, "the picture cannot be read"};
  }
}

// Kinds with small decoders that have been read by everybody for decades. The others have a worker
// of their own each: their decoders are large, and most of what broke image libraries in recent
// years was in them.
bool SharesWorker(std::span<const std::byte> bytes) {
  switch (SniffImageFormat(bytes).value_or(ImageFormat::kHeic)) {
    case ImageFormat::kJpeg:
    case ImageFormat::kPng:
    case ImageFormat::kBmp:
    case ImageFormat::kPnm:
      return true;
    default:
      return false;
  }
}

}  // namespace

class PictureDocument::Impl {
 public:
  explicit Impl(pdf::WorkerJob job) : document(std::move(job)) {}
  pdf::WorkerDocument document;
  int n_frames = 1;
};

PictureDocument::PictureDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PictureDocument::~PictureDocument() = default;

Result<std::unique_ptr<PictureDocument>> PictureDocument::Open(
    std::span<const std::byte> bytes, std::string_view name, const DecodeOptions& decode,
    const PictureWorkerOptions& options) {
  GLM_RETURN_IF_ERROR(pdf::CheckPageTimeout(options.page_timeout_s));
  if (bytes.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}': the file is empty (0 bytes)", name)};
  }
  if (bytes.size() > decode.max_encoded_bytes) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("'{}': the file has {} bytes, more than the limit of {}", name,
                             bytes.size(), decode.max_encoded_bytes)};
  }
  if (bytes.size() > pdf::kMaxPictureBytes) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("'{}': the file has {} bytes, more than the {} that are decoded", name,
                             bytes.size(), pdf::kMaxPictureBytes)};
  }
  pdf::WorkerJob job;
  job.name = name;
  job.reader = "the picture reader";
  job.kind = "picture";
  job.ask_first_page = true;
  job.has_page_names = false;
  job.worker.program = options.worker;
  job.worker.max_memory_bytes = options.max_memory_bytes;
  job.limits.max_pixels = decode.max_pixels;
  job.page_timeout_s = options.page_timeout_s;
  job.max_pages = kMaxPages;
  job.open_request = pdf::EncodeOpenPicture(decode, bytes);
  if (SharesWorker(bytes)) {
    job.pool = options.pool;
    job.owner = options.owner;
  }
  job.page_request = [](uint32_t index) { return pdf::EncodePageRequest({.index = index}); };
  job.explain = [decode, memory = options.max_memory_bytes](uint32_t reason) {
    return Explain(reason, decode, memory);
  };
  auto impl = std::make_unique<Impl>(std::move(job));
  GLM_RETURN_IF_ERROR(impl->document.Open());
  return std::unique_ptr<PictureDocument>(new PictureDocument(std::move(impl)));
}

int PictureDocument::n_pages() const { return impl_->document.n_pages(); }

Result<Image> PictureDocument::Read(int index, int next) {
  GLM_ASSIGN(pdf::RawPage page, impl_->document.Read(index, next));
  impl_->n_frames = page.n_frames;
  return std::move(page.image);
}

int PictureDocument::n_frames() const { return impl_->n_frames; }

pid_t PictureDocument::worker_pid() const { return impl_->document.worker_pid(); }

}  // namespace glmocr
