#include "layout/pp_doclayout.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "base/file.h"
#include "kernels/select.h"
#include "models/pp_doclayout_v3/detections.h"
#include "models/pp_doclayout_v3/model.h"
#include "models/pp_doclayout_v3/processor.h"

namespace glmocr {
namespace {

LayoutRegion ToRegion(const RuledRegion& ruled, const Image& page) {
  LayoutRegion region;
  region.label = static_cast<RegionLabel>(ruled.label);
  region.score = static_cast<float>(ruled.score);
  // Truncation may leave nothing of a sliver: one pixel of it stays.
  const auto [x0, y0, x1, y1] = ruled.box;
  region.box.x = std::min(x0, page.width_px - 1);
  region.box.y = std::min(y0, page.height_px - 1);
  region.box.width = std::max(1, x1 - region.box.x);
  region.box.height = std::max(1, y1 - region.box.y);
  for (const PolygonPoint& p : ruled.polygon)
    region.polygon.push_back({static_cast<int>(p.x), static_cast<int>(p.y)});
  const std::vector<Point> corners = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};
  if (region.polygon == corners) region.polygon.clear();
  if (region.label == RegionLabel::kDocTitle) region.heading_level = 1;
  if (region.label == RegionLabel::kParagraphTitle) region.heading_level = 2;
  return region;
}

class PpDocLayout final : public LayoutEngine {
 public:
  PpDocLayout(const PpDocLayoutOptions& options, const KernelTable& kernels)
      : rules_(options.rules),
        pool_(options.n_threads > 0 ? options.n_threads : ThreadPool::DefaultThreads()),
        ctx_{.kernels = &kernels, .pool = &pool_, .compute = Compute::kF32} {}

  Status Load(const std::filesystem::path& model_dir) {
    GLM_ASSIGN(model_, PpDocLayoutModel::Load(model_dir, pool_));
    files_ = FolderState(model_dir);
    if (model_->config().n_labels == kRegionLabels) return OkStatus();
    return Error{ErrorCode::kUnsupported,
                 fmt::format("'{}' has {} classes; PP-DocLayoutV3 has {}", model_dir.string(),
                             model_->config().n_labels, kRegionLabels)};
  }

  std::string_view name() const override { return "pp-doclayout-v3"; }

  Result<LayoutPage> Analyze(const Image& page) const override {
    if (page.empty())
      return Error{ErrorCode::kInvalidArgument, "the picture is empty: it has no pixels"};
    try {
      return AnalyzeOrThrow(page);
    } catch (const std::bad_alloc&) {
      return Error{ErrorCode::kOutOfMemory,
                   "not enough memory for the layout of the page; close other programs or use the "
                   "geometric layout"};
    }
  }

  std::string fingerprint() const override {
    std::string all =
        fmt::format("{} {} {} {} {} {} {}", name(), files_, ctx_.kernels->name, rules_.threshold,
                    rules_.suppress_duplicates, rules_.unclip_ratio[0], rules_.unclip_ratio[1]);
    for (const auto& threshold : rules_.threshold_of)
      all += threshold ? fmt::format(" {}", *threshold) : " -";
    for (const NestedBoxes nested : rules_.nested)
      all += fmt::format(" {}", static_cast<int>(nested));
    return all;
  }

 private:
  Result<LayoutPage> AnalyzeOrThrow(const Image& page) const {
    const std::lock_guard lock(mutex_);  // the pool runs one region of work at a time
    const FeatureMap input = PrepareLayoutImage(page, model_->image_config(), &pool_);
    GLM_ASSIGN(const LayoutOutputs outputs, model_->Forward(ctx_, input));
    GLM_ASSIGN(const std::vector<LayoutDetection> detections,
               Detect(ctx_, outputs,
                      {.threshold = rules_.LowestThreshold(),
                       .page_width_px = page.width_px,
                       .page_height_px = page.height_px}));
    LayoutPage out;
    out.image = page;
    out.transform = PageTransform::Identity(page.width_px, page.height_px);
    for (const RuledRegion& region :
         ApplyLayoutRules(detections, rules_, page.width_px, page.height_px)) {
      out.regions.push_back(ToRegion(region, page));
    }
    return out;
  }

  const LayoutRules rules_;
  mutable std::mutex mutex_;
  mutable ThreadPool pool_;
  const Context ctx_;
  std::unique_ptr<PpDocLayoutModel> model_;
  std::string files_;  // FolderState of the model's folder
};

Status CheckRules(const LayoutRules& rules) {
  const auto is_score = [](float x) { return x >= 0 && x <= 1; };
  bool right = is_score(rules.threshold);
  for (const auto& of_class : rules.threshold_of) right &= !of_class || is_score(*of_class);
  for (const double ratio : rules.unclip_ratio) right &= ratio > 0 && ratio <= 100;
  if (right) return OkStatus();
  return Error{ErrorCode::kInvalidArgument,
               "layout thresholds must be from 0 to 1, unclip ratios above 0 and up to 100"};
}

}  // namespace

Result<std::unique_ptr<LayoutEngine>> MakePpDocLayout(const std::filesystem::path& model_dir,
                                                      const PpDocLayoutOptions& options) {
  GLM_RETURN_IF_ERROR(CheckRules(options.rules));
  GLM_ASSIGN(const KernelTable* kernels, SelectKernels(options.kernels));
  auto engine = std::make_unique<PpDocLayout>(options, *kernels);
  GLM_RETURN_IF_ERROR(engine->Load(model_dir));
  return std::unique_ptr<LayoutEngine>(std::move(engine));
}

}  // namespace glmocr
