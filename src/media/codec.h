// Internal to src/media: what each format's wrapper offers decode.cc. Third-party types stay inside
// the .cc files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "media/decode.h"

namespace glmocr::codec {

// Pixels as a format's decoder delivers them: alpha not yet resolved, orientation not yet applied.
struct Surface {
  int width_px = 0;
  int height_px = 0;
  int channels = 3;             // 3: RGB; 4: RGBA, alpha not premultiplied
  std::vector<uint8_t> pixels;  // [height_px, width_px, channels] u8
  int orientation = 1;          // EXIF 1..8
};

struct Input {
  std::span<const std::byte> bytes;
  std::string_view name;  // for messages
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(bytes.data()); }
  size_t size() const { return bytes.size(); }
};

// What to do about a file that is not whole, of those that TruncatedMode::kAccept reads.
inline constexpr std::string_view kGetItWhole =
    "get the whole file, or read what there is of it (--accept-truncated)";

// "'name': what" with the given code.
Error Fail(ErrorCode code, const Input& in, std::string_view what);
// Fails when the picture is empty or larger than options.max_pixels.
Status CheckSize(const Input& in, int64_t width_px, int64_t height_px,
                 const DecodeOptions& options);
// A surface of white (opaque) pixels. The caller has called CheckSize.
Surface MakeSurface(int width_px, int height_px, int channels);

// EXIF orientation 1..8 of an EXIF block (with or without the "Exif\0\0" prefix); 1 when there is
// none.
int ExifOrientation(const uint8_t* data, size_t size);

// CMYK to RGB as Pillow's convert("RGB") does, 0 = no ink. in: [n, 4] u8, out: [n, 3] u8.
void CmykToRgb(const uint8_t* in, size_t n, uint8_t* out);
// 16-bit gray to 8 bits.
inline uint8_t Gray16To8(uint32_t v, Gray16Mode mode) {
  return mode == Gray16Mode::kHighByte ? static_cast<uint8_t>(v >> 8)
                                       : static_cast<uint8_t>(v < 255 ? v : 255);
}

Result<ImageInfo> JpegInfo(const Input& in, const DecodeOptions& options);
Result<Surface> JpegDecode(const Input& in, const DecodeOptions& options);
Result<ImageInfo> PngInfo(const Input& in, const DecodeOptions& options);
Result<Surface> PngDecode(const Input& in, const DecodeOptions& options);
Result<ImageInfo> WebpInfo(const Input& in, const DecodeOptions& options);
Result<Surface> WebpDecode(const Input& in, const DecodeOptions& options);
Result<ImageInfo> TiffInfo(const Input& in, const DecodeOptions& options);
Result<Surface> TiffDecode(const Input& in, int page, const DecodeOptions& options);
Result<ImageInfo> GifInfo(const Input& in, const DecodeOptions& options);
Result<Surface> GifDecode(const Input& in, const DecodeOptions& options);
Result<ImageInfo> BmpInfo(const Input& in, const DecodeOptions& options);
Result<Surface> BmpDecode(const Input& in, const DecodeOptions& options);
Result<ImageInfo> PnmInfo(const Input& in, const DecodeOptions& options);
Result<Surface> PnmDecode(const Input& in, const DecodeOptions& options);
Result<ImageInfo> HeifInfo(const Input& in, ImageFormat format, const DecodeOptions& options);
Result<Surface> HeifDecode(const Input& in, const DecodeOptions& options);

}  // namespace glmocr::codec
