#include "layout/geometric.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

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
    TakeHeadlines();
    Grids grids = geometric::FindGrids(ink_);
    figures_ = geometric::FindFigures(ink_, grids);
    tables_ = std::move(grids.tables);
    std::vector<Box> known = figures_;
    for (const Table& table : tables_) known.push_back(table.box);
    sideways_ = geometric::TakeSideways(ink_.image, known, ink_.letter_px, options_, &ink_.letters);
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

  // The ink in a box: its share, and the mean length of its runs in rows, pixels.
  struct Solidity {
    double share = 0, stroke_px = 0;
  };
  Solidity SolidityOf(const Box& b) const {
    constexpr int kDark = 128;
    int64_t n_dark = 0, n_runs = 0;
    for (int y = std::max(0, b.y); y < std::min(b.bottom(), ink_.image.height_px); ++y) {
      const uint8_t* rgb = ink_.image.row(y) + 3 * std::max(0, b.x);
      bool in_run = false;
      for (int x = std::max(0, b.x); x < std::min(b.right(), ink_.image.width_px); ++x, rgb += 3) {
        const bool dark = rgb[0] + rgb[1] + rgb[2] < 3 * kDark;
        n_dark += dark;
        n_runs += dark && !in_run;
        in_run = dark;
      }
    }
    if (n_runs == 0) return {};
    const auto dark = static_cast<double>(n_dark);
    return {dark / (static_cast<double>(b.width) * b.height), dark / static_cast<double>(n_runs)};
  }

  // Letters that were broken where a stroke of theirs was taken for a rule.
  void JoinPieces(std::vector<Box>* large) const {
    const double reach = std::max(2.0, 0.35 * ink_.letter_px);
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < large->size(); ++i) {
        for (size_t j = i + 1; j < large->size();) {
          Box &a = (*large)[i], &b = (*large)[j];
          const int common = std::min(a.right(), b.right()) - std::max(a.x, b.x);
          if (geometric::Distance(a, b) <= reach && 2 * common > std::min(a.width, b.width)) {
            a = Union(a, b);
            large->erase(large->begin() + static_cast<std::ptrdiff_t>(j));
            changed = true;
          } else {
            ++j;
          }
        }
      }
    }
  }

  // Lines of type so large that its letters would pass for drawings.
  void TakeHeadlines() {
    constexpr double kLarge = 2.5, kTall = 5, kMost = 40;  // typical heights of letters
    constexpr size_t kLeastParts = 3, kMostLarge = 300;
    // Of the letters' median height: it is that of an x or of a capital.
    constexpr double kMostCap = 1.8, kOnBaseline = 0.16;
    constexpr double kFull = 0.85;       // of its box
    constexpr double kMostStroke = 0.6;  // of a letter's height, in the boldest type
    std::vector<Box> large;
    std::vector<double> tall;
    for (const Box& b : ink_.letters) {
      if (b.height < kLarge * ink_.letter_px || b.height > kMost * ink_.letter_px) continue;
      if (b.width > 2.5 * b.height) continue;
      large.push_back(b);
      if (b.height > kTall * ink_.letter_px) tall.push_back(b.height);
    }
    const std::vector<Box> solid = std::exchange(ink_.solid_components, {});
    for (const Box& b : solid) {
      if (b.height > kMost * ink_.letter_px || b.width > 2.5 * b.height) continue;
      if (SolidityOf(b).stroke_px > kMostStroke * b.height) continue;
      large.push_back(b);
      if (b.height > kTall * ink_.letter_px) tall.push_back(b.height);
    }
    if (tall.empty() || large.size() > kMostLarge) return;
    JoinPieces(&large);
    std::nth_element(tall.begin(), tall.begin() + static_cast<std::ptrdiff_t>(tall.size() / 2),
                     tall.end());
    for (Chain& chain : lines::ChainComponents(large, tall[tall.size() / 2], options_)) {
      const bool is_tall = std::any_of(chain.parts.begin(), chain.parts.end(), [&](const Box& b) {
        return b.height > kTall * ink_.letter_px;
      });
      // Letters of a line touch no other; parts of a drawing overlap and differ.
      bool apart = true;
      for (size_t i = 1; i < chain.parts.size(); ++i)
        apart = apart && chain.parts[i].x > chain.parts[i - 1].right() - 0.3 * chain.cap;
      std::vector<int> heights;
      for (const Box& b : chain.parts) heights.push_back(b.height);
      std::nth_element(heights.begin(), heights.begin() + heights.size() / 2, heights.end());
      const double height = heights[heights.size() / 2];
      const bool level = chain.box.height < 1.6 * chain.cap && chain.cap < kMostCap * height;
      if (!is_tall || !apart || !level || chain.parts.size() < kLeastParts) continue;
      const auto n_standing =
          std::count_if(chain.parts.begin(), chain.parts.end(), [&](const Box& b) {
            return std::fabs(b.bottom() - chain.baseline) < kOnBaseline * height;
          });
      if (2 * n_standing <= static_cast<std::ptrdiff_t>(chain.parts.size())) continue;
      // The bars of a diagram are full; of letters, an l is.
      const auto n_full = std::count_if(chain.parts.begin(), chain.parts.end(),
                                        [&](const Box& b) { return SolidityOf(b).share > kFull; });
      if (2 * n_full > static_cast<std::ptrdiff_t>(chain.parts.size())) continue;
      // Dots and accents go with their letters.
      std::vector<Box> rest;
      for (const Box& b : ink_.letters) {
        const bool part = std::any_of(chain.parts.begin(), chain.parts.end(),
                                      [&](const Box& p) { return geometric::Contains(p, b); });
        if (part) continue;
        const bool mark = geometric::HasCentre(chain.box, b) && b.height < 0.35 * chain.cap &&
                          b.width > 0.08 * chain.cap;
        if (mark) {
          chain.parts.push_back(b);
        } else {
          rest.push_back(b);
        }
      }
      // Ink between them is that of a picture.
      const auto n_between = std::count_if(rest.begin(), rest.end(), [&](const Box& b) {
        return geometric::HasCentre(chain.box, b) && b.height > 0.1 * chain.cap;
      });
      if (n_between > 1) continue;
      lines::Measure(chain);
      ink_.letters = std::move(rest);
      std::erase_if(ink_.pictures, [&](const Box& p) {
        return std::any_of(chain.parts.begin(), chain.parts.end(),
                           [&](const Box& b) { return geometric::HasCentre(b, p); });
      });
      headlines_.push_back(std::move(chain));
    }
  }

  // Underlines and strokes through words are painted over, but where letters go through them.
  void EraseUnderline(const Chain& c) {
    constexpr double kBelow = 0.4, kAbove = 0.55, kThick = 0.15, kShare = 0.8;
    constexpr int kDark = 150;
    Image& image = ink_.image;
    for (const Box& rule : ink_.horizontal_rules) {
      const double y = rule.y + rule.height / 2.0;
      if (y > c.baseline + kBelow * c.font || y < c.baseline - kAbove * c.font) continue;
      if (rule.height > kThick * c.font + 2) continue;
      const int common = std::min(rule.right(), c.box.right()) - std::max(rule.x, c.box.x);
      if (common < kShare * rule.width || rule.width < c.font) continue;
      const int y0 = std::max(1, rule.y - 1), y1 = std::min(image.height_px - 2, rule.bottom());
      const auto level = [&](int x, int row) {
        const uint8_t* rgb = image.row(std::clamp(row, 0, image.height_px - 1)) + 3 * x;
        return (rgb[0] + rgb[1] + rgb[2]) / 3;
      };
      for (int x = std::max(0, rule.x - 2); x < std::min(image.width_px, rule.right() + 2); ++x) {
        const int above = level(x, y0 - 1), below = level(x, y1 + 1);
        if (above < kDark && below < kDark) continue;
        const uint8_t* from = image.row(above >= below ? y0 - 1 : y1 + 1) + 3 * x;
        const uint8_t paper[3] = {from[0], from[1], from[2]};
        for (int row = y0; row <= y1; ++row) std::copy_n(paper, 3, image.row(row) + 3 * x);
      }
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
    for (Chain& c : headlines_) areas_[AreaOf(c.box)].chains.push_back(std::move(c));
    return OkStatus();
  }

  void FindOpenTables() {
    for (Area& area : areas_) {
      std::vector<Table> found = geometric::FindOpenTables(ink_, area.box, tables_, &area.chains);
      for (Table& table : geometric::FindBorderlessTables(&area.chains))
        found.push_back(std::move(table));
      for (Table& table : found) {
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
      EraseUnderline(c);
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
      for (Block& block : geometric::MakeRegions(std::move(run), around, style_)) {
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
    // Lines beside the text have no place in its order.
    for (geometric::Sideways& side : sideways_) {
      blocks_.push_back({.region = std::move(side.region)});
      blocks_.back().lines.push_back(std::move(side.line));
    }
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
  std::vector<Chain> headlines_;  // of very large type
  std::vector<geometric::Sideways> sideways_;
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
