// Test support: a read page with every kind of region, and hostile text in it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "document/page.h"

namespace glmocr {

inline ReadRegion TestRegion(RegionLabel label, const Box& box, std::string text) {
  ReadRegion region;
  region.label = label;
  region.box_px = box;
  region.text = std::move(text);
  region.confidence = 0.875F;
  region.layout_score = 0.5F;
  region.new_paragraph = true;
  return region;
}

inline ReadLine TestLine(const Box& box, std::string text, float confidence = 0.5F) {
  const double baseline = box.y + 0.75 * box.height;
  return {.box_px = box,
          .text = std::move(text),
          .confidence = confidence,
          .place = {.start = {1.0 * box.x, baseline},
                    .end = {1.0 * box.right(), baseline},
                    .ascent_px = 0.75 * box.height,
                    .descent_px = 0.25 * box.height}};
}

// 1000 x 2000 pixels; regions: 0 doc_title, 1 text of two lines, 2 text, 3 and 4 list items, 5
// table with cells, 6 HTML table, 7 formula, 8 its number, 9 picture, 10 page header, 11 hostile
// text, 12 failed.
inline ReadPage TestPage() {
  ReadPage page;
  page.source = "scans/a \"b\" <c>.png";
  page.width_px = 1000;
  page.height_px = 2000;
  page.layout = "geometric";
  auto image = std::make_shared<Image>(1000, 2000, 255);
  for (int y = 1400; y < 1500; ++y) {
    for (int x = 100; x < 300; ++x) image->row(y)[3 * x] = 0;  // cyan, where the picture stands
  }
  page.image = std::move(image);
  using enum RegionLabel;
  page.regions = {
      TestRegion(kDocTitle, {100, 50, 800, 60}, "A title"),
      TestRegion(kText, {100, 150, 800, 80},
                 "First line with snake_case and a second of 3 < 4 words."),
      TestRegion(kText, {100, 250, 800, 80}, "Ελληνικά, 漢字かな and 😀 are found again."),
      TestRegion(kText, {100, 350, 800, 40}, "• one"),
      TestRegion(kText, {100, 400, 800, 40}, "- two"),
      TestRegion(kTable, {100, 500, 400, 200}, "<table><tr><th>Head</th><th>B|C</th></tr></table>"),
      TestRegion(
          kTable, {100, 750, 400, 200},
          "<table><tr><td rowspan=\"2\">a</td><td>b &amp; c</td></tr><tr><td>d</td></tr></table>"),
      TestRegion(kDisplayFormula, {100, 1000, 600, 80}, "E = mc^2"),
      TestRegion(kFormulaNumber, {800, 1000, 100, 80}, "(7)"),
      TestRegion(kImage, {100, 1400, 200, 100}, ""),
      TestRegion(kHeader, {100, 5, 800, 20}, "running head"),
      TestRegion(kText, {100, 1600, 800, 80}, "<script>alert(\"1\")</script> ]]> & \x01 \xff end"),
      TestRegion(kText, {100, 1700, 800, 80}, ""),
  };
  page.regions[0].lines = {TestLine({100, 50, 170, 60}, "A title", 0.9F)};
  page.regions[1].lines = {TestLine({100, 150, 460, 36}, "First line with snake_case and"),
                           TestLine({100, 194, 370, 36}, "a second of 3 < 4 words.", 0.25F)};
  page.regions[2].lines = {
      TestLine({100, 250, 800, 60}, "Ελληνικά, 漢字かな and 😀 are found again.")};
  page.regions[5].cells = {{0, 0, 1, 1, true, {100, 500, 200, 200}, "Head", {}},
                           {0, 1, 1, 1, true, {300, 500, 200, 200}, "B|C", {}}};
  page.regions[9].polygon_px = {{100, 1400}, {299, 1400}, {200, 1499}};
  page.regions[12].error = Error{ErrorCode::kInternal, "it failed"};
  page.regions[12].finish = FinishReason::kError;
  return page;
}

}  // namespace glmocr
