#include "layout/uncovered.h"

#include <algorithm>
#include <cmath>

#include "media/box_math.h"

namespace glmocr {
namespace {

Point Inside(const PointF& p, const Image& image) {
  return {std::clamp(static_cast<int>(std::lround(p.x)), 0, image.width_px),
          std::clamp(static_cast<int>(std::lround(p.y)), 0, image.height_px)};
}

class UncoveredLayout : public LayoutEngine {
 public:
  UncoveredLayout(std::unique_ptr<LayoutEngine> engine, std::unique_ptr<LayoutEngine> finder)
      : engine_(std::move(engine)), finder_(std::move(finder)) {}

  std::string_view name() const override { return engine_->name(); }

  Result<LayoutPage> Analyze(const Image& image) const override {
    GLM_ASSIGN(LayoutPage page, engine_->Analyze(image));
    GLM_ASSIGN(LayoutPage found, finder_->Analyze(image));
    const size_t n_own = page.regions.size();
    // A page that the finder turned, straightened or lit evenly: its regions are read as it saw
    // them.
    const bool same_pixels = found.transform.IsIdentity() && found.image.rgb == page.image.rgb;
    const auto other =
        same_pixels ? nullptr : std::make_shared<const Image>(std::move(found.image));
    for (LayoutRegion& region : found.regions) {
      if (TaskOf(region.label) == RegionTask::kSkip) continue;
      if (!found.transform.KeepsAxes()) {
        for (const PointF& p : found.transform.CornersInInput(region.box))
          region.polygon.push_back(Inside(p, image));
      }
      if (region.elsewhere) {
        if (other != nullptr)
          region.elsewhere->transform = region.elsewhere->transform.Compose(found.transform);
      } else if (other != nullptr) {
        region.elsewhere = {other, found.transform, region.box};
      }
      region.box = found.transform.ToInput(region.box);
      int64_t covered = 0;
      for (size_t i = 0; i < n_own; ++i) covered += OverlapArea(page.regions[i].box, region.box);
      // A paragraph that regions touch on most of its area is theirs.
      if (2 * covered >= Area(region.box)) continue;
      region.score = 0;
      page.regions.push_back(std::move(region));
    }
    return page;
  }

  std::string fingerprint() const override {
    return engine_->fingerprint() + '\n' + finder_->fingerprint();
  }

 private:
  std::unique_ptr<LayoutEngine> engine_, finder_;
};

}  // namespace

std::unique_ptr<LayoutEngine> WithUncovered(std::unique_ptr<LayoutEngine> engine,
                                            std::unique_ptr<LayoutEngine> finder) {
  return std::make_unique<UncoveredLayout>(std::move(engine), std::move(finder));
}

}  // namespace glmocr
