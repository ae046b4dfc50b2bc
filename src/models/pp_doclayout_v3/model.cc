#include "models/pp_doclayout_v3/model.h"

namespace glmocr {

Result<std::unique_ptr<PpDocLayoutModel>> PpDocLayoutModel::Load(
    const std::filesystem::path& folder, ThreadPool& pool) {
  GLM_ASSIGN(const PpDocLayoutConfig config, PpDocLayoutConfig::FromFiles(folder));
  GLM_ASSIGN(const PpDocLayoutImageConfig image, PpDocLayoutImageConfig::FromFiles(folder));
  GLM_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder));
  return Load(checkpoint, config, image, pool);
}

Result<std::unique_ptr<PpDocLayoutModel>> PpDocLayoutModel::Load(
    const Checkpoint& checkpoint, const PpDocLayoutConfig& config,
    const PpDocLayoutImageConfig& image, ThreadPool& pool) {
  std::unique_ptr<PpDocLayoutModel> m(new PpDocLayoutModel());
  m->config_ = config;
  m->image_ = image;
  const WeightScope model = WeightScope(checkpoint, m->report_).Sub("model");
  Loader loader(checkpoint, pool, Compute::kF32);
  m->backbone_ = HgNet::Load(loader, model.Sub("backbone.model"), config.backbone);
  m->encoder_ = HybridEncoder::Load(loader, model, config);
  m->decoder_ = LayoutDecoder::Load(loader, model, config);
  m->report_.Finish();
  GLM_RETURN_IF_ERROR(m->report_.ToStatus());
  GLM_RETURN_IF_ERROR(loader.status());
  checkpoint.DropPages();
  return m;
}

Result<LayoutOutputs> PpDocLayoutModel::Forward(const Context& ctx, const FeatureView& image,
                                                const DecoderChoices& choices,
                                                TensorObserver* observer) const {
  GLM_CHECK(ctx.compute == Compute::kF32);
  GLM_CHECK(image.height == image_.height_px && image.width == image_.width_px &&
            image.pixels.cols == 4);
  HgNet::Features features;
  backbone_.Forward(ctx, image, observer, &features);
  EncodedPage page;
  encoder_.Forward(ctx, features, observer, &page);
  return decoder_.Forward(ctx, std::move(page), choices, observer);
}

}  // namespace glmocr
