// BMP through stb_image: 1/4/8-bit palettes, 16/24/32-bit, bit fields, top-down. Run-length coding
// is refused.
#define STBI_NO_STDIO
#include <fmt/core.h>
#include <stb/stb_image.h>

#include <climits>
#include <cstring>
#include <memory>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

uint32_t Le32(const uint8_t* p) {
  return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24;
}

struct Header {
  int width = 0, height = 0, channels = 3;
};

// Only what stb does not tell apart is read here: compression and depth.
Result<Header> ReadHeader(const Input& in, const DecodeOptions& options) {
  int width = 0, height = 0, components = 0;
  if (in.size() > INT_MAX) return Fail(ErrorCode::kResourceExhausted, in, "BMP larger than 2 GiB");
  uint32_t compression = 0, bits = 24;
  if (in.size() < 26) return Fail(ErrorCode::kCorrupt, in, "the BMP ends within its header");
  const uint32_t header_bytes = Le32(in.data() + 14);
  if (header_bytes == 12) {  // OS/2: u16 fields
    bits = in.data()[24] | in.data()[25] << 8;
  }
  if (header_bytes >= 40 && in.size() >= 34) {
    bits = in.data()[28] | in.data()[29] << 8;
    compression = Le32(in.data() + 30);
    if (compression == 1 || compression == 2 || compression > 6 || compression == 4 ||
        compression == 5) {
      return Fail(
          ErrorCode::kUnsupported, in,
          "BMP with run-length or embedded compression; save it as PNG or uncompressed BMP");
    }
  }
  if (stbi_info_from_memory(in.data(), static_cast<int>(in.size()), &width, &height, &components) ==
      0) {
    return Fail(ErrorCode::kCorrupt, in, "damaged or unsupported BMP header");
  }
  if (height < 0 && height > INT_MIN) height = -height;  // stored top-down
  GLM_RETURN_IF_ERROR(CheckSize(in, width, height, options));
  // Without bit fields the fourth byte is padding, whatever it holds.
  const bool alpha = components == 4 && !(bits == 32 && compression == 0);
  // stb neither notices the end of the data nor waits for it before it allocates. Padding after the
  // last row may lack.
  const int64_t stride = (int64_t{width} * bits + 31) / 32 * 4;
  const int64_t last_row = (int64_t{width} * bits + 7) / 8;
  const int64_t offset = Le32(in.data() + 10);
  if (offset + stride * (height - 1) + last_row > static_cast<int64_t>(in.size())) {
    return Fail(ErrorCode::kCorrupt, in,
                "the BMP is truncated: its data ends before the last row; get the whole file");
  }
  return Header{width, height, alpha ? 4 : 3};
}

}  // namespace

Result<ImageInfo> BmpInfo(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Header h, ReadHeader(in, options));
  ImageInfo info;
  info.width_px = h.width;
  info.height_px = h.height;
  info.has_alpha = h.channels == 4;
  return info;
}

Result<Surface> BmpDecode(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Header h, ReadHeader(in, options));
  int width = 0, height = 0, components = 0;
  std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(in.data(), static_cast<int>(in.size()), &width, &height, &components,
                            h.channels),
      stbi_image_free);
  if (pixels == nullptr || width != h.width || height != h.height) {
    return Fail(ErrorCode::kCorrupt, in, "damaged or unsupported BMP");
  }
  Surface s = MakeSurface(width, height, h.channels);
  std::memcpy(s.pixels.data(), pixels.get(), s.pixels.size());
  return s;
}

}  // namespace glmocr::codec
