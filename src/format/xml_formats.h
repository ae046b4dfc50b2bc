// hOCR 1.2 and ALTO 4.4: text with its places, as library and archive software reads it. Words are
// estimates (text_geometry.h).
#pragma once

#include <memory>
#include <string>

#include "document/page.h"

namespace glmocr {

// hOCR: ocr_page > ocr_carea > ocr_par > ocr_line > ocrx_word with bbox, baseline and x_wconf;
// pictures as ocr_photo.
class HocrWriter {
 public:
  HocrWriter();
  ~HocrWriter();
  HocrWriter(HocrWriter&&) noexcept;
  HocrWriter& operator=(HocrWriter&&) noexcept;
  void AddPage(const ReadPage& page);
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// ALTO: Page > PrintSpace > TextBlock > TextLine > String/SP with HPOS, VPOS, WIDTH, HEIGHT, WC in
// pixels; pictures as Illustration; region labels as LayoutTag.
class AltoWriter {
 public:
  AltoWriter();
  ~AltoWriter();
  AltoWriter(AltoWriter&&) noexcept;
  AltoWriter& operator=(AltoWriter&&) noexcept;
  void AddPage(const ReadPage& page);
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace glmocr
