// Layout analysis: a page's picture in, its regions in reading order out. Two engines stand behind
// one interface: `geometric` (no weights: lines, white space, rules) and `pp-doclayout-v3` (a
// neural network).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "document/page.h"
#include "document/region_label.h"
#include "media/image.h"
#include "media/lines.h"
#include "media/page_transform.h"

namespace glmocr {

// One cell of a table.
struct TableCell {
  int row = 0, column = 0;  // 0-based, of its upper left corner
  int row_span = 1, column_span = 1;
  bool header = false;
  Box box;
  std::vector<TextLine> lines;  // in reading order
};

struct LayoutRegion {
  RegionLabel label = RegionLabel::kText;
  float score = 1;             // how sure the engine is, 0..1; the geometric one says 1
  Box box;                     // pixels of LayoutPage::image, inside it, not empty
  std::vector<Point> polygon;  // its outline where that is not the box, else empty
  int heading_level = 0;       // of titles: 1 (largest) to 6; 0 when the engine does not tell
  // The region's text lines in reading order, where the engine has found them; models that read
  // lines use them, and output formats that place words. Of a table: those of its cells stand
  // there.
  std::vector<TextLine> lines;
  std::vector<TableCell> cells;  // of a table whose grid the engine has found, row by row
  // Where the region is read, when that is not LayoutPage::image: lines and cells are in its
  // pixels.
  struct Elsewhere {
    std::shared_ptr<const Image> image;
    PageTransform transform;  // from `image` to LayoutPage::image
    Box box;                  // the region in `image`
  };
  std::optional<Elsewhere> elsewhere;
};

struct LayoutPage {
  // What the boxes refer to, and what is read: the input itself, or the input made upright, dark on
  // light and evenly lit.
  Image image;
  PageTransform transform;            // from `image` to the input
  double skew_degrees = 0;            // by how much the input was turned, clockwise positive
  std::vector<LayoutRegion> regions;  // in reading order
};

class LayoutEngine {
 public:
  virtual ~LayoutEngine() = default;
  virtual std::string_view name() const = 0;  // "geometric", "pp-doclayout-v3"
  // May be called from several threads at once. Errors: kInvalidArgument (empty picture),
  // kResourceExhausted (too much on it), kOutOfMemory.
  virtual Result<LayoutPage> Analyze(const Image& page) const = 0;
  // Equal for engines that say the same of every page.
  virtual std::string fingerprint() const = 0;
};

}  // namespace glmocr
