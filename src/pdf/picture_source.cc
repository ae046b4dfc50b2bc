#include "pdf/picture_source.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

namespace glmocr::pdf {
namespace {

FailureReason ReasonOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kCorrupt:
      return FailureReason::kPictureDamaged;
    case ErrorCode::kUnsupported:
      return FailureReason::kPictureUnsupported;
    case ErrorCode::kResourceExhausted:
      return FailureReason::kPictureTooLarge;
    default:
      return FailureReason::kPictureRefused;
  }
}

}  // namespace

std::optional<FailureReason> PictureSource::Open(const std::string& payload) {
  PictureRequest request;
  struct stat info {};
  if (payload.size() != sizeof(request) || ::fstat(fd_, &info) != 0 || info.st_size < 1)
    return FailureReason::kIo;
  std::memcpy(&request, payload.data(), sizeof(request));
  options_.max_pixels = request.max_pixels;
  options_.max_encoded_bytes = request.max_encoded_bytes;
  options_.alpha = static_cast<AlphaMode>(request.alpha);
  options_.orientation = static_cast<OrientationMode>(request.orientation);
  options_.truncated = static_cast<TruncatedMode>(request.truncated);
  options_.gray16 = static_cast<Gray16Mode>(request.gray16);
  const auto size = static_cast<size_t>(info.st_size);
  // The parent's memory file, sealed: it cannot become shorter.
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_, 0);
  if (mapped == MAP_FAILED) return FailureReason::kMemory;
  bytes_ = {static_cast<const std::byte*>(mapped), size};
  const auto picture = ReadImageInfo(bytes_, "picture", options_);
  if (!picture.ok()) return ReasonOf(picture.error());
  n_pages_ = static_cast<uint32_t>(picture->pages);
  return std::nullopt;
}

std::optional<FailureReason> PictureSource::Page(const PageRequest& request, ReplySink& reply) {
  if (request.index >= n_pages_) return FailureReason::kPictureRefused;
  const auto image = DecodePage(bytes_, "picture", static_cast<int>(request.index), options_);
  if (!image.ok()) return ReasonOf(image.error());
  const PictureHeader header{
      .index = request.index, .width_px = image->width_px, .height_px = image->height_px};
  reply.Begin(ReplyType::kPicture);
  reply.Write(&header, sizeof(header));
  reply.Write(image->rgb.data(), image->rgb.size());
  return std::nullopt;
}

}  // namespace glmocr::pdf
