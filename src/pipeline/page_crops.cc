#include "pipeline/page_crops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "base/check.h"
#include "document/sdk_box.h"
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

std::vector<Point> Rounded(std::span<const PointF> points, const PageTransform& transform) {
  std::vector<Point> out;
  for (const PointF& p : points) {
    const auto at = [](double value, int size) {
      return static_cast<int>(std::lround(std::clamp(value, 0.0, static_cast<double>(size))));
    };
    out.push_back({at(p.x, transform.input_width_px()), at(p.y, transform.input_height_px())});
  }
  return out;
}

std::vector<Point> PointsInInput(const std::vector<Point>& points, const PageTransform& transform) {
  if (transform.IsIdentity()) return points;
  std::vector<PointF> mapped;
  for (const Point& p : points)
    mapped.push_back(transform.ToInput(PointF{static_cast<double>(p.x), static_cast<double>(p.y)}));
  return Rounded(mapped, transform);
}

// Nothing where the box in the input says as much.
std::vector<Point> OutlineInInput(const Box& box, const PageTransform& transform) {
  if (transform.KeepsAxes()) return {};
  return Rounded(transform.CornersInInput(box), transform);
}

double Distance(const PointF& a, const PointF& b) { return std::hypot(a.x - b.x, a.y - b.y); }

// Where the line is in the input; its text is not known yet.
ReadLine LineInInput(const TextLine& line, const PageTransform& transform) {
  const double x0 = line.box.x, x1 = line.box.right(), middle = (x0 + x1) / 2;
  const auto reach = [&](double y) {
    return Distance(transform.ToInput(PointF{middle, line.baseline_y}),
                    transform.ToInput(PointF{middle, y}));
  };
  return {.box_px = transform.ToInput(line.box),
          .place = {.start = transform.ToInput(PointF{x0, line.baseline_y}),
                    .end = transform.ToInput(PointF{x1, line.baseline_y}),
                    .ascent_px = reach(line.box.y),
                    .descent_px = reach(line.box.bottom())},
          .n_spaces = line.n_spaces,
          .after_blank = line.after_blank};
}

std::vector<InkPart> InkInInput(const TextLine& line, const LinePiece& piece,
                                const PageTransform& transform) {
  const auto along = [&](double x) {
    return Distance(transform.ToInput(PointF{1.0 * line.box.x, line.baseline_y}),
                    transform.ToInput(PointF{x, line.baseline_y}));
  };
  std::vector<InkPart> out;
  out.reserve(piece.ink.size());
  for (const Box& b : piece.ink)
    out.push_back({along(b.x), along(b.right()), transform.ToInput(b)});
  return out;
}

class Cropper {
 public:
  Cropper(const GlmOcrProcessor& processor, const CropOptions& options)
      : processor_(processor), options_(options) {}

  Result<PageCrops> Run(const Image& image) {
    out_.page.width_px = image.width_px;
    out_.page.height_px = image.height_px;
    if (options_.keep_image) out_.page.image = std::make_shared<const Image>(image);
    GLM_ASSIGN(front_, MakeUpright(image, options_.read_line));
    const Image& upright = front_.picture(image);
    Status status;
    switch (LayoutOf(options_)) {
      case Layout::kLines:
        status = Lines(upright);
        break;
      case Layout::kRegions:
        status = Regions(upright);
        break;
      default:
        status = Whole(upright);
    }
    if (status.ok()) status = PrepareCrops();
    if (!status.ok()) return status.error();
    return std::move(out_);
  }

 private:
  std::string Instruction(Task task) const {
    return options_.instruction.empty() ? std::string(TaskInstruction(task)) : options_.instruction;
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
    out_.page.regions.push_back(
        {.box_px = front_.transform.ToInput({0, 0, image.width_px, image.height_px})});
    if (options_.reads_lines) {
      const auto found = FindTextLines(image);
      if (found.ok() && found->lines.size() > 1) {
        out_.page.warnings.push_back(
            {.kind = WarningKind::kTaskUnsupported,
             .message = fmt::format("this model reads single lines, and the picture has {}: its "
                                    "text is not to be trusted (layout geometric finds the lines)",
                                    found->lines.size())});
      }
    }
    Measure(image, {.text = {{0, 0, image.width_px, image.height_px}}});
    return OkStatus();
  }

