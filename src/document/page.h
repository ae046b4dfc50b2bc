// What reading a page yields: regions in reading order, each with its text and how sure the model
// was of it. All coordinates are in pixels of the picture that came in (after its EXIF
// orientation), whatever was done to it to read it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "document/finish.h"
#include "document/region_label.h"
#include "document/warning.h"
#include "media/image.h"
#include "media/page_transform.h"

namespace glmocr {

struct Point {
  int x = 0;
  int y = 0;
  bool operator==(const Point&) const = default;
};

// One generated token of a region.
struct ReadToken {
  int32_t id = 0;
  std::string text;       // its bytes; several tokens may share a character
  float probability = 0;  // the model's, of this token, under the unmodified distribution
};

// Where a line, or a word of one, is in the page: its baseline from the first letter to the last in
// reading direction, and how far its letters reach above and below, perpendicular to it.
struct LinePlace {
  PointF start, end;
  double ascent_px = 0, descent_px = 0;
  bool operator==(const LinePlace&) const = default;
};

// A word that was read.
struct ReadWord {
  std::string text;  // without white space, not empty
  // The least of its tokens' probabilities, that of the space or end behind it included: where a
  // letter was swallowed, it is the end that the model doubted.
  float confidence = 0;
  // Of a word of a line, where its ink was found.
  LinePlace place;  // on the line's baseline; ascent and descent are the line's
  Box box_px;       // around its ink
};

// A printed line of a region.
struct ReadLine {
  Box box_px;  // around `place`, within the page
  std::string text;
  float confidence = 0;
  LinePlace place;
  std::vector<ReadWord> words;  // those of `text`, in order; empty where they are not known
  // Of program code: what stands in front of it in the region's text.
  int n_spaces = 0;
  bool after_blank = false;  // an empty line
};

// A cell of a table whose grid the layout engine found.
struct ReadCell {
  int row = 0, column = 0;  // 0-based, of its upper left corner
  int row_span = 1, column_span = 1;
  bool header = false;
  Box box_px;
  std::string text;               // its lines joined by spaces
  std::vector<Point> polygon_px;  // as of regions
};

struct ReadRegion {
  Box box_px;                     // inside the page
  std::vector<Point> polygon_px;  // outline where that is not the box: of a page that was turned,
                                  // the region's four corners
  RegionLabel label = RegionLabel::kText;
  float layout_score = 1;
  int heading_level = 0;       // of titles: 1 to 6, 0 when not known
  int column = 0;              // 0-based, left to right
  bool new_paragraph = false;  // a blank line goes before it
  // What was read. Of a region read line by line: a paragraph, its lines joined by spaces and words
  // put together again that were hyphenated at a line's end (labels algorithm and content: by
  // newlines); of a table with `cells`: an HTML table. Otherwise what the model wrote. Empty for
  // pictures.
  std::string text;
  bool from_text_layer = false;           // taken from the PDF's own text, not read
  std::optional<std::string> layer_text;  // with TextLayerMode::kCompare: what the layer says
  std::vector<ReadLine> lines;            // empty where the model read the region whole
  std::vector<ReadCell> cells;
  std::vector<ReadToken> tokens;
  // Of a region that was read whole, in the order of reading, without places and HTML tags; those
  // of other regions are in their lines.
  std::vector<ReadWord> words;
  float confidence = 0;                       // geometric mean of the token probabilities, 0..1
  FinishReason finish = FinishReason::kStop;  // the worst of its pieces
  std::optional<Error> error;
  Usage usage;  // of all its pieces
};

// "text_layer": taken from the PDF's own text; "model": read.
inline std::string_view RegionSource(const ReadRegion& region) {
  return region.from_text_layer ? "text_layer" : "model";
}

struct ReadPage {
  std::string source;  // path or "-"
  int page = 1;        // 1-based
  int n_pages = 1;
  int width_px = 0, height_px = 0;
  double skew_degrees = 0;          // the page was turned by this much, clockwise positive
  std::optional<Error> error;       // the page could not be loaded: no sizes, no regions
  std::string layout;               // the engine: "geometric", "pp-doclayout-v3", "lines", "none"
  std::vector<ReadRegion> regions;  // reading order
  std::vector<Warning> warnings;    // what the user should know about how it was read
  // The picture as it came in, where `PageReaderOptions::keep_image` was set; else null.
  std::shared_ptr<const Image> image;
  double prepare_s = 0;  // finding the regions and preparing their pixels
  double first_token_s =
      0;               // from the page's arrival to the first token of any region; 0 without tokens
  double seconds = 0;  // from the page's arrival to the end of its last region
};

}  // namespace glmocr
