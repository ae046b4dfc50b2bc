// One PDF opened with PDFium: its pages as pictures and characters. Runs in the worker process
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pdf/pdfium.h"
#include "pdf/protocol.h"
#include "pdf/rewriter.h"

namespace glmocr::pdf {

class Renderer {
 public:
  // `fd`: the PDF, open for reading, positioned anywhere. The object must not move afterwards and
  // is never taken down: the process ends instead.
  Renderer(const Pdfium& pdfium, int fd) : pdfium_(pdfium), fd_(fd) {}
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  // Opens the document; a failure reason or nothing.
  std::optional<FailureReason> Open(const std::string& password);
  uint32_t n_pages() const;  // after Open

  struct Sink {
    std::function<void(const PageHeader&, std::span<const CharRecord>)> begin;
    std::function<void(std::span<const uint8_t>)> pixels;  // RGB, rows from the top
  };
  // Renders a page into `sink`: begin once, then pixels until all rows are out. A failure reason,
  // with the sink not called, or nothing.
  std::optional<FailureReason> Render(const PageRequest& request, const Sink& sink);

 private:
  using Bitmap = std::unique_ptr<FpdfBitmap, void (*)(FpdfBitmap*)>;
  // How a character's text object is painted.
  struct Paint {
    FpdfPageObject* object = nullptr;
    uint8_t rgb[3] = {};
    bool has_color = false;  // not a pattern
  };
  struct PageText {
    std::vector<CharRecord> chars;
    std::vector<Paint> paints;  // one per character
  };
  Bitmap Draw(FpdfPage* page, int width_px, int height_px) const;
  PageText ReadText(FpdfPage* page, int width_px, int height_px) const;
  CharRecord ReadChar(FpdfPage* page, FpdfTextPage* text, int index, int width_px,
                      int height_px) const;
  Paint PaintOf(FpdfPageObject* object) const;
  void MarkDrawn(FpdfPage* page, FpdfBitmap* shown, int width_px, int height_px,
                 PageText* text) const;

  const Pdfium& pdfium_;
  const int fd_;
  FpdfFileAccess access_{};
  FpdfFormFillInfo form_info_{};
  FpdfDocument* document_ = nullptr;
  FpdfFormHandle* form_ = nullptr;
  std::optional<UserUnits> units_;
};

}  // namespace glmocr::pdf
