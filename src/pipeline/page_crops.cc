#include "pipeline/page_crops.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "document/sdk_box.h"
#include "media/page_ink.h"
#include "media/resize.h"
#include "pipeline/task.h"

namespace glmocr {
namespace {

Task TaskFor(RegionLabel label) {
  switch (TaskOf(label)) {
    case RegionTask::kTable:
      return Task::kTable;
    case RegionTask::kFormula:
      return Task::kFormula;
    default:
      return Task::kText;
  }
}

struct LayerFaults {
  std::string why;   // it cannot be true; a clause for the user
  std::string note;  // it may be, but not all of it is used; a sentence
};

// What is known of a layer before anything is read.
LayerFaults FindFaults(const PdfTextLayer& layer) {
  constexpr double kMaxUnmapped = 0.02;  // of the characters, as PdfTextLayer::good
  LayerFaults faults;
  if (layer.words.empty()) return faults;
  size_t drawn = 0;
  for (const PdfWord& word : layer.words) drawn += word.drawn ? 1 : 0;
  if (drawn == 0) {
    faults.why = "it does not show on the page (text of an earlier OCR, or hidden text)";
  } else if (layer.cut) {
    faults.why = "it has too many characters";
  } else if (layer.unmapped_share > kMaxUnmapped) {
    faults.why = fmt::format("its fonts do not say which characters they show ({:.0f} %)",
                             100 * layer.unmapped_share);
  } else if (const size_t hidden = layer.words.size() - drawn; hidden > 0) {
    faults.note =
        fmt::format("{} of {} words of the PDF's own text do not show on the page and are left out",
                    hidden, layer.words.size());
  }
  return faults;
}

Layout LayoutOf(const CropOptions& options) {
  if (options.layout != Layout::kAuto) return options.layout;
  return options.reads_lines ? Layout::kLines : Layout::kNone;
}

class Cropper {
 public:
  Cropper(const GlmOcrProcessor& processor, const CropOptions& options)
      : processor_(processor), options_(options) {}

  Result<PageCrops> Run(const Image& image) {
    out_.page.width_px = image.width_px;
    out_.page.height_px = image.height_px;
    Status status;
    switch (LayoutOf(options_)) {
      case Layout::kLines:
        status = Lines(image);
        break;
      case Layout::kRegions:
        status = Regions(image);
        break;
      default:
        status = Whole(image);
    }
    if (!status.ok()) return status.error();
    return std::move(out_);
  }

 private:
  std::string Instruction(Task task) const {
    return options_.instruction.empty() ? std::string(TaskInstruction(task)) : options_.instruction;
  }

  void Keep(const Image& image) {
    if (options_.keep_image) out_.page.image = std::make_shared<const Image>(image);
  }

  Result<PageCrop> WholeCrop(Image image, Task task) const {
    GLM_ASSIGN(ImageInput input, processor_.PrepareImage(image));
    return PageCrop{.input = std::move(input),
                    .pixels = std::move(image),
                    .instruction = Instruction(task),
                    .max_new_tokens = options_.max_new_tokens};
  }

  Status Whole(const Image& image) {
    out_.page.layout = "none";
    GLM_ASSIGN(PageCrop crop, WholeCrop(image, Task::kText));
    out_.regions.emplace_back().push_back(std::move(crop));
    out_.page.regions.push_back({.box_px = {0, 0, image.width_px, image.height_px}});
    Keep(image);
    return OkStatus();
  }

  // `at`: where `image` lies in the page.
  Status AddLine(const Image& image, const TextLine& line, const Box& at, int index, int cell,
                 std::vector<PageCrop>* crops) const {
    for (const LinePiece& piece : line.pieces) {
      Image pixels = PieceForModel(image, piece);
      GLM_ASSIGN(ImageInput input, processor_.PrepareImage(pixels));
      // A window of 28 x 28 px holds at most four narrow letters: twice as many tokens is already
      // nonsense.
      const int64_t limit = std::min<int64_t>(options_.max_new_tokens, 16 + 8 * input.n_tokens);
      crops->push_back(
          {.input = std::move(input),
           .pixels = std::move(pixels),
           .instruction = Instruction(Task::kText),
           .max_new_tokens = limit,
           .ink = {piece.box.x + at.x, piece.box.y + at.y, piece.box.width, piece.box.height},
           .start = piece.start,
           .line = index,
           .cell = cell});
    }
    return OkStatus();
  }

  Status Lines(const Image& image) {
    out_.page.layout = "lines";
    GLM_ASSIGN(LinePage found, FindTextLines(image));
    out_.page.skew_degrees = found.skew_degrees;
    const TextLine* previous = nullptr;
    for (const TextLine& line : found.lines) {
      GLM_RETURN_IF_ERROR(AddLine(found.image, line, {}, -1, -1, &out_.regions.emplace_back()));
      const bool new_column = previous != nullptr && previous->column != line.column;
      const double pitch = previous == nullptr ? 0 : line.baseline_y - previous->baseline_y;
      // Lines of a paragraph are 1.0 to 1.5 font sizes apart; more, or another size of type, begins
      // a new one.
      const bool gap =
          previous != nullptr &&
          (pitch > 1.75 * std::max(line.font_px, previous->font_px) ||
           line.font_px > 1.25 * previous->font_px || previous->font_px > 1.25 * line.font_px);
      out_.page.regions.push_back(
          {.box_px = line.box, .column = line.column, .new_paragraph = new_column || gap});
      previous = &line;
    }
    Keep(found.image);
    return OkStatus();
  }

