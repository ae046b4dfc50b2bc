#include "layout/uncovered.h"

#include "media/box_math.h"

namespace glmocr {
namespace {

class UncoveredLayout : public LayoutEngine {
 public:
  UncoveredLayout(std::unique_ptr<LayoutEngine> engine, std::unique_ptr<LayoutEngine> finder)
      : engine_(std::move(engine)), finder_(std::move(finder)) {}

  std::string_view name() const override { return engine_->name(); }

  Result<LayoutPage> Analyze(const Image& image) const override {
    GLM_ASSIGN(LayoutPage page, engine_->Analyze(image));
    GLM_ASSIGN(LayoutPage found, finder_->Analyze(image));
    if (found.skew_degrees != 0 || found.image.width_px != page.image.width_px ||
        found.image.height_px != page.image.height_px)
      return page;
    const size_t n_own = page.regions.size();
    for (LayoutRegion& region : found.regions) {
      if (TaskOf(region.label) == RegionTask::kSkip) continue;
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
