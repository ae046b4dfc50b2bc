// From what recognition yields to what the SDK's formatter takes.
#pragma once

#include <array>
#include <vector>

#include "format/sdk_formatter.h"
#include "document/page.h"
#include "document/sdk_box.h"

namespace glmocr {

struct PageTextOptions {
  // As the SDK: text as the model wrote it, nothing escaped, unread titles kept as empty headings.
  bool strict = false;
  bool pipe_tables = false;  // tables whose rows and columns are known as pipe tables, not as HTML
  // Also headers, footers, page numbers, footnotes and what else the SDK leaves out.
  bool page_furniture = false;
  bool pictures = true;  // pictures are cut out and shown
};

struct ConvertedPage {
  SdkPage regions;
  std::vector<size_t> source;  // per region, the index in ReadPage::regions (of several: the first)
  // The page was read whole (layout "none"): its one region is no layout's.
  bool plain = false;
};

// The outline in 1/1000 of the page: the polygon, or the box's corners clockwise from the upper
// left.
std::vector<std::array<int, 2>> PolygonIn1000(const ReadRegion& region, int width_px,
                                              int height_px);

// Text that was read from printed lines is no markup: unless `strict`, characters that Markdown,
// HTML or formulas would take for markup are escaped; bullets, numbers and dashes that start a
// paragraph are left to be list marks. Of layout "lines" the lines of a paragraph become one text.
ConvertedPage ConvertPage(const ReadPage& page, const PageTextOptions& options);

// Plain text, without marks: regions with blank lines between them, cells of tables with tabs;
// ends with one newline (empty for an empty page).
std::string PlainText(const ReadPage& page, const PageTextOptions& options);

}  // namespace glmocr
