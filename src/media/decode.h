// Encoded pictures to RGB: JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC and AVIF, told apart by their
// first bytes.
//
// Why not one library: each format has one well-kept decoder and the pixels must equal Pillow's,
// which uses the same ones (docs/decisions/0003-image-codecs.md, docs/media.md). How to use:
//   GLM_ASSIGN(std::vector<Image> pages, DecodeImages(bytes, "scan.tif", {}));
// The size is read and held against DecodeOptions before pixels are allocated, so a small file
// cannot demand much memory. Every function is safe to call from several threads at once; none
// prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "media/image.h"

namespace glmocr {

enum class ImageFormat { kJpeg, kPng, kWebp, kTiff, kBmp, kGif, kPnm, kHeic, kAvif };

// "JPEG", "PNG", ...
std::string_view ImageFormatName(ImageFormat format);
// The format that the first bytes announce, or nothing. Never looks at a file name.
std::optional<ImageFormat> SniffImageFormat(std::span<const std::byte> bytes);

// What to do with transparency.
enum class AlphaMode {
  kCompositeOnWhite,  // what a reader sees on paper; on black where all that shows is nearly white
  kDrop,              // keep the stored colours, as Pillow's convert("RGB") does
};
enum class OrientationMode {
  kApply,   // turn the picture as EXIF or TIFF orientation says
  kIgnore,  // leave it as stored, as HF processors and Pillow's open() do. HEIC/AVIF: no effect,
            // their transforms always apply
};
// Files that end or break before the last pixel.
enum class TruncatedMode {
  kReject,  // an error (default): half a scan must not look like a whole one
  kAccept,  // JPEG, PNG, GIF, TIFF: what could be decoded; missing rows are white. Other formats:
            // still an error
};
// 16-bit gray (PNG, TIFF, PNM).
enum class Gray16Mode {
  kHighByte,        // v >> 8, what Pillow does for 16-bit RGB
  kClipLikePillow,  // min(v, 255), what Pillow's convert("RGB") does to 16-bit gray: most pages
                    // turn all white
};

struct DecodeOptions {
  int64_t max_pixels = 200'000'000;        // per page
  int64_t max_total_pixels = 800'000'000;  // over all pages that DecodeImages returns
  int max_pages = 1000;                    // DecodeImages refuses files with more
  size_t max_encoded_bytes = size_t{1} << 30;
  AlphaMode alpha = AlphaMode::kCompositeOnWhite;
  OrientationMode orientation = OrientationMode::kApply;
  TruncatedMode truncated = TruncatedMode::kReject;
  Gray16Mode gray16 = Gray16Mode::kHighByte;
};

inline constexpr int kManyFrames = -1;

struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  int width_px =
      0;  // of page 0 as stored (before orientation); HEIC/AVIF: after the file's own transforms
  int height_px = 0;
  // TIFF: directories that hold pages (thumbnails and masks do not); other formats: 1.
  int pages = 1;
  // Frames of an animation (GIF, WebP, PNG), or pictures that a file holds in place of pages (PNM,
  // HEIC, AVIF). Only the first is decoded. kManyFrames: several, not counted.
  int frames = 1;
  int orientation = 1;  // EXIF orientation 1..8 of page 0
  bool has_alpha = false;
};

// Header only. `name` is for messages. Errors: kInvalidArgument (empty), kUnsupported (no known
// format), kCorrupt, kResourceExhausted (max_encoded_bytes, max_pixels).
Result<ImageInfo> ReadImageInfo(std::span<const std::byte> bytes, std::string_view name,
                                const DecodeOptions& options = {});

// All pages of a TIFF, else one image. Errors as above, and kCorrupt for pixels that cannot be
// decoded.
Result<std::vector<Image>> DecodeImages(std::span<const std::byte> bytes, std::string_view name,
                                        const DecodeOptions& options = {});

// One page, 0-based, for callers that stream long files. kInvalidArgument when there is no such
// page.
Result<Image> DecodePage(std::span<const std::byte> bytes, std::string_view name, int page,
                         const DecodeOptions& options = {});

// Loads the decoders that lie in files of their own (plugins of libheif), which otherwise happens
// when one is first needed: for processes that may open no file later.
void LoadImageDecoders();

}  // namespace glmocr
