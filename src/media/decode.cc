#include "media/decode.h"

#include <fmt/core.h>

#include <cstring>
#include <new>
#include <utility>

#include "media/codec.h"
#include "media/lightness.h"

namespace glmocr {
namespace {

using codec::Fail;
using codec::Input;
using codec::Surface;

bool StartsWith(std::span<const std::byte> bytes, size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() &&
         std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

// ISO base media files name their kind in the "ftyp" box: major brand, then compatible brands.
std::optional<ImageFormat> SniffHeif(std::span<const std::byte> bytes) {
  if (!StartsWith(bytes, 4, "ftyp")) return std::nullopt;
  const size_t box = (static_cast<size_t>(bytes[0]) << 24) | (static_cast<size_t>(bytes[1]) << 16) |
                     (static_cast<size_t>(bytes[2]) << 8) | static_cast<size_t>(bytes[3]);
  const size_t end = std::min(box, bytes.size());
  bool heif = false;
  for (size_t at = 8; at + 4 <= end; at += 4) {
    if (at == 12) continue;  // minor version
    if (StartsWith(bytes, at, "avif") || StartsWith(bytes, at, "avis")) return ImageFormat::kAvif;
    for (std::string_view brand :
         {"heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"}) {
      heif |= StartsWith(bytes, at, brand);
    }
  }
  return heif ? std::optional(ImageFormat::kHeic) : std::nullopt;
}

Status CheckInput(const Input& in, const DecodeOptions& options) {
  if (in.size() == 0) {
    return Fail(ErrorCode::kInvalidArgument, in, "the file is empty (0 bytes)");
  }
  if (in.size() > options.max_encoded_bytes) {
    return Fail(ErrorCode::kResourceExhausted, in,
                fmt::format("the file has {} bytes, more than the limit of {}", in.size(),
                            options.max_encoded_bytes));
  }
  return OkStatus();
}

Result<ImageFormat> FormatOf(const Input& in) {
  if (auto format = SniffImageFormat(in.bytes)) return *format;
  return Fail(
      ErrorCode::kUnsupported, in,
      "not an image this program knows; it reads JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC "
      "and AVIF");
}

Result<ImageInfo> InfoOf(const Input& in, ImageFormat format, const DecodeOptions& options) {
  switch (format) {
    case ImageFormat::kJpeg:
      return codec::JpegInfo(in, options);
    case ImageFormat::kPng:
      return codec::PngInfo(in, options);
    case ImageFormat::kWebp:
      return codec::WebpInfo(in, options);
    case ImageFormat::kTiff:
      return codec::TiffInfo(in, options);
    case ImageFormat::kGif:
      return codec::GifInfo(in, options);
    case ImageFormat::kBmp:
      return codec::BmpInfo(in, options);
    case ImageFormat::kPnm:
      return codec::PnmInfo(in, options);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return codec::HeifInfo(in, format, options);
  }
  GLM_CHECK(false);
}

Result<Surface> SurfaceOf(const Input& in, ImageFormat format, int page,
                          const DecodeOptions& options) {
  switch (format) {
    case ImageFormat::kJpeg:
      return codec::JpegDecode(in, options);
    case ImageFormat::kPng:
      return codec::PngDecode(in, options);
    case ImageFormat::kWebp:
      return codec::WebpDecode(in, options);
    case ImageFormat::kTiff:
      return codec::TiffDecode(in, page, options);
    case ImageFormat::kGif:
      return codec::GifDecode(in, options);
    case ImageFormat::kBmp:
      return codec::BmpDecode(in, options);
    case ImageFormat::kPnm:
      return codec::PnmDecode(in, options);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return codec::HeifDecode(in, options);
  }
  GLM_CHECK(false);
}

// Writing that would vanish on white: a picture with transparent parts in which nothing that shows
// is clearly darker than paper.
bool IsWhiteOnTransparent(const Surface& s) {
  constexpr int kPale = 190;                 // of 255
  constexpr double kMostDark = 0.02;         // of what shows
  constexpr double kLeastTransparent = 0.2;  // of the picture
  const size_t n = static_cast<size_t>(s.width_px) * s.height_px;
  double shown = 0, dark = 0;
  const uint8_t* in = s.pixels.data();
  for (size_t i = 0; i < n; ++i, in += 4) {
    shown += in[3];
    if (Lightness(in) < kPale) dark += in[3];
  }
  return shown > 0 && dark <= kMostDark * shown &&
         shown <= (1 - kLeastTransparent) * 255 * static_cast<double>(n);
}

// RGBA to RGB in place; rows shrink towards the front, so reads stay ahead of writes.
void ResolveAlpha(Surface& s, AlphaMode mode) {
  if (s.channels == 3) return;
  const int ground = mode == AlphaMode::kCompositeOnWhite && IsWhiteOnTransparent(s) ? 0 : 255;
  const size_t n = static_cast<size_t>(s.width_px) * s.height_px;
  const uint8_t* in = s.pixels.data();
  uint8_t* out = s.pixels.data();
  for (size_t i = 0; i < n; ++i, in += 4, out += 3) {
    const int a = mode == AlphaMode::kDrop ? 255 : in[3];
    for (int c = 0; c < 3; ++c) {
      // Rounded a*v + (1-a)*ground over 255.
      const int t = in[c] * a + ground * (255 - a) + 128;
      out[c] = static_cast<uint8_t>(((t >> 8) + t) >> 8);
    }
  }
  s.channels = 3;
  s.pixels.resize(n * 3);
}

// EXIF: 2 mirrored left-right, 3 turned 180, 4 mirrored top-bottom, 5 transposed, 6 needs 90
// clockwise, 7 transversed, 8 needs 90 counter-clockwise.
Image Orient(Surface s) {
  Image out;
  const bool swaps = s.orientation >= 5;
  out.width_px = swaps ? s.height_px : s.width_px;
  out.height_px = swaps ? s.width_px : s.height_px;
  if (s.orientation == 1) {
    out.rgb = std::move(s.pixels);
    return out;
  }
  out.rgb.resize(s.pixels.size());
  const int w = s.width_px, h = s.height_px;
  for (int y = 0; y < out.height_px; ++y) {
    uint8_t* to = out.row(y);
    for (int x = 0; x < out.width_px; ++x, to += 3) {
      int sx = x, sy = y;
      switch (s.orientation) {
        case 2:
          sx = w - 1 - x;
          break;
        case 3:
          sx = w - 1 - x, sy = h - 1 - y;
          break;
        case 4:
          sy = h - 1 - y;
          break;
        case 5:
          sx = y, sy = x;
          break;
        case 6:
          sx = y, sy = h - 1 - x;
          break;
        case 7:
          sx = w - 1 - y, sy = h - 1 - x;
          break;
        case 8:
          sx = w - 1 - y, sy = x;
          break;
        default:
          break;
      }
      std::memcpy(to, s.pixels.data() + (static_cast<size_t>(sy) * w + sx) * 3, 3);
    }
  }
  return out;
}

Result<Image> DecodeOne(const Input& in, ImageFormat format, int page,
                        const DecodeOptions& options) {
  GLM_ASSIGN(Surface surface, SurfaceOf(in, format, page, options));
  if (options.orientation == OrientationMode::kIgnore) surface.orientation = 1;
  ResolveAlpha(surface, options.alpha);
  return Orient(std::move(surface));
}

// Our own allocations are bounded by max_pixels, but the machine may have less; that is the user's
// problem, not a bug.
template <typename T, typename Fn>
Result<T> CatchingNoMemory(const Input& in, Fn fn) {
  try {
    return fn();
  } catch (const std::bad_alloc&) {
    return Fail(ErrorCode::kOutOfMemory, in, "not enough memory to decode this image");
  }
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kGif:
      return "GIF";
    case ImageFormat::kPnm:
      return "PNM";
    case ImageFormat::kHeic:
      return "HEIC";
    case ImageFormat::kAvif:
      return "AVIF";
  }
  GLM_CHECK(false);
}

std::optional<ImageFormat> SniffImageFormat(std::span<const std::byte> bytes) {
  using std::string_view_literals::operator""sv;
  if (StartsWith(bytes, 0, "\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (StartsWith(bytes, 0, "\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (StartsWith(bytes, 0, "RIFF") && StartsWith(bytes, 8, "WEBP")) return ImageFormat::kWebp;
  for (std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (StartsWith(bytes, 0, magic)) return ImageFormat::kTiff;
  }
  if (StartsWith(bytes, 0, "GIF87a") || StartsWith(bytes, 0, "GIF89a")) return ImageFormat::kGif;
  if (bytes.size() > 2 && StartsWith(bytes, 0, "P")) {
    const char kind = static_cast<char>(bytes[1]), next = static_cast<char>(bytes[2]);
    const bool blank = next == ' ' || next == '\t' || next == '\n' || next == '\r' || next == '#';
    if (kind >= '1' && kind <= '6' && blank) return ImageFormat::kPnm;
  }
  if (auto heif = SniffHeif(bytes)) return heif;
  // "BM" is short, so the size of the second header (12 to 124 bytes) has to fit too.
  if (StartsWith(bytes, 0, "BM") && bytes.size() > 18 && bytes[15] == std::byte{0} &&
      bytes[14] >= std::byte{12} && bytes[14] <= std::byte{124}) {
    return ImageFormat::kBmp;
  }
  return std::nullopt;
}

Result<ImageInfo> ReadImageInfo(std::span<const std::byte> bytes, std::string_view name,
                                const DecodeOptions& options) {
  const Input in{bytes, name};
  return CatchingNoMemory<ImageInfo>(in, [&]() -> Result<ImageInfo> {
    GLM_RETURN_IF_ERROR(CheckInput(in, options));
    GLM_ASSIGN(ImageFormat format, FormatOf(in));
    GLM_ASSIGN(ImageInfo info, InfoOf(in, format, options));
    info.format = format;
    return info;
  });
}

Result<Image> DecodePage(std::span<const std::byte> bytes, std::string_view name, int page,
                         const DecodeOptions& options) {
  const Input in{bytes, name};
  return CatchingNoMemory<Image>(in, [&]() -> Result<Image> {
    GLM_RETURN_IF_ERROR(CheckInput(in, options));
    GLM_ASSIGN(ImageFormat format, FormatOf(in));
    if (page < 0 || (page > 0 && format != ImageFormat::kTiff)) {
      return Fail(ErrorCode::kInvalidArgument, in, fmt::format("there is no page {}", page + 1));
    }
    return DecodeOne(in, format, page, options);
  });
}

Result<std::vector<Image>> DecodeImages(std::span<const std::byte> bytes, std::string_view name,
                                        const DecodeOptions& options) {
  const Input in{bytes, name};
  return CatchingNoMemory<std::vector<Image>>(in, [&]() -> Result<std::vector<Image>> {
    GLM_RETURN_IF_ERROR(CheckInput(in, options));
    GLM_ASSIGN(ImageFormat format, FormatOf(in));
    int n_pages = 1;
    if (format == ImageFormat::kTiff) {
      GLM_ASSIGN(ImageInfo info, InfoOf(in, format, options));
      n_pages = info.pages;
    }
    if (n_pages > options.max_pages) {
      return Fail(ErrorCode::kResourceExhausted, in,
                  fmt::format("the file has {} pages, more than the limit of {}; split it or raise "
                              "the page limit",
                              n_pages, options.max_pages));
    }
    std::vector<Image> pages;
    DecodeOptions rest = options;
    int64_t total = 0;
    for (int page = 0; page < n_pages; ++page) {
      rest.max_pixels = std::min(options.max_pixels, options.max_total_pixels - total);
      auto image = DecodeOne(in, format, page, rest);
      if (!image.ok()) {
        if (n_pages == 1) return image.error();
        return image.error().With(fmt::format("page {} of {}", page + 1, n_pages));
      }
      total += int64_t{image->width_px} * image->height_px;
      pages.push_back(std::move(image).value());
    }
    return pages;
  });
}

}  // namespace glmocr
