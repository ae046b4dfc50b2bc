// What is written of a page, whatever a model wrote and a layout found: every text format of
// regions that the input spells out. Input: per region label, flags, height, size, text; then the
// next.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include "format/document_writer.h"
#include "format/sdk_formatter.h"
#include "format/tables.h"

namespace glmocr {
namespace {

ReadPage PageOf(const uint8_t* data, size_t size) {
  ReadPage page;
  page.source = "fuzz";
  page.width_px = 100;
  page.height_px = 1000;
  page.layout = size % 3 == 0 ? "lines" : "geometric";
  size_t at = 0;
  while (size - at >= 4) {
    ReadRegion region;
    region.label = static_cast<RegionLabel>(data[at] % kRegionLabels);
    const uint8_t flags = data[at + 1];
    region.box_px = {flags % 16, static_cast<int>(page.regions.size()) * 20, 80, data[at + 2]};
    const size_t length = std::min<size_t>(data[at + 3] * 8, size - at - 4);
    region.text.assign(reinterpret_cast<const char*>(data) + at + 4, length);
    region.new_paragraph = (flags & 16) != 0;
    if ((flags & 32) != 0) region.lines = {{region.box_px, region.text, 0.5F, 0}};
    if ((flags & 64) != 0)
      region.cells = {{flags % 3, 1, 1 + flags % 5, 1, true, region.box_px, region.text}};
    region.heading_level = flags >> 5;
    page.regions.push_back(std::move(region));
    at += 4 + length;
  }
  return page;
}

void Require(bool good) {
  if (!good) std::abort();
}

}  // namespace
}  // namespace glmocr

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmocr;
  const ReadPage page = PageOf(data, size);
  for (const bool strict : {false, true}) {
    DocumentOptions options;
    options.text = {.strict = strict, .pipe_tables = !strict, .page_furniture = !strict};
    options.formats = {DocumentFormat::kMarkdown, DocumentFormat::kSdkJson, DocumentFormat::kJson,
                       DocumentFormat::kText,     DocumentFormat::kHtml,    DocumentFormat::kHocr,
                       DocumentFormat::kAlto};
    const auto files = WriteDocument(std::span(&page, 1), options);
    Require(files.ok());
    for (const OutputFile& file : *files) {
      if (file.path.ends_with(".json")) Require(nlohmann::json::accept(file.bytes));
    }
  }
  // A table survives being written and read again.
  if (const auto table = ParseHtmlTable(std::string(reinterpret_cast<const char*>(data), size))) {
    const auto again = ParseHtmlTable(HtmlTable(*table));
    Require(again && again->rows <= table->rows && again->cells.size() == table->cells.size());
  }
  return 0;
}
