// WebP through libwebp (pixels) and libwebpdemux (EXIF, first frame of an animation).
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

struct Header {
  int width = 0, height = 0, orientation = 1;
  bool alpha = false, animated = false;
  int frames = 1;
};

Result<Header> ReadHeader(const Input& in, const DecodeOptions& options) {
  WebPBitstreamFeatures f;
  const VP8StatusCode status = WebPGetFeatures(in.data(), in.size(), &f);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) {
    return Fail(ErrorCode::kCorrupt, in, "the WebP is truncated within its header");
  }
  if (status != VP8_STATUS_OK) return Fail(ErrorCode::kCorrupt, in, "damaged WebP header");
  GLM_RETURN_IF_ERROR(CheckSize(in, f.width, f.height, options));
  Header h{f.width, f.height, 1, f.has_alpha != 0, f.has_animation != 0, 1};
  const WebPData data{in.data(), in.size()};
  std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demux(WebPDemux(&data), WebPDemuxDelete);
  if (demux != nullptr && h.animated)
    h.frames = static_cast<int>(WebPDemuxGetI(demux.get(), WEBP_FF_FRAME_COUNT));
  if (demux != nullptr && (WebPDemuxGetI(demux.get(), WEBP_FF_FORMAT_FLAGS) & EXIF_FLAG) != 0) {
    WebPChunkIterator chunk;
    if (WebPDemuxGetChunk(demux.get(), "EXIF", 1, &chunk) != 0) {
      h.orientation = ExifOrientation(chunk.chunk.bytes, chunk.chunk.size);
      WebPDemuxReleaseChunkIterator(&chunk);
    }
  }
  return h;
}

}  // namespace

Result<ImageInfo> WebpInfo(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Header h, ReadHeader(in, options));
  ImageInfo info;
  info.width_px = h.width;
  info.height_px = h.height;
  info.orientation = h.orientation;
  info.has_alpha = h.alpha;
  info.frames = h.frames;
  return info;
}

Result<Surface> WebpDecode(const Input& in, const DecodeOptions& options) {
  GLM_ASSIGN(Header h, ReadHeader(in, options));
  Surface s = MakeSurface(h.width, h.height, h.alpha || h.animated ? 4 : 3);
  s.orientation = h.orientation;
  const Error broken = Fail(ErrorCode::kCorrupt, in,
                            "the WebP is truncated or damaged; get an intact copy of the file");
  if (h.animated) {
    WebPAnimDecoderOptions anim;
    if (WebPAnimDecoderOptionsInit(&anim) == 0) return broken;
    const WebPData data{in.data(), in.size()};
    std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(
        WebPAnimDecoderNew(&data, &anim), WebPAnimDecoderDelete);
    WebPAnimInfo info;
    uint8_t* canvas = nullptr;
    int timestamp_ms = 0;
    if (decoder == nullptr || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0 ||
        static_cast<int>(info.canvas_width) != h.width ||
        static_cast<int>(info.canvas_height) != h.height ||
        WebPAnimDecoderGetNext(decoder.get(), &canvas, &timestamp_ms) == 0) {
      return broken;
    }
    std::memcpy(s.pixels.data(), canvas, s.pixels.size());
    return s;
  }
  const int stride = h.width * s.channels;
  const bool ok = s.channels == 4 ? WebPDecodeRGBAInto(in.data(), in.size(), s.pixels.data(),
                                                       s.pixels.size(), stride) != nullptr
                                  : WebPDecodeRGBInto(in.data(), in.size(), s.pixels.data(),
                                                      s.pixels.size(), stride) != nullptr;
  if (!ok) return broken;
  return s;
}

}  // namespace glmocr::codec
