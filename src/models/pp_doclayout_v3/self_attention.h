// Multi-head self-attention of encoder and decoder: positions are added to queries and keys, not to
// values; residual and LayerNorm follow (post-norm).
// Ref: transformers models/pp_doclayout_v3/modeling_pp_doclayout_v3.py, PPDocLayoutV3SelfAttention,
// PPDocLayoutV3MLP.
#pragma once

#include "models/blocks/loader.h"
#include "ops/linear.h"

namespace glmocr {

struct LayerNormWeights {
  std::vector<float> weight, bias;  // [n]
  float eps = 1e-5f;
};
LayerNormWeights LoadNorm(Loader& loader, const WeightScope& scope, int64_t n, float eps);

// y = layers.last(relu(... relu(layers.0(x)))). Ref: PPDocLayoutV3MLPPredictionHead.
struct MlpHead {
  std::vector<LinearLayer> layers;
  // widths: inputs, then the outputs of each layer.
  static MlpHead Load(Loader& loader, const WeightScope& scope, std::span<const int64_t> widths);
  Matrix Forward(const Context& ctx, ConstMatrix x) const;
};

// norm(x + out(attention(q, k of x + pos; v of x)))
struct SelfAttentionLayer {
  LinearLayer qk;   // [2 * n, n]: rows of q, then of k
  LinearLayer v;    // [n, n]
  LinearLayer out;  // [n, n]
  LayerNormWeights norm;
  int64_t n_heads = 0;

  struct Dims {
    int64_t width = 0, n_heads = 0;
    float eps = 0;
  };
  // `scope`.self_attn and `scope`.self_attn_layer_norm.
  static SelfAttentionLayer Load(Loader& loader, const WeightScope& scope, const Dims& dims);
  // x, positions [m, n]; x is replaced.
  void Forward(const Context& ctx, ConstMatrix positions, MutMatrix x) const;
};

// norm(x + fc2(activation(fc1(x))))
struct FeedForwardLayer {
  LinearLayer fc1, fc2;  // [width, n], [n, width]
  LayerNormWeights norm;
  Activation activation = Activation::kRelu;

  struct Dims {
    int64_t n = 0, width = 0;
    float eps = 0;
  };
  // `scope`.fc1, fc2, final_layer_norm.
  static FeedForwardLayer Load(Loader& loader, const WeightScope& scope, const Dims& dims,
                               Activation activation);
  void Forward(const Context& ctx, MutMatrix x) const;
};

// out = a + b, all [m, n]; out may be a or b.
void AddRows(const Context& ctx, ConstMatrix a, ConstMatrix b, MutMatrix out);

}  // namespace glmocr
