#include "layout/geometric.h"

#include <fmt/core.h>

#include <algorithm>
#include <new>

#include "layout/geometric/parts.h"

namespace glmocr {
namespace {

using geometric::Block;
using geometric::Chain;
using geometric::Grids;
using geometric::Line;
using geometric::Style;
using geometric::Table;

// What takes part in the reading order beside lines.
struct Object {
  enum class Kind { kTable, kFigure, kArea } kind;
  size_t index;  // of its kind
  Box box;
};

// A part of the page with a reading order of its own: the page, or the inside of a frame.
struct Area {
  Box box;
  std::vector<Box> letters;
  std::vector<Chain> chains;
  std::vector<Object> objects;
};

class Analysis {
 public:
  explicit Analysis(PageInk ink) : ink_(std::move(ink)) {}

  Result<LayoutPage> Run() {
    LayoutPage page{.transform = ink_.transform, .skew_degrees = ink_.skew_degrees};
    if (ink_.letter_px > 0) {
      Sort();
      GLM_RETURN_IF_ERROR(FindChains());
      FindOpenTables();
      PlaceFigures();
      for (Area& area : areas_) Order(&area);
      style_ = geometric::BodyStyle(all_lines_);
      for (Table& table : tables_) {
        geometric::FillCells(ink_.image, options_, &table);
        geometric::MarkHeader(ink_.image, style_, &table);
      }
      Emit(0);
    }
    page.image = std::move(ink_.image);
    geometric::LabelRegions(page, style_, ink_.horizontal_rules, &blocks_);
    Finish(&page);
    return page;
  }

 private:
  // Letters to areas and cells.
  void Sort() {
    Grids grids = geometric::FindGrids(ink_);
    figures_ = geometric::FindFigures(ink_, grids);
    tables_ = std::move(grids.tables);
    areas_.push_back({.box = {0, 0, ink_.image.width_px, ink_.image.height_px}});
    std::vector<Box> frames = std::move(grids.frames);
    frames.insert(frames.end(), ink_.panels.begin(), ink_.panels.end());
    std::sort(frames.begin(), frames.end(), [](const Box& a, const Box& b) {
      return int64_t{a.width} * a.height > int64_t{b.width} * b.height;
    });
    for (const Box& frame : frames) AddArea(frame);
    for (size_t t = 0; t < tables_.size(); ++t) {
      areas_[AreaOf(tables_[t].box)].objects.push_back({Object::Kind::kTable, t, tables_[t].box});
    }
    for (const Box& letter : ink_.letters) {
      const bool drawn = std::any_of(figures_.begin(), figures_.end(),
                                     [&](const Box& f) { return geometric::Contains(f, letter); });
      // Writing within a figure is chained with the rest, so that labels are known as such.
      if (drawn && std::min(letter.width, letter.height) > 6 * ink_.letter_px) continue;
      if (!ToCell(letter)) areas_[AreaOf(letter)].letters.push_back(letter);
    }
  }

  // A frame around several words of the page; what frames the page as a whole, or a cell of a
  // table, is none.
  void AddArea(const Box& frame) {
    const double page = static_cast<double>(ink_.image.width_px) * ink_.image.height_px;
    if (static_cast<double>(frame.width) * frame.height > 0.85 * page) return;
    // The field of a form holds one line, which stands in a row with its label.
    if (frame.height < kLeastFrame * ink_.letter_px) return;
    if (areas_.size() >= kMostAreas) return;
    const auto n = std::count_if(ink_.letters.begin(), ink_.letters.end(),
                                 [&](const Box& b) { return geometric::HasCentre(frame, b); });
    if (n < kLeastFramed) return;
    const auto holds = [&](const Box& b) {
      return geometric::HasCentre(b, frame) || geometric::HasCentre(frame, b);
    };
    if (std::any_of(tables_.begin(), tables_.end(),
                    [&](const Table& t) { return geometric::HasCentre(t.box, frame); }) ||
        std::any_of(figures_.begin(), figures_.end(), holds)) {
      return;
    }
    const bool known = std::any_of(areas_.begin() + 1, areas_.end(), [&](const Area& a) {
      return geometric::Contains(a.box, frame, 4) && geometric::Contains(frame, a.box, 4);
    });
    if (known) return;
    areas_[AreaOf(frame)].objects.push_back({Object::Kind::kArea, areas_.size(), frame});
    areas_.push_back({.box = frame});
  }

