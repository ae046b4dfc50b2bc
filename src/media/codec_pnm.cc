// PBM, PGM, PPM (P1 to P6, ASCII and binary) through leptonica. Its maximum values: 3, 15, 255,
// 65535 (gray), 255, 65535 (colour); others are refused. So are binary 16-bit samples:
// leptonica 1.82 and stb_image 2.27 both swap their bytes, later versions do not.

#include <fmt/core.h>

#include <cstring>

#include "media/codec.h"
#include "media/lept.h"

namespace glmocr::codec {
namespace {

struct Header {
  int width = 0, height = 0, type = 0, bits = 0, samples = 0;
  size_t pixel_bytes = 0;  // at least
};

Result<Header> ReadHeader(const Input& in, const DecodeOptions& options) {
  SilenceLeptonica();
  l_int32 width = 0, height = 0, depth = 0, type = 0, bits = 0, samples = 0;
  if (readHeaderMemPnm(in.data(), in.size(), &width, &height, &depth, &type, &bits, &samples) !=
      0) {
    return Fail(ErrorCode::kCorrupt, in,
                "damaged PNM header, or a maximum value other than 3, 15, 255 or 65535");
  }
  GLM_RETURN_IF_ERROR(CheckSize(in, width, height, options));
  if (type >= 5 && bits == 16) {
    return Fail(ErrorCode::kUnsupported, in,
                "binary PNM with 16-bit samples; convert it to 8 bits or to PNG");
  }
  // At least one bit (P4) or one byte and a blank (ASCII; P1 may leave blanks out) per sample has
  // to follow.
  const int64_t n = int64_t{width} * height * samples;
  const int64_t least = type == 4   ? (int64_t{width} + 7) / 8 * height
                        : type >= 5 ? n
                        : type == 1 ? n
                                    : 2 * n - 1;
  if (static_cast<int64_t>(in.size()) < least) {
    return Fail(ErrorCode::kCorrupt, in,
                "the PNM is truncated: its data ends before the last row; get the whole file");
  }
  return Header{width, height, type, bits, samples, static_cast<size_t>(least)};
}

// A binary file may hold several pictures one after the other, as Netpbm's tools write them.
bool IsFollowed(const Input& in, size_t pixel_bytes, int type) {
  const uint8_t* data = in.data();
  size_t at = 2;
  for (int numbers = type == 4 ? 2 : 3; numbers > 0; --numbers) {
    const auto blank = [&] { return data[at] == ' ' || (data[at] >= '\t' && data[at] <= '\r'); };
    while (at < in.size() && (blank() || data[at] == '#')) {
      if (data[at] == '#') {
        while (at < in.size() && data[at] != '\n') ++at;
      } else {
        ++at;
      }
    }
    while (at < in.size() && data[at] >= '0' && data[at] <= '9') ++at;
  }
  ++at;  // one blank
  if (at >= in.size() || in.size() - at <= pixel_bytes) return false;
  at += pixel_bytes;
  return in.size() - at > 2 && data[at] == 'P' && data[at + 1] >= '1' && data[at + 1] <= '6' &&
         data[at + 2] <= ' ';
}

}  // namespace

Result<ImageInfo> PnmInfo(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Header h, ReadHeader(in, options));
  ImageInfo info;
  info.width_px = h.width;
  info.height_px = h.height;
  if (h.type >= 4 && IsFollowed(in, h.pixel_bytes, h.type)) info.frames = kManyFrames;
  return info;
}

Result<Surface> PnmDecode(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Header h, ReadHeader(in, options));
  PixPtr pix(pixReadMemPnm(in.data(), in.size()));
  if (pix == nullptr || pixGetWidth(pix.get()) != h.width || pixGetHeight(pix.get()) != h.height) {
    return Fail(ErrorCode::kCorrupt, in, "the PNM is truncated or damaged");
  }
  Surface s = MakeSurface(h.width, h.height, 3);
  const int depth = pixGetDepth(pix.get());
  uint8_t* out = s.pixels.data();
  for (int y = 0; y < h.height; ++y) {
    const l_uint32* line = pixGetData(pix.get()) + static_cast<size_t>(y) * pixGetWpl(pix.get());
    for (int x = 0; x < h.width; ++x, out += 3) {
      int gray = 0;
      switch (depth) {
        case 1:
          gray = GET_DATA_BIT(line, x) ? 0 : 255;
          break;
        case 2:
          gray = GET_DATA_DIBIT(line, x) * 85;
          break;
        case 4:
          gray = GET_DATA_QBIT(line, x) * 17;
          break;
        case 8:
          gray = GET_DATA_BYTE(line, x);
          break;
        case 16:
          gray = Gray16To8(GET_DATA_TWO_BYTES(line, x), options.gray16);
          break;
        default:
          out[0] = static_cast<uint8_t>(line[x] >> L_RED_SHIFT);
          out[1] = static_cast<uint8_t>(line[x] >> L_GREEN_SHIFT);
          out[2] = static_cast<uint8_t>(line[x] >> L_BLUE_SHIFT);
          continue;
      }
      std::memset(out, gray, 3);
    }
  }
  return s;
}

}  // namespace glmocr::codec