  Status Regions(const Image& image) {
    GLM_CHECK(options_.engine != nullptr);
    GLM_ASSIGN(LayoutPage layout, options_.engine->Analyze(image));
    out_.page.layout = options_.engine->name();
    out_.page.skew_degrees = layout.skew_degrees;
    for (LayoutRegion& region : layout.regions) {
      GLM_RETURN_IF_ERROR(AddRegion(layout.image, std::move(region)));
    }
    UseTextLayer(image, layout);
    if (options_.keep_image)
      out_.page.image = std::make_shared<const Image>(std::move(layout.image));
    return OkStatus();
  }

  void UseTextLayer(const Image& original, const LayoutPage& layout) {
    const TextLayerMode mode = options_.text_layer_mode;
    if (options_.text_layer == nullptr || mode == TextLayerMode::kOff) return;
    const bool plain =
        options_.instruction.empty() || options_.instruction == TaskInstruction(Task::kText);
    if (mode == TextLayerMode::kAuto && (!options_.reads_lines || !plain)) return;
    std::optional<PdfTextLayer> straight;
    if (layout.skew_degrees != 0 || layout.image.width_px != original.width_px ||
        layout.image.height_px != original.height_px)
      straight =
          StraightenedLayer(*options_.text_layer, original, layout.image, layout.skew_degrees);
    const PdfTextLayer& layer = straight ? *straight : *options_.text_layer;
    if (mode == TextLayerMode::kAuto) return TryTextLayer(layer, layout.image);
    const bool compare = mode == TextLayerMode::kCompare;
    const TextLayerUse use(layer, out_.page, compare ? LayerWords::kAll : LayerWords::kDrawn);
    for (size_t r = 0; r < out_.page.regions.size(); ++r) {
      ReadRegion& region = out_.page.regions[r];
      if (TaskOf(region.label) == RegionTask::kSkip) continue;
      if (!compare && layer.good && use.IsPartOfAWord(r)) {
        region.from_text_layer = true;
        out_.regions[r].clear();
      }
      if (!use.Covers(r)) continue;
      if (!compare && !use.CoversAll(r, layout.image)) continue;
      if (compare) {
        ReadRegion said = region;
        use.Fill(r, said);
        region.layer_text = said.text;
      } else if (layer.good) {
        use.Fill(r, region);
        out_.regions[r].clear();
      }
    }
    if (compare || !layer.good) return;
    for (ReadRegion& region : use.Uncovered()) {
      out_.page.regions.push_back(std::move(region));
      out_.regions.emplace_back();
    }
  }

  void Reject(std::string why) {
    out_.page.warnings.push_back(
        {.kind = WarningKind::kTextLayerRejected,
         .message = "the PDF's own text is not used, the page is read: " + std::move(why)});
  }

  // Sets out_.trial where the layer may be true.
  void TryTextLayer(const PdfTextLayer& layer, const Image& picture) {
    const LayerFaults faults = FindFaults(layer);
    if (!faults.why.empty()) return Reject(faults.why);
    if (!faults.note.empty())
      out_.page.warnings.push_back(
          {.kind = WarningKind::kTextLayerRejected, .message = faults.note});
    const TextLayerUse use(layer, out_.page, LayerWords::kDrawn);
    constexpr int kMaxOnTop = 20;  // one word in so many, at most
    if (kMaxOnTop * use.n_on_top() > static_cast<int>(layer.words.size()))
      return Reject("many of its words lie on top of others");
    auto trial = std::make_unique<LayerTrial>();
    trial->regions.resize(out_.page.regions.size());
    std::vector<LayerTrial::Sample> pieces;
    std::vector<std::vector<LayerSymbol>> symbols;
    std::vector<size_t> region_of;
    bool covered = false, any = false;
    for (size_t r = 0; r < out_.page.regions.size(); ++r) {
      const ReadRegion& region = out_.page.regions[r];
      if (TaskOf(region.label) == RegionTask::kSkip) continue;
      if (use.IsPartOfAWord(r)) {
        ReadRegion& nothing = trial->regions[r].emplace(region);
        nothing.lines.clear();
        nothing.from_text_layer = true;
        nothing.confidence = 1;
      }
      if (!use.Covers(r)) continue;
      covered = true;
      if (!use.CoversAll(r, picture)) continue;
      any = true;
      use.Fill(r, trial->regions[r].emplace(region));
      for (size_t c = 0; c < out_.regions[r].size(); ++c) {
        const PageCrop& crop = out_.regions[r][c];
        if (crop.line < 0) continue;
        LayerTrial::Sample& piece = pieces.emplace_back();
        piece.region = r;
        piece.crop = c;
        const int left = crop.ink.x - crop.ink.height / 4;
        const int right = crop.ink.right() + crop.ink.height / 4;
        for (const PdfWord* word :
             use.WordsBetween(r, static_cast<size_t>(crop.line), left, right)) {
          if (!piece.text.empty()) piece.text += ' ';
          piece.text += word->text;
          const std::vector<LayerSymbol> more = LayerSymbols(word->text, word->font);
          piece.symbols.insert(piece.symbols.end(), more.begin(), more.end());
        }
        trial->page.insert(trial->page.end(), piece.symbols.begin(), piece.symbols.end());
        symbols.push_back(piece.symbols);
        region_of.push_back(r);
      }
    }
    if (!any && covered) return Reject("it lacks part of what the page shows, everywhere");
    if (!any) return;
    for (const size_t index : ChooseSamples(symbols))
      trial->samples.push_back(std::move(pieces[index]));
    if (trial->samples.empty()) return Reject("it has no letters that could be checked");
    // Regions with a font that no sample shows are read.
    std::map<int, size_t> fonts;
    std::set<int> sampled;
    for (const LayerSymbol& s : trial->page) ++fonts[s.font];
    for (const LayerTrial::Sample& sample : trial->samples) {
      for (const LayerSymbol& s : sample.symbols) sampled.insert(s.font);
    }
    for (size_t i = 0; i < symbols.size(); ++i) {
      for (const LayerSymbol& s : symbols[i]) {
        if (fonts[s.font] >= kLeastOfFont && !sampled.contains(s.font))
          trial->regions[region_of[i]].reset();
      }
    }
    trial->uncovered = use.Uncovered();
    out_.trial = std::move(trial);
  }

