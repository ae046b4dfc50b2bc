// Any bytes as the picture that a searchable PDF is to show: what is kept of it lies within it, and
// a PDF can be made of what is.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "format/picture_stream.h"
#include "format/searchable_pdf.h"

namespace {

constexpr size_t kMaxProfile = size_t{4} << 20;

void Try(std::span<const std::byte> bytes, int page, int n_pages) {
  const glmocr::PictureResolution r = glmocr::ResolutionOf(bytes, page, n_pages);
  for (const double dpi : {r.x, r.y}) GLM_CHECK(dpi == 0 || (dpi >= 10 && dpi <= 10'000));
  GLM_CHECK((r.x == 0) == (r.y == 0) && r.orientation >= 1 && r.orientation <= 8);
  GLM_CHECK(glmocr::ProfileOf(bytes, page, n_pages).size() <= kMaxProfile);
  const auto stream = glmocr::StoredPicture(bytes, page, n_pages);
  if (!stream) return;
  GLM_CHECK(stream->width_px > 0 && stream->height_px > 0);
  GLM_CHECK(stream->orientation >= 1 && stream->orientation <= 8);
  GLM_CHECK(stream->components == 1 || stream->components == 3 || stream->components == 4);
  GLM_CHECK(!stream->bytes.empty() && stream->bytes.size() <= 2 * bytes.size());
  GLM_CHECK(stream->palette.size() <= 768 && stream->palette.size() % 3 == 0);
  GLM_CHECK(stream->icc.empty() ||
            (stream->icc.size() >= 128 && stream->icc.size() <= kMaxProfile));
  // Its dictionary is one: writing fails on no input.
  glmocr::ReadPage read;
  read.width_px = read.height_px = 1;
  glmocr::SearchablePdf pdf;
  GLM_CHECK(pdf.AddPage(read, *stream, {.x = 72, .y = 72}).ok());
  GLM_CHECK(pdf.Finish().ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)glmocr::IsLossyPicture(bytes);
  Try(bytes, 0, 1);
  Try(bytes, 1, 3);
  Try(bytes, -1, 0);
  return 0;
}
