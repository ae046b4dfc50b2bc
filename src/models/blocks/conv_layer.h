// Convolutions with their batch normalisation folded in: at inference BN is an affine map of each
// channel, so conv + BN is one convolution (Ioffe & Szegedy 2015).
//
//   scale = gamma / sqrt(running_var + eps);  W' = scale W;  b' = beta - running_mean scale
// Folding is computed in double and rounded to fp32 once.
#pragma once

#include <string_view>
#include <vector>

#include "models/blocks/loader.h"
#include "ops/conv.h"

namespace glmocr {

struct ConvDims {
  int64_t in = 0, out = 0;
  ConvShape shape;
};

// The k x k convolution that keeps the size at stride 1 and halves it at stride 2.
inline ConvShape SameConv(int64_t kernel, int64_t stride = 1) {
  return {.kernel = kernel, .stride = stride, .pad = (kernel - 1) / 2, .pad_end = (kernel - 1) / 2};
}

// How a checkpoint calls a convolution and the normalisation behind it.
struct ConvNormNames {
  std::string_view conv, norm;
};

// A folded filter bank that is not packed yet, so that parallel branches can be added.
struct FoldedConv {
  std::vector<float> weight;  // [out, kernel, kernel, in]; empty when a tensor is missing
  std::vector<float> bias;    // [out]
};
// Declares `scope`.conv.weight [out, in, k, k] and `scope`.norm.{weight, bias, running_mean,
// running_var} [out]. `groups` = in makes it depthwise: conv.weight [out, 1, k, k], folded to
// [k, k, out].
enum class Groups { kOne, kDepthwise };
FoldedConv FoldConvNorm(const WeightScope& scope, const ConvNormNames& names, const ConvDims& dims,
                        float eps, Groups groups = Groups::kOne);

struct ConvLayer {
  LinearLayer filters;  // [out, kernel * kernel * in], inputs ordered (ky, kx, channel)
  ConvShape shape;
  Activation activation = Activation::kNone;

  int64_t out_channels() const { return filters.weight.n; }
  // y = residual + activation(conv(x) + bias); y [out pixels, out].
  void Forward(const Context& ctx, const FeatureView& x, MutMatrix y,
               ConstMatrix residual = {}) const;
  // The same into a map that is resized for it.
  void Forward(const Context& ctx, const FeatureView& x, FeatureMap* y) const;
};
ConvLayer LoadConvNorm(Loader& loader, const WeightScope& scope, const ConvNormNames& names,
                       const ConvDims& dims, float eps, Activation activation);

struct DepthwiseLayer {
  std::vector<float> weight, bias;  // [kernel, kernel, channels], [channels]
  ConvShape shape;
  Activation activation = Activation::kNone;

  void Forward(const Context& ctx, const FeatureView& x, MutMatrix y) const;
};
DepthwiseLayer LoadDepthwiseNorm(const WeightScope& scope, const ConvNormNames& names,
                                 const ConvDims& dims, float eps, Activation activation);

}  // namespace glmocr