  // What the page's warnings need of its picture; boxes and fonts are those of `image`.
  struct Seen {
    std::vector<Box> text, pictures;
    std::vector<double> fonts_px;
    void AddLine(const TextLine& line) { fonts_px.push_back(line.font_px); }
    void AddRegion(const LayoutRegion& region) {
      (TaskOf(region.label) == RegionTask::kSkip ? pictures : text).push_back(region.box);
      for (const TextLine& line : region.lines) AddLine(line);
      for (const TableCell& cell : region.cells) {
        for (const TextLine& line : cell.lines) AddLine(line);
      }
    }
  };
  void Measure(const Image& image, Seen seen) {
    const double page_px = static_cast<double>(image.width_px) * image.height_px;
    for (const Box& box : seen.pictures) {
      const double area = static_cast<double>(box.width) * box.height;
      out_.facts.largest_picture = std::max(out_.facts.largest_picture, area / page_px);
    }
    const bool known = !seen.fonts_px.empty();
    out_.facts.ink = MeasureInk(image, seen.text, seen.pictures,
                                known ? LetterHeight::kLeave : LetterHeight::kMeasure);
    if (!known) return;
    const auto middle =
        seen.fonts_px.begin() + static_cast<std::ptrdiff_t>(seen.fonts_px.size() / 2);
    std::nth_element(seen.fonts_px.begin(), middle, seen.fonts_px.end());
    out_.facts.font_px = *middle;
  }

  // `transform`: from `image` to the input.
  void AddLine(const std::shared_ptr<const Image>& image, TextLine line,
               const PageTransform& transform, int index, int cell,
               std::vector<PageCrop>* crops) const {
    for (LinePiece& piece : line.pieces) {
      std::vector<InkPart> ink = InkInInput(line, piece, transform);
      const PieceStart start = piece.start;
      crops->push_back({.piece = std::move(piece),
                        .page = image,
                        .instruction = Instruction(Task::kText),
                        .max_new_tokens = options_.max_new_tokens,
                        .start = start,
                        .line = index,
                        .cell = cell,
                        .ink = std::move(ink)});
    }
  }

  // Those that are read whatever becomes of the text layer.
  Status PrepareCrops() {
    std::set<std::pair<size_t, size_t>> samples;
    if (out_.trial != nullptr) {
      for (const LayerTrial::Sample& sample : out_.trial->samples)
        samples.insert({sample.region, sample.crop});
    }
    for (size_t r = 0; r < out_.regions.size(); ++r) {
      const bool on_trial = out_.trial != nullptr && out_.trial->regions[r].has_value();
      for (size_t c = 0; c < out_.regions[r].size(); ++c) {
        if (on_trial && !samples.contains({r, c})) continue;
        GLM_RETURN_IF_ERROR(PrepareCrop(out_.regions[r][c], processor_));
      }
    }
    return OkStatus();
  }

  Status Lines(const Image& image) {
    out_.page.layout = "lines";
    GLM_ASSIGN(LinePage found, FindTextLines(image));
    found.transform = found.transform.Compose(front_.transform);
    out_.page.skew_degrees = front_.skew_degrees + found.skew_degrees;
    const auto image_read = std::make_shared<const Image>(std::move(found.image));
    const TextLine* previous = nullptr;
    for (const TextLine& line : found.lines) {
      AddLine(image_read, line, found.transform, -1, -1, &out_.regions.emplace_back());
      const bool new_column = previous != nullptr && previous->column != line.column;
      const double pitch = previous == nullptr ? 0 : line.baseline_y - previous->baseline_y;
      // Lines of a paragraph are 1.0 to 1.5 font sizes apart; more, or another size of type, begins
      // a new one.
      const bool gap =
          previous != nullptr &&
          (pitch > 1.75 * std::max(line.font_px, previous->font_px) ||
           line.font_px > 1.25 * previous->font_px || previous->font_px > 1.25 * line.font_px);
      ReadRegion& region = out_.page.regions.emplace_back();
      region.box_px = found.transform.ToInput(line.box);
      region.polygon_px = OutlineInInput(line.box, found.transform);
      region.column = line.column;
      region.new_paragraph = new_column || gap;
      region.lines.push_back(LineInInput(line, found.transform));
      previous = &line;
    }
    Seen seen;
    for (const TextLine& line : found.lines) {
      seen.text.push_back(line.box);
      seen.AddLine(line);
    }
    Measure(*image_read, std::move(seen));
    return OkStatus();
  }

