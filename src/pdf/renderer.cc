#include "pdf/renderer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "pdf/page_size.h"

namespace glmocr::pdf {
namespace {

constexpr uint16_t kUnknownFont = 0xffff;
constexpr int kVisible = 20;  // of 255: a difference between colours that an eye sees
constexpr int kProbes = 64;   // of a character's box, along each side, at most twice as many

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

Renderer::Paint Renderer::PaintOf(FpdfPageObject* object) const {
  Paint paint{.object = object};
  const bool stroked = pdfium_.TextObjGetTextRenderMode != nullptr &&
                       pdfium_.TextObjGetTextRenderMode(object) == kFpdfRenderModeStroke;
  const auto color = stroked ? pdfium_.PageObjGetStrokeColor : pdfium_.PageObjGetFillColor;
  unsigned int rgba[4] = {};
  if (color == nullptr || color(object, &rgba[0], &rgba[1], &rgba[2], &rgba[3]) == 0) return paint;
  paint.has_color = true;
  for (int i = 0; i < 3; ++i) paint.rgb[i] = static_cast<uint8_t>(std::min(rgba[i], 255u));
  return paint;
}

Renderer::PageText Renderer::ReadText(FpdfPage* page, int width_px, int height_px) const {
  PageText out;
  FpdfTextPage* text = pdfium_.TextLoadPage(page);
  if (text == nullptr) return out;
  const int n = std::max(0, pdfium_.TextCountChars(text));
  const int kept = std::min(n, static_cast<int>(kMaxChars));
  out.chars.reserve(static_cast<size_t>(kept));
  out.paints.reserve(static_cast<size_t>(kept));
  std::unordered_map<const FpdfFont*, uint16_t> fonts;
  bool invisible = false;
  for (int i = 0; i < kept; ++i) {
    CharRecord c = ReadChar(page, text, i, width_px, height_px);
    c.font = kUnknownFont;
    FpdfPageObject* object =
        pdfium_.TextGetTextObject == nullptr ? nullptr : pdfium_.TextGetTextObject(text, i);
    if (object == nullptr) {
      out.paints.emplace_back();
    } else if (!out.paints.empty() && out.paints.back().object == object) {
      out.paints.push_back(out.paints.back());
      c.font = out.chars.back().font;
    } else {
      out.paints.push_back(PaintOf(object));
      invisible = pdfium_.TextObjGetTextRenderMode != nullptr &&
                  pdfium_.TextObjGetTextRenderMode(object) == kFpdfRenderModeInvisible;
      if (pdfium_.TextObjGetFont != nullptr && fonts.size() < kUnknownFont) {
        const auto number = static_cast<uint16_t>(fonts.size());
        c.font = fonts.try_emplace(pdfium_.TextObjGetFont(object), number).first->second;
      }
    }
    if (object != nullptr && invisible) c.flags |= CharRecord::kInvisible;
    out.chars.push_back(c);
  }
  if (kept < n) out.chars.back().flags |= CharRecord::kCut;
  pdfium_.TextClosePage(text);
  return out;
}

Renderer::Bitmap Renderer::Draw(FpdfPage* page, int w, int h) const {
  Bitmap bitmap(pdfium_.BitmapCreateEx(w, h, kFpdfBitmapBgrx, nullptr, 0), pdfium_.BitmapDestroy);
  if (bitmap == nullptr) return bitmap;
  pdfium_.BitmapFillRect(bitmap.get(), 0, 0, w, h, 0xffffffff);
  pdfium_.RenderPageBitmap(bitmap.get(), page, 0, 0, w, h, 0, kFpdfAnnotations);
  if (form_ != nullptr) pdfium_.FFLDraw(form_, bitmap.get(), page, 0, 0, w, h, 0, kFpdfAnnotations);
  return bitmap;
}

// A character is drawn where the page's picture changes when the page's text is taken away, to or
// from another colour than the character's own: white letters change nothing on white, and are not
// what was drawn where dark letters go away from the same place. That holds whatever hides text:
// its render mode, its colour, a clip, a picture over it, a layer that is switched off.
void Renderer::MarkDrawn(FpdfPage* page, FpdfBitmap* shown, int w, int h, PageText* text) const {
  if (pdfium_.TextObjSetTextRenderMode == nullptr) return;
  const FpdfPageObject* last = nullptr;
  for (const Paint& paint : text->paints) {
    if (paint.object != nullptr && paint.object != last)
      pdfium_.TextObjSetTextRenderMode(paint.object, kFpdfRenderModeInvisible);
    last = paint.object;
  }
  const Bitmap bare = Draw(page, w, h);
  if (bare == nullptr) return;
  const auto* with = static_cast<const uint8_t*>(pdfium_.BitmapGetBuffer(shown));
  const auto* without = static_cast<const uint8_t*>(pdfium_.BitmapGetBuffer(bare.get()));
  if (with == nullptr || without == nullptr) return;
  const auto stride = static_cast<size_t>(pdfium_.BitmapGetStride(shown));
  const auto bare_stride = static_cast<size_t>(pdfium_.BitmapGetStride(bare.get()));
  const auto is_drawn = [&](const CharRecord& c, const Paint& paint) {
    // A pixel more to each side: boxes are rounded.
    const int x0 = std::clamp(c.left, 1, w) - 1, x1 = std::clamp(c.right, 0, w - 1) + 1;
    const int y0 = std::clamp(c.top, 1, h) - 1, y1 = std::clamp(c.bottom, 0, h - 1) + 1;
    // A million characters as large as the page must not take for ever.
    const int dx = 1 + (x1 - x0) / kProbes, dy = 1 + (y1 - y0) / kProbes;
    for (int y = y0; y < y1; y += dy) {
      const uint8_t* a = with + static_cast<size_t>(y) * stride;
      const uint8_t* b = without + static_cast<size_t>(y) * bare_stride;
      for (int x = x0; x < x1; x += dx) {
        int change = 0, contrast = 0;
        for (int i = 0; i < 3; ++i) {  // BGR
          change = std::max(change, std::abs(a[4 * x + i] - b[4 * x + i]));
          contrast = std::max(contrast, std::abs(paint.rgb[2 - i] - b[4 * x + i]));
        }
        if (change >= kVisible && (!paint.has_color || contrast >= kVisible)) return true;
      }
    }
    return false;
  };
  for (size_t i = 0; i < text->chars.size(); ++i) {
    CharRecord& c = text->chars[i];
    const bool nowhere = c.right < 0 || c.bottom < 0 || c.left >= w || c.top >= h;
    if (text->paints[i].object == nullptr || nowhere) continue;
    if ((c.flags & CharRecord::kInvisible) == 0 && is_drawn(c, text->paints[i]))
      c.flags |= CharRecord::kDrawn;
  }
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

  const Bitmap bitmap = Draw(page, w, h);
  if (bitmap == nullptr) return FailureReason::kMemory;
  const auto* rows = static_cast<const uint8_t*>(pdfium_.BitmapGetBuffer(bitmap.get()));
  if (rows == nullptr) return FailureReason::kMemory;
  const auto stride = static_cast<size_t>(pdfium_.BitmapGetStride(bitmap.get()));

  PageText text;
  if (request.read_text != 0) text = ReadText(page, w, h);
  if (!text.chars.empty()) MarkDrawn(page, bitmap.get(), w, h, &text);
  const std::vector<CharRecord>& chars = text.chars;
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