  Status AddRegion(const Image& image, LayoutRegion region) {
    ReadRegion& read = out_.page.regions.emplace_back();
    std::vector<PageCrop>& crops = out_.regions.emplace_back();
    read.box_px = region.box;
    read.label = region.label;
    read.layout_score = region.score;
    read.heading_level = region.heading_level;
    read.new_paragraph = true;
    if (!region.lines.empty()) read.column = region.lines.front().column;
    for (const Point& p : region.polygon) read.polygon_px.push_back(p);
    if (TaskOf(region.label) == RegionTask::kSkip) return OkStatus();
    if (!options_.reads_lines) {
      const Box box = SdkCropBox(BoxIn1000(region.box, image.width_px, image.height_px),
                                 image.width_px, image.height_px);
      if (box.width <= 0 || box.height <= 0) return OkStatus();
      GLM_ASSIGN(PageCrop crop, WholeCrop(Crop(image, box), TaskFor(region.label)));
      crops.push_back(std::move(crop));
      return OkStatus();
    }
    if (!region.cells.empty()) return AddCells(image, region.cells, &read, &crops);
    if (!region.lines.empty()) return AddLines(image, region.lines, {}, &read, &crops);
    // The engine tells of regions only: their lines are found here.
    const Image cut = Crop(image, region.box);
    GLM_ASSIGN(LinePage found, FindTextLines(cut));
    return AddLines(found.image, found.lines, region.box, &read, &crops);
  }

  // `at`: where `image` lies in the page.
  Status AddLines(const Image& image, const std::vector<TextLine>& lines, const Box& at,
                  ReadRegion* read, std::vector<PageCrop>* crops) const {
    for (const TextLine& line : lines) {
      const Box box = {line.box.x + at.x, line.box.y + at.y, line.box.width, line.box.height};
      read->lines.push_back({.box_px = box, .baseline_y = line.baseline_y + at.y});
      GLM_RETURN_IF_ERROR(
          AddLine(image, line, at, static_cast<int>(read->lines.size()) - 1, -1, crops));
    }
    return OkStatus();
  }

  Status AddCells(const Image& image, const std::vector<TableCell>& cells, ReadRegion* read,
                  std::vector<PageCrop>* crops) const {
    for (const TableCell& cell : cells) {
      read->cells.push_back({.row = cell.row,
                             .column = cell.column,
                             .row_span = cell.row_span,
                             .column_span = cell.column_span,
                             .header = cell.header,
                             .box_px = cell.box});
      for (const TextLine& line : cell.lines) {
        read->lines.push_back({.box_px = line.box, .baseline_y = line.baseline_y});
        GLM_RETURN_IF_ERROR(AddLine(image, line, {}, static_cast<int>(read->lines.size()) - 1,
                                    static_cast<int>(read->cells.size()) - 1, crops));
      }
    }
    return OkStatus();
  }

  const GlmOcrProcessor& processor_;
  const CropOptions& options_;
  PageCrops out_;
};

}  // namespace

Result<PageCrops> CropPage(const Image& image, const GlmOcrProcessor& processor,
                           const CropOptions& options) {
  return Cropper(processor, options).Run(image);
}

Result<Image> PagePicture(const Image& image, const CropOptions& options) {
  switch (LayoutOf(options)) {
    case Layout::kRegions:
      GLM_CHECK(options.engine != nullptr);
      return options.engine->Picture(image);
    case Layout::kLines: {
      GLM_ASSIGN(PageInk ink, FindInk(image));
      return std::move(ink.image);
    }
    default:
      return image;
  }
}

}  // namespace glmocr