  // The innermost area around the box's middle; areas come outer ones first.
  size_t AreaOf(const Box& box) const {
    size_t found = 0;
    for (size_t i = 1; i < areas_.size(); ++i) {
      if (geometric::HasCentre(areas_[i].box, box)) found = i;
    }
    return found;
  }

  bool ToCell(const Box& letter) {
    for (Table& table : tables_) {
      if (!geometric::HasCentre(table.box, letter)) continue;
      for (size_t i = 0; i < table.cells.size(); ++i) {
        if (!geometric::HasCentre(table.cells[i].box, letter)) continue;
        table.letters[i].push_back(letter);
        return true;
      }
    }
    return false;
  }

  // Chains of every area and cell; fonts are settled with those of the whole page as neighbours.
  Status FindChains() {
    std::vector<std::vector<Chain>*> places;
    std::vector<Chain> all;
    const auto chain = [&](const std::vector<Box>& letters, std::vector<Chain>* to) {
      if (letters.empty()) return;
      *to = lines::ChainComponents(letters, ink_.letter_px, options_);
      places.push_back(to);
      all.insert(all.end(), to->begin(), to->end());
    };
    for (Area& area : areas_) chain(area.letters, &area.chains);
    for (Table& table : tables_) {
      for (size_t i = 0; i < table.cells.size(); ++i) chain(table.letters[i], &table.chains[i]);
    }
    if (all.size() > static_cast<size_t>(options_.max_lines)) {
      return Error{
          ErrorCode::kResourceExhausted,
          fmt::format("the page has {} text lines, more than the limit of {}; it may be noise",
                      all.size(), options_.max_lines)};
    }
    lines::SettleFonts(all);
    size_t at = 0;
    for (std::vector<Chain>* place : places) {
      for (Chain& c : *place) c = std::move(all[at++]);
    }
    return OkStatus();
  }

  void FindOpenTables() {
    for (Area& area : areas_) {
      for (Table& table : geometric::FindOpenTables(ink_, area.box, tables_, &area.chains)) {
        for (size_t i = 0; i < table.cells.size(); ++i) {
          if (table.letters[i].empty()) continue;
          table.chains[i] = lines::ChainComponents(table.letters[i], ink_.letter_px, options_);
          lines::SettleFonts(table.chains[i]);
          for (const Box& letter : table.letters[i]) std::erase(area.letters, letter);
        }
        area.objects.push_back({Object::Kind::kTable, tables_.size(), table.box});
        tables_.push_back(std::move(table));
      }
    }
  }

  // Figures take their labels; ink that is in nothing becomes one.
  void PlaceFigures() {
    for (Area& area : areas_) geometric::TakeLabels(&figures_, &area.chains);
    for (Area& area : areas_) {
      geometric::TakeCheckBoxes(ink_.image, &area.chains, &check_boxes_);
      std::erase_if(area.letters, [&](const Box& b) {
        return std::any_of(check_boxes_.begin(), check_boxes_.end(),
                           [&](const Box& c) { return geometric::Contains(c, b, 2); });
      });
    }
    for (Area& area : areas_) {
      for (const Box& b : geometric::LeftOver(area.letters, area.chains, ink_.letter_px)) {
        const bool inside = std::any_of(figures_.begin(), figures_.end(),
                                        [&](const Box& f) { return geometric::HasCentre(f, b); });
        if (!inside) figures_.push_back(b);
      }
    }
    for (size_t i = 0; i < figures_.size(); ++i) {
      areas_[AreaOf(figures_[i])].objects.push_back({Object::Kind::kFigure, i, figures_[i]});
    }
  }

  // Puts the area's chains and objects in order and measures its lines.
  void Order(Area* area) {
    for (size_t i = 0; i < area->objects.size(); ++i) {
      area->chains.push_back(
          lines::MakeObject(static_cast<int>(i), area->objects[i].box, ink_.letter_px / 0.6));
    }
    area->chains = lines::OrderChains(area->chains);
    std::vector<Chain> text;  // neighbours that crops must not show
    for (const Chain& c : area->chains) {
      if (c.object < 0) text.push_back(c);
    }
    lines_of_.emplace_back();
    for (const Chain& c : text) {
      TextLine cut = lines::CutLine(c, text, ink_.image.width_px, ink_.image.height_px, options_);
      lines_of_.back().push_back(geometric::MakeLine(ink_.image, c, std::move(cut)));
      all_lines_.push_back(lines_of_.back().back());
    }
  }

