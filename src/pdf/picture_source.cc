#include "pdf/picture_source.h"

#include <cstring>
#include <utility>

namespace glmocr::pdf {
namespace {

FailureReason ReasonOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kCorrupt:
      return FailureReason::kPictureDamaged;
    case ErrorCode::kUnsupported:
      return FailureReason::kPictureUnsupported;
    case ErrorCode::kOutOfMemory:
      return FailureReason::kMemory;
    case ErrorCode::kResourceExhausted:
      return FailureReason::kPictureTooLarge;
    default:
      return FailureReason::kPictureRefused;
  }
}

}  // namespace

std::optional<FailureReason> PictureSource::Open(std::string payload) {
  PictureRequest request;
  if (payload.size() < sizeof(request)) return FailureReason::kPictureRefused;
  payload_ = std::move(payload);
  n_pages_ = 0;
  std::memcpy(&request, payload_.data(), sizeof(request));
  // Decoders multiply it by the bits of a pixel.
  if (request.max_pixels < 0 || request.max_pixels > INT64_MAX / 1024)
    return FailureReason::kPictureRefused;
  bytes_ = std::as_bytes(std::span(payload_)).subspan(sizeof(request));
  options_.max_pixels = request.max_pixels;
  options_.max_encoded_bytes = request.max_encoded_bytes;
  options_.alpha = static_cast<AlphaMode>(request.alpha);
  options_.orientation = static_cast<OrientationMode>(request.orientation);
  options_.truncated = static_cast<TruncatedMode>(request.truncated);
  options_.gray16 = static_cast<Gray16Mode>(request.gray16);
  const auto picture = ReadImageInfo(bytes_, "picture", options_);
  if (!picture.ok()) return ReasonOf(picture.error());
  n_pages_ = static_cast<uint32_t>(picture->pages);
  n_frames_ = picture->frames;
  return std::nullopt;
}

std::optional<FailureReason> PictureSource::Page(const PageRequest& request, ReplySink& reply) {
  if (request.index >= n_pages_) return FailureReason::kPictureRefused;
  const auto image = DecodePage(bytes_, "picture", static_cast<int>(request.index), options_);
  if (!image.ok()) return ReasonOf(image.error());
  const PictureHeader header{.index = request.index,
                             .width_px = image->width_px,
                             .height_px = image->height_px,
                             .n_frames = n_frames_};
  reply.Begin(ReplyType::kPicture);
  reply.Write(&header, sizeof(header));
  reply.Write(image->rgb.data(), image->rgb.size());
  return std::nullopt;
}

}  // namespace glmocr::pdf
