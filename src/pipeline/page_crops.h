// From a page's picture to the crops that the model reads: layout, then per region either its text
// lines (for models that read lines), the lines of its cells, or the region whole.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "document/page.h"
#include "layout/layout.h"
#include "models/glm_ocr/processor.h"
#include "pipeline/layer_check.h"
#include "pipeline/page_warnings.h"
#include "pipeline/text_layer_use.h"
#include "pipeline/word_places.h"

namespace glmocr {

// How a page becomes regions.
enum class Layout {
  kAuto,     // kLines for models that read lines, else kNone
  kNone,     // the whole picture is one region
  kLines,    // every text line is a region, cut into pieces at word gaps
  kRegions,  // the regions of a layout engine
};

struct PageCrop {
  ImageInput input;                   // of a piece of a line: by PrepareCrop, when it is to be read
  Image pixels;                       // what `input` was made of
  LinePiece piece;                    // of `page`
  std::shared_ptr<const Image> page;  // until the crop is prepared
  std::string instruction;
  int64_t max_new_tokens = 0;
  PieceStart start = PieceStart::kWord;  // how it continues the crop before it, in the same line
  int line = -1;                         // in ReadRegion::lines; -1: the crop is the region
  int cell = -1;                         // in ReadRegion::cells; -1: no table
  std::vector<InkPart> ink;              // of a piece of a line
};

// A page's text layer that a few readings have yet to confirm (TextLayerMode::kAuto).
struct LayerTrial {
  // A crop to read first, and what the layer says there.
  struct Sample {
    size_t region = 0, crop = 0;
    std::vector<LayerSymbol> symbols;
    std::string text;
    std::string read_text;  // for whoever reads it, as the next
    double confidence = 0;
  };
  std::vector<Sample> samples;
  std::vector<LayerSymbol> page;  // all symbols of the layer's words in `regions`
  // Of every page.regions: as the layer has it; none: it is read in any case.
  std::vector<std::optional<ReadRegion>> regions;
  std::vector<ReadRegion> uncovered;  // words of the layer outside all regions
};

struct PageCrops {
  // Sizes, and regions with all that layout tells; texts are empty. Lines and cells have their
  // boxes.
  ReadPage page;
  std::vector<std::vector<PageCrop>> regions;  // of every page.regions; empty for pictures
  std::unique_ptr<LayerTrial> trial;           // null: all crops are to be read
  PageFacts facts;                             // for the page's warnings
};

struct CropOptions {
  Layout layout = Layout::kAuto;
  const LayoutEngine* engine = nullptr;  // of kRegions
  bool reads_lines = false;              // the model wants single lines
  std::string instruction;               // empty: what each region's task asks for
  int64_t max_new_tokens = 8192;
  bool keep_image = false;  // `image` itself, in page.image
  // Of kRegions, in pixels of the picture.
  const PdfTextLayer* text_layer = nullptr;
  TextLayerMode text_layer_mode = TextLayerMode::kOff;
};

// Makes the crop's pixels, where that is not done yet: most crops of a page whose text layer is
// used are never read. Errors: those of the processor (no memory).
Status PrepareCrop(PageCrop& crop, const GlmOcrProcessor& processor);

// All crops are prepared but those that wait for the trial. Errors: what layout and the processor
// refuse (empty picture, too many lines, no memory).
Result<PageCrops> CropPage(const Image& image, const GlmOcrProcessor& processor,
                           const CropOptions& options);

}  // namespace glmocr
