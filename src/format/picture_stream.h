// A picture as a PDF can hold it: what comes after the dictionary's length, and its bytes.
//
// Scans are kept as they came where PDF knows their compression: the bytes of JPEG, PNG and CCITT
// fax files go in unchanged, with a dictionary that says what they are. All that is looked at are
// headers, whose every length is checked; no codec runs on a stranger's bytes here. Other pictures
// are made of their pixels, without loss unless they were lossy before. How to use:
//   std::optional<PictureStream> kept = StoredPicture(bytes, page, n_pages);
//   if (!kept) { GLM_ASSIGN(kept, PictureFromPixels(image, coding, 90)); }
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "media/image.h"

namespace glmocr {

struct PictureStream {
  // "/Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode ...".
  std::string entries;
  std::string bytes;
  int width_px = 0, height_px = 0;  // as stored
  int orientation = 1;              // EXIF 1..8: how a reader turns it
  bool cmyk = false;                // its colours are ink
  std::string icc;                  // their profile, where the file has one; empty: the device's
  int components = 1;               // of the colours
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
// Of the same page. Only what a scanner may have written: 10 to 10,000.
PictureResolution ResolutionOf(std::span<const std::byte> bytes, int page, int n_pages);

enum class PixelCoding {
  kLossless,  // black and white as CCITT Group 4, else Flate: gray, palette or RGB
  kLossy,     // JPEG of `jpeg_quality`, unless it is black and white
};
// Errors: those of the encoders.
Result<PictureStream> PictureFromPixels(const Image& image, PixelCoding coding, int jpeg_quality);

// Whether the bytes are of a format that has lost detail before.
bool IsLossyPicture(std::span<const std::byte> bytes);

}  // namespace glmocr
