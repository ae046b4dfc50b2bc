// The text that a PDF carries, put into the regions where it lies: in place of reading them, or to
// be compared with what was read.
#pragma once

#include "document/page.h"
#include "pdf/text_layer.h"

namespace glmocr {

enum class TextLayerMode {
  kOff,      // every region is read
  kPrefer,   // regions that a good layer covers are taken from it, the others are read
  kCompare,  // every region is read, and ReadRegion::layer_text holds what the layer says
};

// Gives every word to the region (and cell) that its middle lies in. Regions that are pictures keep
// their words out of the text.
class TextLayerUse {
 public:
  // `page`: sizes and regions, in the pixels of the layer. Both must outlive this. `transform`:
  // from the page made upright, in which lines run along rows.
  TextLayerUse(const PdfTextLayer& layer, const ReadPage& page,
               const PageTransform& transform = {});

  // Whether the layer has words there.
  bool Covers(size_t region) const { return !words_[region].empty(); }
  // Sets lines, cells' texts and text of `region` to the layer's.
  void Fill(size_t region, ReadRegion& read) const;
  // Words outside all regions, as text regions of a line each.
  std::vector<ReadRegion> Uncovered() const;

 private:
  std::vector<ReadLine> Lines(const std::vector<int>& words) const;

  Box Upright(const Box& box) const;
  void Place(const std::vector<Box>& boxes, const Box& box, ReadLine& line) const;

  const PdfTextLayer& layer_;
  const PageTransform transform_;
  std::vector<std::vector<int>> words_;  // by region
  std::vector<int> uncovered_;
};

}  // namespace glmocr
