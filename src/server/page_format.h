// One read page as Markdown and the SDK's blocks, for answers that go out page by page. What it
// gives for the pages of a document is what format/document_writer.h writes for the whole.
// Include this only in .cc files.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "document/page.h"

namespace glmocr::server {

struct PageFormat {
  size_t number = 0;       // of the page among those that were read, from 0
  size_t first_image = 0;  // so many pictures came before this page
  // The Markdown that shows a picture of the page; empty: as the SDK saves it.
  std::function<std::string(size_t image, const ReadRegion&)> picture;
  // Whether a picture is shown; empty: all are.
  std::function<bool(const ReadRegion&)> shows;
};

struct FormattedPage {
  std::string markdown;               // no newline at its end
  bool plain = false;                 // read whole, without layout
  nlohmann::ordered_json blocks;      // as in the SDK's JSON, boxes in 1/1000 of the page
  std::vector<size_t> block_regions;  // per block, its index in page.regions
  std::vector<size_t> pictures;       // those shown, as indices in page.regions
};

FormattedPage FormatPage(const ReadPage& page, const PageFormat& format);
// What stands between two pages of Markdown.
std::string_view PageSeparator(bool plain);

}  // namespace glmocr::server
