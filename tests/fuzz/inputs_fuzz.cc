// Any bytes as what a user gives for input: the first byte chooses between a data: URI's body, a
// page range, base64, and a file: or data: name. No crash, and what is accepted keeps its promises.
// Decoders have a target of their own (image_fuzz.cc), so pictures are only opened, not read.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/check.h"
#include "pipeline/inputs.h"
#include "pipeline/page_ranges.h"

namespace glmocr {
namespace {

void FuzzRanges(std::string_view text) {
  const auto ranges = PageRanges::Parse(text);
  if (!ranges.ok()) {
    GLM_CHECK(!ranges.error().message.empty());
    return;
  }
  for (const int n_pages : {1, 7, 1000}) {
    const auto pages = ranges->Select(n_pages);
    if (!pages.ok()) continue;
    GLM_CHECK(!pages->pages.empty());
    const std::set<int> unique(pages->pages.begin(), pages->pages.end());
    GLM_CHECK(unique.size() == pages->pages.size() && *unique.begin() >= 1 &&
              *unique.rbegin() <= n_pages);
  }
}

// No PDF: its worker would be a process per input.
void FuzzName(const std::string& name) {
  const auto inputs = ExpandInputs({name});
  GLM_CHECK(inputs.ok() && inputs->size() == 1);
  const DocumentInput& input = inputs->at(0);
  GLM_CHECK(!input.name.empty() || input.error);
  if (input.location.empty()) return;  // a file
  InputOptions options;
  options.decode.max_pixels = 1 << 16;
  options.pdf.worker = "/nonexistent";
  const auto document = OpenDocument(input, options);
  GLM_CHECK(document.ok() ? (*document)->n_pages() >= 1 : !document.error().message.empty());
}

}  // namespace
}  // namespace glmocr

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      glmocr::FuzzName("data:;base64," + std::string(rest));
      break;
    case 1:
      glmocr::FuzzRanges(rest);
      break;
    case 2: {
      const auto bytes = glmocr::DecodeBase64(rest);
      GLM_CHECK(!bytes || bytes->size() <= rest.size());
      break;
    }
    default:
      // Below a folder that is not there, so that no pattern finds files of this machine.
      glmocr::FuzzName((rest.size() % 2 == 0 ? "file:///nonexistent/" : "data:") +
                       std::string(rest));
      break;
  }
  return 0;
}
