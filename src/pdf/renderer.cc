#include "pdf/renderer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>

#include "pdf/page_size.h"

namespace glmocr::pdf {
namespace {

int ReadBlock(void* param, unsigned long position,       // NOLINT(google-runtime-int)
              unsigned char* buffer, unsigned long n) {  // NOLINT(google-runtime-int)
  const int fd = *static_cast<const int*>(param);
  while (n > 0) {
    const ssize_t got = ::pread(fd, buffer, n, static_cast<off_t>(position));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    buffer += got;
    position += static_cast<unsigned long>(got);  // NOLINT(google-runtime-int)
    n -= static_cast<unsigned long>(got);         // NOLINT(google-runtime-int)
  }
  return 1;
}

FailureReason ReasonOf(unsigned long error) {  // NOLINT(google-runtime-int)
  switch (error) {
    case kFpdfFile:
      return FailureReason::kIo;
    case kFpdfFormat:
      return FailureReason::kFormat;
    case kFpdfPassword:
      return FailureReason::kPassword;
    case kFpdfSecurity:
      return FailureReason::kSecurity;
    case kFpdfPage:
      return FailureReason::kPage;
    default:
      return FailureReason::kUnknown;
  }
}

}  // namespace

std::optional<FailureReason> Renderer::Open(const std::string& password) {
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || info.st_size < 0) return FailureReason::kIo;
  access_.size = static_cast<unsigned long>(info.st_size);  // NOLINT(google-runtime-int)
  access_.read = ReadBlock;
  access_.param = const_cast<int*>(&fd_);
  document_ = pdfium_.LoadCustomDocument(&access_, password.empty() ? nullptr : password.c_str());
  if (document_ == nullptr) return ReasonOf(pdfium_.GetLastError());
  units_.emplace(fd_, password);
  // Values of form fields are drawn by the form module alone.
  if (pdfium_.GetFormType(document_) != kFpdfFormNone) {
    form_info_.version = 2;
    form_ = pdfium_.InitFormFillEnvironment(document_, &form_info_);
  }
  return std::nullopt;
}

uint32_t Renderer::n_pages() const {
  return static_cast<uint32_t>(std::max(0, pdfium_.GetPageCount(document_)));
}

CharRecord Renderer::ReadChar(FpdfPage* page, FpdfTextPage* text, int index, int width_px,
                              int height_px) const {
  CharRecord c;
  c.codepoint = pdfium_.TextGetUnicode(text, index);
  const auto is = [&](auto function) { return function != nullptr && function(text, index) == 1; };
  if (is(pdfium_.TextIsGenerated)) c.flags |= CharRecord::kGenerated;
  if (is(pdfium_.TextIsHyphen)) c.flags |= CharRecord::kHyphen;
  if (is(pdfium_.TextHasUnicodeMapError)) c.flags |= CharRecord::kUnmapped;
  if (pdfium_.TextGetTextObject != nullptr && pdfium_.TextObjGetTextRenderMode != nullptr) {
    FpdfPageObject* object = pdfium_.TextGetTextObject(text, index);
    if (object != nullptr && pdfium_.TextObjGetTextRenderMode(object) == kFpdfRenderModeInvisible)
      c.flags |= CharRecord::kInvisible;
  }
  double left = 0, right = 0, bottom = 0, top = 0;
  if (pdfium_.TextGetCharBox(text, index, &left, &right, &bottom, &top) == 0) return c;
  // Any two opposite corners: a rotated page swaps them.
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  if (pdfium_.PageToDevice(page, 0, 0, width_px, height_px, 0, left, top, &x0, &y0) == 0 ||
      pdfium_.PageToDevice(page, 0, 0, width_px, height_px, 0, right, bottom, &x1, &y1) == 0)
    return c;
  c.left = std::min(x0, x1);
  c.right = std::max(x0, x1);
  c.top = std::min(y0, y1);
  c.bottom = std::max(y0, y1);
  return c;
}

std::vector<CharRecord> Renderer::ReadText(FpdfPage* page, int width_px, int height_px) const {
  std::vector<CharRecord> chars;
  FpdfTextPage* text = pdfium_.TextLoadPage(page);
  if (text == nullptr) return chars;
  const int n = std::max(0, pdfium_.TextCountChars(text));
  const int kept = std::min(n, static_cast<int>(kMaxChars));
  chars.reserve(static_cast<size_t>(kept));
  for (int i = 0; i < kept; ++i) chars.push_back(ReadChar(page, text, i, width_px, height_px));
  if (kept < n) chars.back().flags |= CharRecord::kCut;
  pdfium_.TextClosePage(text);
  return chars;
}

std::optional<FailureReason> Renderer::Render(const PageRequest& request, const Sink& sink) {
  FpdfPage* page = pdfium_.LoadPage(document_, static_cast<int>(request.index));
  if (page == nullptr) return FailureReason::kPage;
  const std::unique_ptr<FpdfPage, void (*)(FpdfPage*)> close_page(page, pdfium_.ClosePage);
  PageHeader header;
  header.index = request.index;
  const double unit = units_->Of(request.index);
  header.width_pt = unit * pdfium_.GetPageWidthF(page);
  header.height_pt = unit * pdfium_.GetPageHeightF(page);
  if (!std::isfinite(header.width_pt) || !std::isfinite(header.height_pt) || header.width_pt <= 0 ||
      header.height_pt <= 0)
    return FailureReason::kPageSize;
  const PixelSize size =
      SizeOfPage(header.width_pt, header.height_pt, request.dpi, request.max_side_px);
  const int w = size.width_px, h = size.height_px;
  header.width_px = w;
  header.height_px = h;

  FpdfBitmap* bitmap = pdfium_.BitmapCreateEx(w, h, kFpdfBitmapBgrx, nullptr, 0);
  if (bitmap == nullptr) return FailureReason::kMemory;
  const std::unique_ptr<FpdfBitmap, void (*)(FpdfBitmap*)> destroy(bitmap, pdfium_.BitmapDestroy);
  pdfium_.BitmapFillRect(bitmap, 0, 0, w, h, 0xffffffff);
  pdfium_.RenderPageBitmap(bitmap, page, 0, 0, w, h, 0, kFpdfAnnotations);
  if (form_ != nullptr) pdfium_.FFLDraw(form_, bitmap, page, 0, 0, w, h, 0, kFpdfAnnotations);
  const auto* rows = static_cast<const uint8_t*>(pdfium_.BitmapGetBuffer(bitmap));
  if (rows == nullptr) return FailureReason::kMemory;
  const auto stride = static_cast<size_t>(pdfium_.BitmapGetStride(bitmap));

  std::vector<CharRecord> chars;
  if (request.read_text != 0) chars = ReadText(page, w, h);
  header.n_chars = static_cast<uint32_t>(chars.size());
  sink.begin(header, chars);
  std::vector<uint8_t> rgb(static_cast<size_t>(w) * 3);
  for (int y = 0; y < h; ++y) {
    const uint8_t* bgrx = rows + static_cast<size_t>(y) * stride;
    for (int x = 0; x < w; ++x) {
      rgb[3 * x] = bgrx[4 * x + 2];
      rgb[3 * x + 1] = bgrx[4 * x + 1];
      rgb[3 * x + 2] = bgrx[4 * x];
    }
    sink.pixels(rgb);
  }
  return std::nullopt;
}

}  // namespace glmocr::pdf