  void Emit(size_t index) {
    const Area& area = areas_[index];
    std::vector<Line> run;
    std::vector<Box> around;
    for (const Chain& c : area.chains) around.push_back(c.box);
    size_t next_line = 0;
    const auto flush = [&] {
      for (Block& block : geometric::MakeRegions(std::move(run), around)) {
        block.area = static_cast<int>(index);
        blocks_.push_back(std::move(block));
      }
      run.clear();
    };
    for (const Chain& c : area.chains) {
      if (c.object < 0) {
        run.push_back(std::move(lines_of_[index][next_line++]));
        continue;
      }
      flush();
      const Object& object = area.objects[static_cast<size_t>(c.object)];
      if (object.kind == Object::Kind::kArea) {
        Emit(object.index);
        continue;
      }
      Block block{.region = {.label = RegionLabel::kImage, .box = object.box},
                  .area = static_cast<int>(index)};
      if (object.kind == Object::Kind::kTable) {
        block.region.label = RegionLabel::kTable;
        block.region.cells = std::move(tables_[object.index].cells);
      }
      blocks_.push_back(std::move(block));
    }
    flush();
  }

  // A check box stays in the box of its region, though not in a line.
  void CoverCheckBoxes() {
    for (const Box& b : check_boxes_) {
      Block* best = nullptr;
      int nearest = 1 << 30;
      for (Block& block : blocks_) {
        for (const Line& line : block.lines) {
          const Box& l = line.text.box;
          const bool beside = b.y < l.bottom() && l.y < b.bottom() && l.x >= b.x;
          if (!beside || l.x - b.right() >= nearest) continue;
          nearest = l.x - b.right();
          best = &block;
        }
      }
      if (best != nullptr) best->region.box = Union(best->region.box, b);
    }
  }

  // Blocks to regions, within the page; lines numbered through it.
  void Finish(LayoutPage* page) {
    CoverCheckBoxes();
    int index = 0;
    const int width = page->image.width_px, height = page->image.height_px;
    for (Block& block : blocks_) {
      LayoutRegion region = std::move(block.region);
      for (Line& line : block.lines) {
        line.text.index = index++;
        region.lines.push_back(std::move(line.text));
      }
      for (TableCell& cell : region.cells) {
        for (TextLine& line : cell.lines) line.index = index++;
      }
      const int x0 = std::clamp(region.box.x, 0, width - 1);
      const int y0 = std::clamp(region.box.y, 0, height - 1);
      region.box = {x0, y0, std::clamp(region.box.right(), x0 + 1, width) - x0,
                    std::clamp(region.box.bottom(), y0 + 1, height) - y0};
      page->regions.push_back(std::move(region));
    }
  }

  static constexpr size_t kMostAreas = 500;
  static constexpr int kLeastFramed = 2;
  static constexpr double kLeastFrame = 4.5;  // typical heights of letters: two lines

  PageInk ink_;
  LineFinderOptions options_;
  std::vector<Table> tables_;
  std::vector<Box> figures_, check_boxes_;
  std::vector<Area> areas_;
  std::vector<std::vector<Line>> lines_of_;  // of each area, in reading order
  std::vector<Line> all_lines_;
  Style style_;
  std::vector<Block> blocks_;
};

class GeometricLayout : public LayoutEngine {
 public:
  std::string_view name() const override { return "geometric"; }

  Result<LayoutPage> Analyze(const Image& image) const override {
    GLM_ASSIGN(PageInk ink, FindInk(image));
    try {
      return Analysis(std::move(ink)).Run();
    } catch (const std::bad_alloc&) {
      return Error{ErrorCode::kOutOfMemory, "not enough memory to lay out the page"};
    }
  }

  std::string fingerprint() const override { return std::string(name()); }
};

}  // namespace

std::unique_ptr<LayoutEngine> MakeGeometricLayout() { return std::make_unique<GeometricLayout>(); }

}  // namespace glmocr
