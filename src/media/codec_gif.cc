// GIF through giflib: the first frame on its canvas.
#include <fmt/core.h>
#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

struct Reader {
  const uint8_t* data;
  size_t size, at;
};

int Read(GifFileType* gif, GifByteType* out, int n) {
  auto* r = static_cast<Reader*>(gif->UserData);
  const size_t take = std::min(static_cast<size_t>(n), r->size - r->at);
  std::memcpy(out, r->data + r->at, take);
  r->at += take;
  return static_cast<int>(take);
}

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, Close>;

std::string Reason(int code) {
  const char* text = GifErrorString(code);
  return text != nullptr ? text : "unknown error";
}

Result<Gif> Open(Reader& reader, const Input& in, const DecodeOptions& options) {
  int code = 0;
  Gif gif(DGifOpen(&reader, Read, &code));
  if (gif == nullptr) {
    return Fail(ErrorCode::kCorrupt, in, fmt::format("damaged GIF header: {}", Reason(code)));
  }
  GLM_RETURN_IF_ERROR(CheckSize(in, gif->SWidth, gif->SHeight, options));
  return gif;
}

// Walks to the first image; `transparent` becomes its transparent palette index or -1.
Status SeekFirstImage(GifFileType* gif, const Input& in, int* transparent) {
  *transparent = -1;
  for (;;) {
    GifRecordType type;
    if (DGifGetRecordType(gif, &type) == GIF_ERROR) break;
    if (type == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageDesc(gif) == GIF_ERROR) break;
      return OkStatus();
    }
    if (type == TERMINATE_RECORD_TYPE) {
      return Fail(ErrorCode::kCorrupt, in, "the GIF holds no image");
    }
    if (type != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) break;
    GraphicsControlBlock control;
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
      *transparent = control.TransparentColor;
    }
    while (block != nullptr) {
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) {
        return Fail(ErrorCode::kCorrupt, in, "the GIF is truncated or damaged");
      }
    }
  }
  return Fail(ErrorCode::kCorrupt, in,
              fmt::format("the GIF is truncated or damaged: {}", Reason(gif->Error)));
}

// The file's images, as far as it is whole, without decoding their pixels.
int CountFrames(GifFileType* gif) {
  int n = 0;
  for (;;) {
    GifRecordType type;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetRecordType(gif, &type) == GIF_ERROR) return n;
    if (type == TERMINATE_RECORD_TYPE) return n;
    if (type == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageDesc(gif) == GIF_ERROR) return n;
      ++n;
      if (DGifGetCode(gif, &code, &block) == GIF_ERROR) return n;
      while (block != nullptr) {
        if (DGifGetCodeNext(gif, &block) == GIF_ERROR) return n;
      }
    } else if (type == EXTENSION_RECORD_TYPE) {
      if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return n;
      while (block != nullptr) {
        if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return n;
      }
    }
  }
}

// The file's order of rows: four passes when interlaced.
std::vector<int> RowOrder(int height, bool interlaced) {
  std::vector<int> order;
  order.reserve(height);
  if (!interlaced) {
    for (int y = 0; y < height; ++y) order.push_back(y);
    return order;
  }
  static constexpr int kStart[4] = {0, 4, 2, 1}, kStep[4] = {8, 8, 4, 2};
  for (int pass = 0; pass < 4; ++pass) {
    for (int y = kStart[pass]; y < height; y += kStep[pass]) order.push_back(y);
  }
  return order;
}

}  // namespace

Result<ImageInfo> GifInfo(const Input& in, const DecodeOptions& options) {
  Reader reader{in.data(), in.size(), 0};
  GLM_ASSIGN(Gif gif, Open(reader, in, options));
  ImageInfo info;
  info.width_px = gif->SWidth;
  info.height_px = gif->SHeight;
  info.frames = std::max(1, CountFrames(gif.get()));
  return info;
}

Result<Surface> GifDecode(const Input& in, const DecodeOptions& options) {
  Reader reader{in.data(), in.size(), 0};
  GLM_ASSIGN(Gif gif, Open(reader, in, options));
  int transparent = -1;
  GLM_RETURN_IF_ERROR(SeekFirstImage(gif.get(), in, &transparent));
  const GifImageDesc& frame = gif->Image;
  GLM_RETURN_IF_ERROR(CheckSize(in, frame.Width, frame.Height, options));
  const ColorMapObject* map = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  auto paint = [&](int index, uint8_t* out) {
    if (map != nullptr && index < map->ColorCount) {
      const GifColorType c = map->Colors[index];
      out[0] = c.Red, out[1] = c.Green, out[2] = c.Blue;
    } else {  // no palette: indices are gray levels, as in Pillow
      std::memset(out, map == nullptr ? index : 0, 3);
    }
    out[3] = index == transparent ? 0 : 255;
  };

  Surface s = MakeSurface(gif->SWidth, gif->SHeight, 4);
  // The canvas around a smaller frame is transparent, as in browsers; its dropped-alpha colour is
  // Pillow's.
  const bool covers =
      frame.Left == 0 && frame.Top == 0 && frame.Width >= s.width_px && frame.Height >= s.height_px;
  if (!covers) {
    uint8_t color[4];
    paint(std::max(transparent, 0), color);
    color[3] = 0;
    for (size_t i = 0; i < s.pixels.size(); i += 4) std::memcpy(s.pixels.data() + i, color, 4);
  }
  std::vector<GifPixelType> line(static_cast<size_t>(frame.Width));
  for (int y : RowOrder(frame.Height, frame.Interlace)) {
    if (DGifGetLine(gif.get(), line.data(), frame.Width) == GIF_ERROR) {
      if (options.truncated == TruncatedMode::kAccept) break;
      return Fail(
          ErrorCode::kCorrupt, in,
          fmt::format("the GIF is truncated or damaged: {}; {}", Reason(gif->Error), kGetItWhole));
    }
    const int64_t cy = int64_t{y} + frame.Top;
    if (cy < 0 || cy >= s.height_px) continue;
    for (int x = 0; x < frame.Width; ++x) {
      const int64_t cx = int64_t{x} + frame.Left;
      if (cx < 0 || cx >= s.width_px) continue;
      paint(line[x], s.pixels.data() + (static_cast<size_t>(cy) * s.width_px + cx) * 4);
    }
  }
  return s;
}

}  // namespace glmocr::codec
