// Any bytes as what a worker says: no crash, no picture beyond the limits, and words inside
// their page.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <variant>

#include "base/check.h"
#include "pdf/pdf_document.h"
#include "pdf/protocol.h"
#include "pdf/text_layer.h"

namespace {

class Bytes : public glmocr::pdf::ByteSource {
 public:
  explicit Bytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  glmocr::Status Read(void* to, size_t n) override {
    if (n > bytes_.size()) return glmocr::Error{glmocr::ErrorCode::kIo, "the end"};
    if (n > 0) std::memcpy(to, bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return glmocr::OkStatus();
  }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr glmocr::pdf::ReplyLimits kLimits{
      .max_side_px = 64, .max_chars = 1000, .max_pixels = 5000};
  Bytes source(std::span(data, size));
  // A stream of replies, as a worker sends them.
  for (;;) {
    const auto reply = glmocr::pdf::ReadReply(source, kLimits);
    if (!reply.ok()) {
      GLM_CHECK(!reply.error().message.empty());
      return 0;
    }
    const auto* page = std::get_if<glmocr::pdf::RawPage>(&*reply);
    if (page == nullptr) continue;
    const glmocr::Image& image = page->image;
    GLM_CHECK(!image.empty());
    if (page->header.width_pt == 0) {
      GLM_CHECK(int64_t{image.width_px} * image.height_px <= 5000 && page->chars.empty());
    } else {
      // Large pages (a receipt) get three times a square page's pixels, before rounding up.
      GLM_CHECK((image.width_px <= 64 && image.height_px <= 64) ||
                int64_t{image.width_px - 1} * (image.height_px - 1) <= 3 * 64 * 64);
    }
    GLM_CHECK(image.rgb.size() == image.row_bytes() * static_cast<size_t>(image.height_px));
    const glmocr::PdfTextLayer layer = glmocr::pdf::MakeTextLayer(page->chars, image);
    size_t lines = 0;
    for (const glmocr::PdfWord& word : layer.words) {
      const glmocr::Box& box = word.box_px;
      GLM_CHECK(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0);
      GLM_CHECK(box.right() <= image.width_px && box.bottom() <= image.height_px);
      GLM_CHECK(!word.text.empty() && word.line >= 0 && static_cast<size_t>(word.line) <= lines);
      lines = static_cast<size_t>(word.line) + 1;
    }
    for (const double share :
         {layer.unmapped_share, layer.invisible_share, layer.on_ink_share, layer.ink_covered_share})
      GLM_CHECK(share >= 0 && share <= 1);
  }
}
