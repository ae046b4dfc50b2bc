// The hybrid encoder of RT-DETR with PP-DocLayoutV3's mask branch: attention on the coarsest level
// (AIFI), a feature pyramid down (FPN) and up (PAN), and the prototypes of all masks.
// Ref: transformers models/pp_doclayout_v3/modeling_pp_doclayout_v3.py, PPDocLayoutV3HybridEncoder;
// Zhao 2024, "DETRs Beat YOLOs on Real-time Object Detection".
#pragma once

#include <array>
#include <vector>

#include "models/blocks/conv_layer.h"
#include "models/blocks/observer.h"
#include "models/pp_doclayout_v3/backbone.h"
#include "models/pp_doclayout_v3/config.h"
#include "models/pp_doclayout_v3/self_attention.h"

namespace glmocr {

// Attention over the pixels of one level. Ref: PPDocLayoutV3AIFILayer, PPDocLayoutV3EncoderLayer.
struct AifiLayer {
  SelfAttentionLayer attention;
  FeedForwardLayer mlp;
};

// conv2(x) + bottlenecks(conv1(x)), each bottleneck silu(3 x 3 + 1 x 1), fused to one 3 x 3.
// Ref: PPDocLayoutV3CSPRepLayer, PPDocLayoutV3RepVggBlock; Ding 2021 (RepVGG).
struct CspRepLayer {
  ConvLayer conv1, conv2;
  std::vector<ConvLayer> bottlenecks;

  static CspRepLayer Load(Loader& loader, const WeightScope& scope, int64_t width, float eps);
  // x [pixels, 2 * width], out [pixels, width].
  void Forward(const Context& ctx, const FeatureView& x, MutMatrix out) const;
};

// Ref: PPDocLayoutV3MaskFeatFPN, PPDocLayoutV3EncoderMaskOutput.
struct MaskBranch {
  std::array<std::vector<ConvLayer>, kFeatureLevels> scale_heads;  // each conv, then doubling
  ConvLayer output_conv, lateral, base_conv;
  LinearLayer prototypes;  // 1 x 1
};

struct EncodedPage {
  std::array<FeatureMap, kFeatureLevels> levels;  // strides 8, 16, 32 [pixels, encoder_hidden_dim]
  FeatureMap mask_features;                       // stride 4 [pixels, num_prototypes]
};

class HybridEncoder {
 public:
  // `model`: the scope that holds encoder_input_proj and encoder.
  static HybridEncoder Load(Loader& loader, const WeightScope& model,
                            const PpDocLayoutConfig& config);
  // Observed: encoder_input_proj.I, encoder.aifi, encoder.fpn_blocks.I, encoder.pan_blocks.I,
  // encoder.mask_feature_head, encoder.mask_feat; each [pixels, channels].
  void Forward(const Context& ctx, const HgNet::Features& features, TensorObserver* observer,
               EncodedPage* out) const;

 private:
  void Masks(const Context& ctx, const FeatureView& stride4, TensorObserver* observer,
             EncodedPage* page) const;

  int64_t width_ = 0;
  double temperature_ = 0;
  std::array<ConvLayer, kFeatureLevels> input_proj_;
  std::vector<AifiLayer> aifi_;
  std::array<ConvLayer, kFeatureLevels - 1> lateral_convs_, downsample_convs_;
  std::array<CspRepLayer, kFeatureLevels - 1> fpn_blocks_, pan_blocks_;
  MaskBranch masks_;
};

// [height * width, n] sines and cosines of row and column: [sin h, cos h, sin w, cos w],
// frequencies temperature^(-i / (n / 4)). Ref: build_2d_sinusoidal_position_embedding.
Matrix SinePositions(int64_t height, int64_t width, int64_t n, double temperature);

}  // namespace glmocr
