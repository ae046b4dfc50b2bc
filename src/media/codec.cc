#include "media/codec.h"

#include <fmt/core.h>
#include <libexif/exif-data.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace glmocr::codec {

Error Fail(ErrorCode code, const Input& in, std::string_view what) {
  return Error{code, fmt::format("'{}': {}", in.name, what)};
}

Status CheckSize(const Input& in, int64_t width_px, int64_t height_px,
                 const DecodeOptions& options) {
  if (width_px <= 0 || height_px <= 0) {
    return Fail(ErrorCode::kCorrupt, in,
                fmt::format("the image header says {} x {} pixels; the file is damaged or empty",
                            width_px, height_px));
  }
  // Codecs and Image count in int; 2^31 / 4 keeps a row of four channels within it.
  constexpr int64_t kMaxSide = (int64_t{1} << 29) - 1;
  if (width_px > kMaxSide || height_px > kMaxSide || width_px > options.max_pixels / height_px) {
    return Fail(ErrorCode::kResourceExhausted, in,
                fmt::format("the image is {} x {} pixels, more than the limit of {} pixels; "
                            "scale it down or raise the pixel limit",
                            width_px, height_px, options.max_pixels));
  }
  return OkStatus();
}

Surface MakeSurface(int width_px, int height_px, int channels) {
  Surface s;
  s.width_px = width_px;
  s.height_px = height_px;
  s.channels = channels;
  s.pixels.assign(static_cast<size_t>(width_px) * height_px * channels, 255);
  return s;
}

int ExifOrientation(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBlock = size_t{1} << 20;  // a JPEG segment is < 64 KiB; more is not EXIF
  if (data == nullptr || size < 8 || size > kMaxBlock) return 1;
  static constexpr uint8_t kPrefix[6] = {'E', 'x', 'i', 'f', 0, 0};
  std::vector<uint8_t> block;  // libexif wants the prefix, PNG and WebP leave it out
  if (std::memcmp(data, kPrefix, 6) != 0) block.assign(kPrefix, kPrefix + 6);
  block.insert(block.end(), data, data + size);
  std::unique_ptr<ExifData, void (*)(ExifData*)> exif(
      exif_data_new_from_data(block.data(), static_cast<unsigned>(block.size())), exif_data_unref);
  if (exif == nullptr) return 1;
  ExifEntry* entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->size < 2) return 1;
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(exif.get()));
  return value >= 1 && value <= 8 ? value : 1;
}

void CmykToRgb(const uint8_t* in, size_t n, uint8_t* out) {
  // Ref: Pillow src/libImaging/Convert.c cmyk2rgb; MULDIV255 is the rounded product over 255.
  for (size_t i = 0; i < n; ++i, in += 4, out += 3) {
    const int paper = 255 - in[3];
    for (int c = 0; c < 3; ++c) {
      const int t = in[c] * paper + 128;
      out[c] = static_cast<uint8_t>(std::max(0, paper - (((t >> 8) + t) >> 8)));
    }
  }
}

}  // namespace glmocr::codec
