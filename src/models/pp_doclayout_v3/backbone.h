// HGNetV2: the convolutional backbone of PP-DocLayoutV3.
// Ref: transformers models/hgnet_v2/modeling_hgnet_v2.py, HGNetV2Backbone.
#pragma once

#include <array>
#include <vector>

#include "models/blocks/conv_layer.h"
#include "models/blocks/observer.h"
#include "models/pp_doclayout_v3/config.h"

namespace glmocr {

// embedder: 3 colours at full size -> stem_channels[2] at a quarter, with a pooled and a convolved
// branch in the middle. Ref: HGNetV2Embeddings.
struct HgNetStem {
  ConvLayer stem1, stem2a, stem2b, stem3, stem4;
};

// One layer of a block: a convolution, or in light blocks a 1 x 1 without activation and a
// depthwise convolution. Ref: HGNetV2ConvLayer, HGNetV2ConvLayerLight.
struct HgNetLayer {
  ConvLayer conv;
  DepthwiseLayer depthwise;  // light blocks only
};

// Layers in a row; input and all their outputs are concatenated and aggregated by two 1 x 1
// convolutions. Ref: HGNetV2BasicLayer.
struct HgNetBlock {
  std::vector<HgNetLayer> layers;
  ConvLayer squeeze, excite;
};

struct HgNetStage {
  HgNetStageConfig config;
  DepthwiseLayer downsample;
  std::vector<HgNetBlock> blocks;
};

class HgNet {
 public:
  static HgNet Load(Loader& loader, const WeightScope& scope, const HgNetConfig& config);

  // image [height * width, 4]: red, green, blue, 0. Features of the stages at strides 4, 8, 16, 32.
  // Observed: backbone.stages.I [pixels, out_channels].
  using Features = std::array<FeatureMap, kBackboneStages>;
  void Forward(const Context& ctx, const FeatureView& image, TensorObserver* observer,
               Features* features) const;

 private:
  struct Scratch {
    FeatureMap a, b, concat;
    Matrix squeezed, light;
  };
  void Stem(const Context& ctx, const FeatureView& image, Scratch* s, MutMatrix out) const;
  static void Stage(const Context& ctx, const HgNetStage& stage, Scratch* s, FeatureMap* out);

  HgNetStem stem_;
  std::vector<HgNetStage> stages_;
};

}  // namespace glmocr
