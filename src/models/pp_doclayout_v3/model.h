// PP-DocLayoutV3: a page's picture in, the boxes, masks, classes and reading order of its regions
// out.
//
//   GLM_ASSIGN(auto model, PpDocLayoutModel::Load("models/PP-DocLayoutV3", *pool));
//   GLM_ASSIGN(LayoutOutputs out, model->Forward(ctx, pixels));
// Backbone (backbone.h), hybrid encoder (encoder.h), decoder (decoder.h); detections.h turns
// outputs into regions. All in fp32: the published weights are fp32 and small. Ref: transformers
// models/pp_doclayout_v3/modeling_pp_doclayout_v3.py, PPDocLayoutV3ForObjectDetection.
#pragma once

#include <filesystem>
#include <memory>

#include "models/pp_doclayout_v3/decoder.h"

namespace glmocr {

class PpDocLayoutModel {
 public:
  // config.json, preprocessor_config.json and the weights of `folder`. kNotFound, kCorrupt (naming
  // every tensor that is missing or mis-shaped), kUnsupported, kIo, kResourceExhausted,
  // kOutOfMemory.
  static Result<std::unique_ptr<PpDocLayoutModel>> Load(const std::filesystem::path& folder,
                                                        ThreadPool& pool);
  static Result<std::unique_ptr<PpDocLayoutModel>> Load(const Checkpoint& checkpoint,
                                                        const PpDocLayoutConfig& config,
                                                        const PpDocLayoutImageConfig& image,
                                                        ThreadPool& pool);

  const PpDocLayoutConfig& config() const { return config_; }
  const PpDocLayoutImageConfig& image_config() const { return image_; }
  const LoadReport& report() const { return report_; }

  // image: image_config's size, 4 channels: red, green, blue in 0..1, and 0. ctx.compute must be
  // kF32. `observer` sees the stages that backbone.h, encoder.h and decoder.h name; may be null.
  Result<LayoutOutputs> Forward(const Context& ctx, const FeatureView& image,
                                const DecoderChoices& choices = {},
                                TensorObserver* observer = nullptr) const;

 private:
  PpDocLayoutModel() = default;

  PpDocLayoutConfig config_;
  PpDocLayoutImageConfig image_;
  LoadReport report_;
  HgNet backbone_;
  HybridEncoder encoder_;
  LayoutDecoder decoder_;
};

}  // namespace glmocr
