// HEIC and AVIF through libheif. The container's own rotation, mirroring and cropping are part of
// the picture (encoders pad it to whole coding blocks and crop it again), so they are always
// applied; EXIF only repeats the rotation and is ignored (ISO/IEC 23008-12).
#include <fmt/core.h>
#include <libheif/heif.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

using Context = std::unique_ptr<heif_context, void (*)(heif_context*)>;
using Handle = std::unique_ptr<const heif_image_handle, void (*)(const heif_image_handle*)>;

struct Opened {
  Context context{nullptr, heif_context_free};
  Handle handle{nullptr, heif_image_handle_release};
};

ErrorCode CodeOf(const heif_error& e) {
  switch (e.code) {
    case heif_error_Unsupported_feature:
    case heif_error_Unsupported_filetype:
      return ErrorCode::kUnsupported;
    case heif_error_Memory_allocation_error:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kCorrupt;
  }
}

Error HeifError(const Input& in, const heif_error& e) {
  return Fail(CodeOf(e), in, fmt::format("cannot read HEIF: {}", e.message));
}

Result<Opened> Open(const Input& in, const DecodeOptions& options) {
  Opened o;
  o.context.reset(heif_context_alloc());
  if (o.context == nullptr) return Fail(ErrorCode::kOutOfMemory, in, "out of memory");
  // libheif squares the number: no image of more pixels is decoded, tiles and auxiliary images
  // included.
  const double side = std::sqrt(static_cast<double>(std::max<int64_t>(options.max_pixels, 1)));
  heif_context_set_maximum_image_size_limit(o.context.get(), static_cast<int>(std::ceil(side)));
  heif_error e =
      heif_context_read_from_memory_without_copy(o.context.get(), in.data(), in.size(), nullptr);
  if (e.code != heif_error_Ok) return HeifError(in, e);
  heif_image_handle* handle = nullptr;
  e = heif_context_get_primary_image_handle(o.context.get(), &handle);
  if (e.code != heif_error_Ok) return HeifError(in, e);
  o.handle.reset(handle);
  GLM_RETURN_IF_ERROR(CheckSize(in, heif_image_handle_get_width(handle),
                                heif_image_handle_get_height(handle), options));
  return o;
}

// Whether the file says that it holds a sequence beside its picture: brands of ISO/IEC 23008-12.
bool HoldsSequence(const Input& in) {
  if (in.size() < 16) return false;
  size_t end = 0;
  for (size_t i = 0; i < 4; ++i) end = end << 8 | in.data()[i];
  end = std::min(end, in.size());
  for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) {  // a version after the main brand
    for (const char* brand : {"msf1", "hevc", "hevx", "hevm", "hevs", "avis"})
      if (std::memcmp(in.data() + at, brand, 4) == 0) return true;
  }
  return false;
}

}  // namespace

Result<ImageInfo> HeifInfo(const Input& in, ImageFormat format, const DecodeOptions& options) {
  GLM_ASSIGN(Opened o, Open(in, options));
  ImageInfo info;
  info.format = format;
  info.width_px = heif_image_handle_get_width(o.handle.get());
  info.height_px = heif_image_handle_get_height(o.handle.get());
  info.has_alpha = heif_image_handle_has_alpha_channel(o.handle.get()) != 0;
  info.frames = std::max(1, heif_context_get_number_of_top_level_images(o.context.get()));
  if (HoldsSequence(in)) info.frames = kManyFrames;
  return info;
}

Result<Surface> HeifDecode(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Opened o, Open(in, options));
  const bool alpha = heif_image_handle_has_alpha_channel(o.handle.get()) != 0;
  std::unique_ptr<heif_decoding_options, void (*)(heif_decoding_options*)> how(
      heif_decoding_options_alloc(), heif_decoding_options_free);
  if (how == nullptr) return Fail(ErrorCode::kOutOfMemory, in, "out of memory");
  how->convert_hdr_to_8bit = 1;
  heif_image* raw = nullptr;
  const heif_error e = heif_decode_image(
      o.handle.get(), &raw, heif_colorspace_RGB,
      alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, how.get());
  std::unique_ptr<const heif_image, void (*)(const heif_image*)> image(raw, heif_image_release);
  if (e.code != heif_error_Ok) return HeifError(in, e);
  const int width = heif_image_get_width(raw, heif_channel_interleaved);
  const int height = heif_image_get_height(raw, heif_channel_interleaved);
  GLM_RETURN_IF_ERROR(CheckSize(in, width, height, options));
  int stride = 0;
  const uint8_t* plane = heif_image_get_plane_readonly(raw, heif_channel_interleaved, &stride);
  Surface s = MakeSurface(width, height, alpha ? 4 : 3);
  const size_t row_bytes = static_cast<size_t>(width) * s.channels;
  if (plane == nullptr || stride < static_cast<int64_t>(row_bytes)) {
    return Fail(ErrorCode::kInternal, in, "libheif delivered no pixels");
  }
  for (int y = 0; y < height; ++y) {
    std::memcpy(s.pixels.data() + row_bytes * y, plane + static_cast<size_t>(stride) * y,
                row_bytes);
  }
  return s;
}

}  // namespace glmocr::codec

namespace glmocr {

void LoadImageDecoders() {
  // Never undone: it counts how often it is called, and the process needs them until its end.
  (void)heif_init(nullptr);
}

}  // namespace glmocr
