#include "pipeline/document_pages.h"

#include <chrono>
#include <new>

#include "base/seconds_since.h"
#include "base/untrusted_text.h"

namespace glmocr {
namespace {

bool IsOf(const ReadPage& page, const PageSource& source, const Image& image) {
  return page.page == source.page && page.n_pages == source.n_pages &&
         page.width_px == image.width_px && page.height_px == image.height_px;
}

}  // namespace

std::string PageName(const PageSource& source) {
  return QuoteUntrusted(source.source) +
         (source.n_pages > 1 ? ", page " + std::to_string(source.page) : "");
}

double AddDocumentPage(PageReader& reader, DocumentReader& document, const PageSource& source,
                       int next, const std::function<bool()>& keep_going,
                       std::optional<ReadPage> known) {
  Status status;
  double waited_s = 0;
  try {
    const auto asked = std::chrono::steady_clock::now();
    Result<InputPage> input = document.Read(source.page - 1, next - 1);
    waited_s = SecondsSince(asked);
    if (!input.ok()) {
      status = input.error();
    } else if (known && IsOf(*known, source, input->image)) {
      status = reader.AddKnown(input->image, *std::move(known), keep_going);
    } else {
      PageSource with = source;
      for (Warning& warning : input->warnings) with.warnings.push_back(std::move(warning));
      status = reader.Add(input->image, with, keep_going, input->text ? &*input->text : nullptr);
    }
    if (input.ok() && !status.ok()) status = status.error().With(PageName(source));
  } catch (const std::bad_alloc&) {
    status = Error{ErrorCode::kOutOfMemory,
                   PageName(source) + ": out of memory (choose a smaller --dpi)"};
  }
  if (!status.ok()) reader.AddBroken(source, status.error());
  return waited_s;
}

}  // namespace glmocr
