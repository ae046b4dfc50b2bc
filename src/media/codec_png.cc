// PNG through libpng.
#include <fmt/core.h>
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <vector>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

struct Png {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const uint8_t* data = nullptr;
  size_t size = 0, at = 0;
  char message[160] = "";
  bool ended_early = false;
  int passes = 1;

  Png() = default;
  Png(const Png&) = delete;
  ~Png() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void OnError(png_structp png, png_const_charp what) {
  auto* self = static_cast<Png*>(png_get_error_ptr(png));
  std::snprintf(self->message, sizeof self->message, "%s", what);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep out, size_t n) {
  auto* self = static_cast<Png*>(png_get_io_ptr(png));
  if (n > self->size - self->at) {
    self->ended_early = true;
    png_error(png, "the file ends early");
  }
  std::memcpy(out, self->data + self->at, n);
  self->at += n;
}

// Functions with setjmp hold no objects with destructors: longjmp would skip them.
bool Open(Png& p, const Input& in, TruncatedMode truncated) {
  p.data = in.data();
  p.size = in.size();
  p.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &p, OnError, OnWarning);
  if (p.png == nullptr) return false;
  if (setjmp(png_jmpbuf(p.png)) != 0) return false;
  p.info = png_create_info_struct(p.png);
  if (p.info == nullptr) return false;
  // Sides are held against max_pixels by CheckSize; chunks of text or profiles need not be large.
  png_set_user_limits(p.png, 0x1fffffff, 0x1fffffff);
  png_set_chunk_malloc_max(p.png, 8 << 20);
  png_set_chunk_cache_max(p.png, 128);
  // libpng 1.6.39 allocates whatever length an eXIf chunk announces; kept as an unknown chunk it
  // obeys the limit above.
  png_set_keep_unknown_chunks(p.png, PNG_HANDLE_CHUNK_ALWAYS,
                              reinterpret_cast<png_const_bytep>("eXIf"), 1);
  // libpng loses a whole buffer of compressed data when the file ends within it, so small ones
  // where ends are accepted.
  if (truncated == TruncatedMode::kAccept) png_set_compression_buffer_size(p.png, 64);
  png_set_read_fn(p.png, &p, OnRead);
  png_read_info(p.png, p.info);
  return true;
}

enum class Gray16Plan { kNo, kKeep };

// Everything to 8-bit RGB or RGBA, except that 16-bit gray may be kept for Gray16To8.
bool Prepare(Png& p, bool alpha, Gray16Plan gray16) {
  if (setjmp(png_jmpbuf(p.png)) != 0) return false;
  png_set_expand(p.png);  // palette to RGB, 1/2/4-bit gray to 8, tRNS to alpha
  if (!alpha) png_set_strip_alpha(p.png);
  if (gray16 == Gray16Plan::kNo) {
    png_set_strip_16(p.png);  // the high byte, as Pillow
    png_set_gray_to_rgb(p.png);
  }
  p.passes = png_set_interlace_handling(p.png);
  png_read_update_info(p.png, p.info);
  return true;
}

bool ReadRows(Png& p, uint8_t* out, size_t row_bytes, int height) {
  if (setjmp(png_jmpbuf(p.png)) != 0) return false;
  for (int pass = 0; pass < p.passes; ++pass) {
    for (int y = 0; y < height; ++y) {
      png_read_row(p.png, out + row_bytes * static_cast<size_t>(y), nullptr);
    }
  }
  return true;
}

// The end of the file holds nothing we need but may hold EXIF; damage there does no harm.
bool ReadEnd(Png& p) {
  if (setjmp(png_jmpbuf(p.png)) != 0) return false;
  png_read_end(p.png, p.info);
  return true;
}

int OrientationOf(Png& p) {
  png_unknown_chunkp chunks = nullptr;
  const int n = png_get_unknown_chunks(p.png, p.info, &chunks);
  for (int i = 0; i < n; ++i) {
    if (std::memcmp(chunks[i].name, "eXIf", 4) == 0) {
      return ExifOrientation(chunks[i].data, chunks[i].size);
    }
  }
  return 1;
}

