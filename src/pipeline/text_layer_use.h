// The text that a PDF carries, put into the regions where it lies: in place of reading them, or to
// be compared with what was read. Whether it is true is for pipeline/layer_check.h to say.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "document/page.h"
#include "media/page_transform.h"
#include "pdf/text_layer.h"

namespace glmocr {

enum class TextLayerMode {
  kOff,      // every region is read
  kPrefer,   // regions that a good layer covers are taken from it, the others are read
  kCompare,  // every region is read, and ReadRegion::layer_text holds what the layer says
  kAuto,     // as kPrefer, of words that the page shows and whose fonts agree with a few readings;
             // models that read whole regions read them all
};

// The names that users give, on the command line and over HTTP, the default first. "replace" is
// "off" for the reading, and a searchable PDF then has the reading in place of an OCR program's
// hidden text (PdfChoices::replace_hidden_text).
inline constexpr std::array<std::string_view, 5> kTextLayerNames = {"auto", "off", "prefer",
                                                                    "compare", "replace"};
// Of one of these names.
TextLayerMode TextLayerModeFromName(std::string_view name);
inline bool ReplacesHiddenText(std::string_view name) { return name == "replace"; }

// Which words of a layer count.
enum class LayerWords {
  kAll,
  kDrawn,  // those that the page shows
};

// Gives every word to the region (and line or cell) that its middle lies in, or else to the line
// that it continues: marks above a line, initials that reach over several. Regions that are
// pictures keep their words out of the text.
class TextLayerUse {
 public:
  // `page`: sizes and regions with the places of their lines, in the pixels of the layer. Both must
  // outlive this. `transform`: from the page made upright, in which lines run along rows.
  TextLayerUse(const PdfTextLayer& layer, const ReadPage& page, LayerWords which,
               const PageTransform& transform = {});

  // Whether the layer has words there.
  bool Covers(size_t region) const { return !words_[region].empty(); }
  // Whether nothing else is printed there: the region's lines have no ink, wider than a mark,
  // beside the words, and none of the words has characters that its font does not name. `picture`:
  // the upright page, dark on light.
  bool CoversAll(size_t region, const Image& picture) const;
  // Whether the region is ink of a word that lies elsewhere, such as a mark above its line: it has
  // nothing to read.
  bool IsPartOfAWord(size_t region) const;
  // Whether the region is a picture of an initial alone, whose text goes on in another region.
  bool IsInitial(size_t region) const { return initials_[region]; }
  // How many words lie on top of another one that says something else.
  int n_on_top() const { return n_on_top_; }
  // Sets lines, cells' texts and text of `region` to the layer's.
  void Fill(size_t region, ReadRegion& read) const;
  // Words outside all regions, as text regions of a line each.
  std::vector<ReadRegion> Uncovered() const;
  // The words of a line of a region whose middle lies between two places along its baseline, in
  // reading order; none where what layout took for a line is several.
  std::vector<const PdfWord*> WordsBetween(size_t region, size_t line, double from_px,
                                           double to_px) const;

 private:
  // All boxes here are of the upright page.
  struct UprightRegion {
    Box box;
    std::vector<Box> lines, cells;
  };
  struct Place {
    size_t region = SIZE_MAX, line = SIZE_MAX;
  };
  struct Found {
    ReadLine line;  // in the pixels of the input
    Box box;
  };
  Box Upright(const Box& box, const std::vector<Point>& outline) const;
  Box UprightWord(const Box& box) const;
  Box UprightLine(const ReadLine& line) const;
  void DropDoubled(std::vector<int>* words);
  Place PlaceOf(int word) const;
  Place LineOfInitial(const Box& word) const;
  size_t LineOf(size_t region, const Box& word) const;
  const PdfWord& Word(int index) const { return layer_.words[static_cast<size_t>(index)]; }
  const Box& At(int index) const { return boxes_[static_cast<size_t>(index)]; }
  std::vector<std::vector<int>> Rows(const std::vector<int>& words) const;
  void InitialFirst(std::vector<int>* row) const;
  Found LineOfWords(const std::vector<int>& words, const ReadLine* found = nullptr) const;
  std::vector<Found> OwnLines(const std::vector<int>& words) const;
  std::vector<ReadLine> Lines(size_t region, const Box& within) const;

  const PdfTextLayer& layer_;
  const ReadPage& page_;
  const PageTransform transform_;
  std::vector<Box> boxes_;                                 // of the layer's words
  std::vector<UprightRegion> regions_;                     // of the page's regions
  std::vector<std::vector<int>> words_;                    // by region
  std::vector<std::vector<std::vector<int>>> line_words_;  // by region and line
  std::vector<std::vector<int>> loose_;  // by region: words that lie in none of its lines
  std::vector<bool> initials_;           // by region
  std::vector<int> uncovered_;
  int n_on_top_ = 0;
};

}  // namespace glmocr
