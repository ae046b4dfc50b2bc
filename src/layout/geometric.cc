#include "layout/geometric.h"

#include <algorithm>

namespace glmocr {
namespace {

Box Union(const Box& a, const Box& b) {
  const int x = std::min(a.x, b.x), y = std::min(a.y, b.y);
  return {x, y, std::max(a.right(), b.right()) - x, std::max(a.bottom(), b.bottom()) - y};
}

// Lines of a paragraph are 1.0 to 1.5 font sizes apart; more, another size of type or another
// column begins a new one.
bool BeginsParagraph(const TextLine& line, const TextLine& previous) {
  return line.column != previous.column ||
         line.baseline_y - previous.baseline_y > 1.75 * std::max(line.font_px, previous.font_px) ||
         line.font_px > 1.25 * previous.font_px || previous.font_px > 1.25 * line.font_px;
}

class GeometricLayout : public LayoutEngine {
 public:
  std::string_view name() const override { return "geometric"; }

  Result<LayoutPage> Analyze(const Image& image) const override {
    GLM_ASSIGN(LinePage found, FindTextLines(image));
    LayoutPage page = {.image = std::move(found.image), .skew_degrees = found.skew_degrees};
    for (TextLine& line : found.lines) {
      const bool begins =
          page.regions.empty() || BeginsParagraph(line, page.regions.back().lines.back());
      if (begins) page.regions.push_back({.box = line.box});
      LayoutRegion& region = page.regions.back();
      region.box = Union(region.box, line.box);
      region.lines.push_back(std::move(line));
    }
    return page;
  }
};

}  // namespace

std::unique_ptr<LayoutEngine> MakeGeometricLayout() { return std::make_unique<GeometricLayout>(); }

}  // namespace glmocr