// Frames of an animated PNG: its acTL chunk says so, before the pixels. By hand, because libpng
// knows the chunk in some distributions only.
int CountFrames(const Input& in) {
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | in.data()[at + i];
    return value;
  };
  constexpr size_t kSignature = 8, kFrame = 12;  // of a chunk: length, name, checksum
  for (size_t at = kSignature; at + kFrame <= in.size();) {
    const uint32_t length = number(at);
    if (std::memcmp(in.data() + at + 4, "IDAT", 4) == 0) return 1;
    if (std::memcmp(in.data() + at + 4, "acTL", 4) == 0 && length >= 4 && at + 12 <= in.size())
      return static_cast<int>(std::clamp<uint32_t>(number(at + 8), 1, 1 << 30));
    at += kFrame + length;
  }
  return 1;
}

struct Header {
  png_uint_32 width = 0, height = 0;
  int depth = 0, color = 0;
  bool alpha = false;
};

Result<Header> OpenChecked(Png& p, const Input& in, const DecodeOptions& options) {
  if (!Open(p, in, options.truncated)) {
    return Fail(ErrorCode::kCorrupt, in, fmt::format("damaged PNG header: {}", p.message));
  }
  Header h;
  png_get_IHDR(p.png, p.info, &h.width, &h.height, &h.depth, &h.color, nullptr, nullptr, nullptr);
  GLM_RETURN_IF_ERROR(CheckSize(in, h.width, h.height, options));
  h.alpha = (h.color & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(p.png, p.info, PNG_INFO_tRNS);
  return h;
}

}  // namespace

Result<ImageInfo> PngInfo(const Input& in, const DecodeOptions& options) {
  Png p;
  GLM_ASSIGN(Header h, OpenChecked(p, in, options));
  ImageInfo info;
  info.width_px = static_cast<int>(h.width);
  info.height_px = static_cast<int>(h.height);
  info.orientation = OrientationOf(p);
  info.has_alpha = h.alpha;
  info.frames = CountFrames(in);
  return info;
}

Result<Surface> PngDecode(const Input& in, const DecodeOptions& options) {
  Png p;
  GLM_ASSIGN(Header h, OpenChecked(p, in, options));
  // Pillow opens 16-bit gray without alpha in a mode of its own and clips it; the other 16-bit
  // kinds lose the low byte.
  const bool gray16 = h.depth == 16 && h.color == PNG_COLOR_TYPE_GRAY &&
                      options.gray16 == Gray16Mode::kClipLikePillow;
  const bool alpha = h.alpha && !gray16;
  if (!Prepare(p, alpha, gray16 ? Gray16Plan::kKeep : Gray16Plan::kNo)) {
    return Fail(ErrorCode::kCorrupt, in, fmt::format("damaged PNG: {}", p.message));
  }
  const int width = static_cast<int>(h.width), height = static_cast<int>(h.height);
  Surface s = MakeSurface(width, height, alpha ? 4 : 3);
  const size_t row_bytes = static_cast<size_t>(width) * s.channels;
  const size_t raw_bytes = gray16 ? static_cast<size_t>(width) * 2 : row_bytes;
  if (png_get_rowbytes(p.png, p.info) != raw_bytes) {
    return Fail(ErrorCode::kInternal, in, "libpng chose an unexpected row layout");
  }
  const bool done = ReadRows(p, s.pixels.data(), raw_bytes, height);
  if (!done && options.truncated == TruncatedMode::kReject) {
    return Fail(ErrorCode::kCorrupt, in,
                p.ended_early
                    ? fmt::format("the PNG is truncated: its data ends before the last row; {}",
                                  kGetItWhole)
                    : fmt::format("the PNG is damaged: {}; {}", p.message, kGetItWhole));
  }
  if (done) ReadEnd(p);
  s.orientation = OrientationOf(p);
  if (gray16) {  // widen [h, w] big-endian u16 to [h, w, 3] u8 from the back, where writes stay
                 // behind reads
    for (size_t i = static_cast<size_t>(width) * height; i-- > 0;) {
      const uint32_t v = static_cast<uint32_t>(s.pixels[i * 2]) << 8 | s.pixels[i * 2 + 1];
      std::memset(s.pixels.data() + i * 3, Gray16To8(v, options.gray16), 3);
    }
  }
  return s;
}

}  // namespace glmocr::codec
