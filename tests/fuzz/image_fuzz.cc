// Arbitrary bytes through the image decoders, with limits small enough for speed. Seeds:
// tests/fuzz/corpus/image.
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined (see CMake option GLMOCR_FUZZ);
//   run with -rss_limit_mb=2048.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "media/decode.h"

// libheif 1.15 forgets a picture or two of its AV1 and HEVC decoders when a file breaks off within
// them: tens of bytes, in code that is not ours. Everything else that leaks is a finding.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libdav1d\nleak:libde265\nleak:libaom\n";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  glmocr::DecodeOptions options;
  options.max_pixels = 1 << 16;
  options.max_total_pixels = 1 << 18;
  options.max_pages = 8;
  // The last byte picks the modes, so that the corpus files stay ordinary pictures.
  const uint8_t mode = data[size - 1];
  options.alpha = (mode & 1) != 0 ? glmocr::AlphaMode::kDrop : glmocr::AlphaMode::kCompositeOnWhite;
  options.truncated =
      (mode & 2) != 0 ? glmocr::TruncatedMode::kAccept : glmocr::TruncatedMode::kReject;
  options.gray16 =
      (mode & 4) != 0 ? glmocr::Gray16Mode::kClipLikePillow : glmocr::Gray16Mode::kHighByte;
  const auto bytes = std::as_bytes(std::span(data, size));
  auto info = glmocr::ReadImageInfo(bytes, "fuzz", options);
  auto pages = glmocr::DecodeImages(bytes, "fuzz", options);
  if (!pages.ok()) return 0;
  if (!info.ok()) std::abort();  // what decodes has a readable header
  for (const glmocr::Image& page : *pages) {
    const size_t expected = static_cast<size_t>(page.width_px) * page.height_px * 3;
    if (page.empty() || page.rgb.size() != expected) std::abort();
  }
  return 0;
}
