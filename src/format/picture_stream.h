// A picture as a PDF can hold it: what comes after the dictionary's length, and its bytes.
//
// Scans are kept as they came where PDF knows their compression: the bytes of JPEG, PNG and CCITT
// fax files go in unchanged, with a dictionary that says what they are. All that is looked at are
// headers, whose every length is checked; no codec runs on a stranger's bytes here but zlib's, on a
// PNG's colour profile. Other pictures are made of their pixels, without loss unless they were
// lossy before. How to use:
//   std::optional<PictureStream> kept = StoredPicture(bytes, page, n_pages);
//   if (!kept) {
//     GLM_ASSIGN(kept, PictureFromPixels(image, coding, 90, ProfileOf(bytes, page, n_pages)));
//   }
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "media/image.h"

namespace glmocr {

struct PictureStream {
  // "/Width 8 /Height 8 /BitsPerComponent 8 /Filter /DCTDecode ...": all but the colour space.
  std::string entries;
  std::string bytes;
  int width_px = 0, height_px = 0;  // as stored
  int orientation = 1;              // EXIF 1..8: how a reader turns it
  int components = 1;               // of its colours: gray, RGB or the ink of CMYK
  std::string icc;      // their profile, where the file has a usable one; empty: the device's
  std::string palette;  // the colours, one after the other, that its values count; empty: none

  bool cmyk() const { return components == 4; }
  bool black_and_white() const { return entries.find("/CCITTFaxDecode") != std::string::npos; }
};

// Pixels an inch of the picture as stored, 0 where the file does not say; and how a reader turns
// it.
struct PictureResolution {
  double x = 0, y = 0;
  int orientation = 1;
};

// Page `page` (from 0) of `n_pages` of an encoded picture, unchanged. Nothing for formats and
// variants that PDF does not know, and for what is not understood.
std::optional<PictureStream> StoredPicture(std::span<const std::byte> bytes, int page, int n_pages);
// The ICC profile that the same page has, as it is; empty where it has none, or one of more than 4
// MiB. JPEG, PNG, TIFF and WebP have.
std::string ProfileOf(std::span<const std::byte> bytes, int page, int n_pages);
// Of the same page. Only what a scanner may have written: 10 to 10,000.
PictureResolution ResolutionOf(std::span<const std::byte> bytes, int page, int n_pages);

enum class PixelCoding {
  kLossless,  // black and white as CCITT Group 4, else Flate: gray, palette or RGB
  kLossy,     // JPEG of `jpeg_quality`, unless it is black and white
};
// `icc`: what the pixels' file says of its colours. It is kept (PictureStream::icc) where it is of
// gray and all pixels are, or of RGB. Errors: those of the encoders.
Result<PictureStream> PictureFromPixels(const Image& image, PixelCoding coding, int jpeg_quality,
                                        const std::string& icc = {});

// Whether the bytes are of a format that has lost detail before.
bool IsLossyPicture(std::span<const std::byte> bytes);

}  // namespace glmocr