  Status Regions(const Image& image) {
    GLM_CHECK(options_.engine != nullptr);
    GLM_ASSIGN(LayoutPage layout, options_.engine->Analyze(image));
    layout.transform = layout.transform.Compose(front_.transform);
    out_.page.layout = options_.engine->name();
    out_.page.skew_degrees = front_.skew_degrees + layout.skew_degrees;
    Seen seen;
    for (const LayoutRegion& region : layout.regions) seen.AddRegion(region);
    Measure(layout.image, std::move(seen));
    const auto image_read = std::make_shared<const Image>(std::move(layout.image));
    for (LayoutRegion& region : layout.regions)
      GLM_RETURN_IF_ERROR(AddRegion(image_read, layout.transform, std::move(region)));
    UseTextLayer(*image_read, layout.transform);
    return OkStatus();
  }

  void UseTextLayer(const Image& image, const PageTransform& transform) {
    const TextLayerMode mode = options_.text_layer_mode;
    if (options_.text_layer == nullptr || mode == TextLayerMode::kOff) return;
    const bool plain =
        options_.instruction.empty() || options_.instruction == TaskInstruction(Task::kText);
    if (mode == TextLayerMode::kAuto && (!options_.reads_lines || !plain)) return;
    const PdfTextLayer& layer = *options_.text_layer;
    if (mode == TextLayerMode::kAuto) return TryTextLayer(layer, image, transform);
    const bool compare = mode == TextLayerMode::kCompare;
    const TextLayerUse use(layer, out_.page, compare ? LayerWords::kAll : LayerWords::kDrawn,
                           transform);
    for (size_t r = 0; r < out_.page.regions.size(); ++r) {
      ReadRegion& region = out_.page.regions[r];
      if (elsewhere_.contains(r)) continue;
      const bool initial = !compare && layer.good && use.IsInitial(r);
      if (initial) region.label = RegionLabel::kText;
      if (TaskOf(region.label) == RegionTask::kSkip) continue;
      if (initial || (!compare && layer.good && use.IsPartOfAWord(r))) {
        region.from_text_layer = true;
        out_.regions[r].clear();
      }
      if (!use.Covers(r)) continue;
      if (!compare && !use.CoversAll(r, image)) continue;
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
  void TryTextLayer(const PdfTextLayer& layer, const Image& image, const PageTransform& transform) {
    const LayerFaults faults = FindFaults(layer);
    if (!faults.why.empty()) return Reject(faults.why);
    if (!faults.note.empty())
      out_.page.warnings.push_back(
          {.kind = WarningKind::kTextLayerRejected, .message = faults.note});
    const TextLayerUse use(layer, out_.page, LayerWords::kDrawn, transform);
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
      if (elsewhere_.contains(r)) continue;
      if (TaskOf(region.label) == RegionTask::kSkip && !use.IsInitial(r)) continue;
      if (use.IsInitial(r) || use.IsPartOfAWord(r)) {
        ReadRegion& nothing = trial->regions[r].emplace(region);
        nothing.label = RegionLabel::kText;
        nothing.lines.clear();
        nothing.from_text_layer = true;
        nothing.confidence = 1;
      }
      if (!use.Covers(r)) continue;
      covered = true;
      if (!use.CoversAll(r, image)) continue;
      any = true;
      use.Fill(r, trial->regions[r].emplace(region));
      for (size_t c = 0; c < out_.regions[r].size(); ++c) {
        const PageCrop& crop = out_.regions[r][c];
        if (crop.line < 0) continue;
        LayerTrial::Sample& piece = pieces.emplace_back();
        piece.region = r;
        piece.crop = c;
        double from = 1e9, to = -1e9;
        for (const InkPart& ink : crop.ink) {
          from = std::min(from, ink.from_px);
          to = std::max(to, ink.to_px);
        }
        for (const PdfWord* word : use.WordsBetween(r, static_cast<size_t>(crop.line), from, to)) {
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

  Status AddRegion(const std::shared_ptr<const Image>& pixels, const PageTransform& transform,
                   LayoutRegion region) {
    ReadRegion& read = out_.page.regions.emplace_back();
    std::vector<PageCrop>& crops = out_.regions.emplace_back();
    read.box_px = transform.ToInput(region.box);
    read.polygon_px = region.polygon.empty() ? OutlineInInput(region.box, transform)
                                             : PointsInInput(region.polygon, transform);
    read.label = region.label;
    read.layout_score = region.score;
    read.heading_level = region.heading_level;
    read.new_paragraph = true;
    if (!region.lines.empty()) read.column = region.lines.front().column;
    if (TaskOf(region.label) == RegionTask::kSkip) return OkStatus();
    if (region.elsewhere) {
      const LayoutRegion::Elsewhere there = *std::exchange(region.elsewhere, std::nullopt);
      if (!there.transform.IsIdentity()) elsewhere_.insert(out_.page.regions.size() - 1);
      region.box = there.box;
      return AddText(there.image, there.transform.Compose(transform), region, &read, &crops);
    }
    return AddText(pixels, transform, region, &read, &crops);
  }

  // The region's crops; its box, lines and cells are in `pixels`.
  Status AddText(const std::shared_ptr<const Image>& pixels, const PageTransform& transform,
                 const LayoutRegion& region, ReadRegion* read, std::vector<PageCrop>* crops) const {
    const Image& image = *pixels;
    if (!options_.reads_lines) {
      const Box box = SdkCropBox(BoxIn1000(region.box, image.width_px, image.height_px),
                                 image.width_px, image.height_px);
      if (box.width <= 0 || box.height <= 0) return OkStatus();
      GLM_ASSIGN(PageCrop crop, WholeCrop(Crop(image, box), TaskFor(region.label)));
      crops->push_back(std::move(crop));
      return OkStatus();
    }
    if (!region.cells.empty()) {
      AddCells(pixels, region.cells, transform, read, crops);
      return OkStatus();
    }
    if (!region.lines.empty()) {
      AddLines(pixels, region.lines, transform, read, crops);
      return OkStatus();
    }
    // The engine tells of regions only: their lines are found here.
    const Image cut = Crop(image, region.box);
    GLM_ASSIGN(LinePage found, FindTextLines(cut));
    const PageTransform in_page = found.transform.Compose(
        PageTransform::Crop(region.box, image.width_px, image.height_px).Compose(transform));
    AddLines(std::make_shared<const Image>(std::move(found.image)), found.lines, in_page, read,
             crops);
    return OkStatus();
  }

  // `transform`: from `image` to the input.
  void AddLines(const std::shared_ptr<const Image>& image, const std::vector<TextLine>& lines,
                const PageTransform& transform, ReadRegion* read,
                std::vector<PageCrop>* crops) const {
    for (const TextLine& line : lines) {
      read->lines.push_back(LineInInput(line, transform));
      AddLine(image, line, transform, static_cast<int>(read->lines.size()) - 1, -1, crops);
    }
  }

  void AddCells(const std::shared_ptr<const Image>& image, const std::vector<TableCell>& cells,
                const PageTransform& transform, ReadRegion* read,
                std::vector<PageCrop>* crops) const {
    for (const TableCell& cell : cells) {
      read->cells.push_back({.row = cell.row,
                             .column = cell.column,
                             .row_span = cell.row_span,
                             .column_span = cell.column_span,
                             .header = cell.header,
                             .box_px = transform.ToInput(cell.box),
                             .polygon_px = OutlineInInput(cell.box, transform)});
      for (const TextLine& line : cell.lines) {
        read->lines.push_back(LineInInput(line, transform));
        AddLine(image, line, transform, static_cast<int>(read->lines.size()) - 1,
                static_cast<int>(read->cells.size()) - 1, crops);
      }
    }
  }

  const GlmOcrProcessor& processor_;
  const CropOptions& options_;
  PageFront front_;
  PageCrops out_;
  std::set<size_t> elsewhere_;  // regions in turned pixels of their own: the layer's are the page's
};

}  // namespace

Status PrepareCrop(PageCrop& crop, const GlmOcrProcessor& processor) {
  if (crop.page == nullptr) return OkStatus();
  Image pixels = PieceForModel(*crop.page, crop.piece);
  GLM_ASSIGN(crop.input, processor.PrepareImage(pixels));
  crop.pixels = std::move(pixels);
  crop.page.reset();
  crop.piece = {};
  // A window of 28 x 28 px holds at most four narrow letters: twice as many tokens is already
  // nonsense.
  crop.max_new_tokens = std::min<int64_t>(crop.max_new_tokens, 16 + 8 * crop.input.n_tokens);
  return OkStatus();
}

Result<PageCrops> CropPage(const Image& image, const GlmOcrProcessor& processor,
                           const CropOptions& options) {
  return Cropper(processor, options).Run(image);
}

}  // namespace glmocr
