#include "models/blocks/conv_layer.h"

#include <cmath>

namespace glmocr {
namespace {

std::vector<float> Floats(const TensorView& tensor) {
  std::vector<float> values(tensor.data == nullptr ? 0 : static_cast<size_t>(tensor.shape.count()));
  if (!values.empty()) CopyAsFloat(tensor, 0, static_cast<int64_t>(values.size()), values.data());
  return values;
}

}  // namespace

FoldedConv FoldConvNorm(const WeightScope& scope, const ConvNormNames& names, const ConvDims& dims,
                        float eps, Groups groups) {
  const int64_t in = groups == Groups::kDepthwise ? 1 : dims.in,
                taps = dims.shape.kernel * dims.shape.kernel;
  const WeightScope norm = scope.Sub(names.norm);
  norm.Skip("num_batches_tracked", "counts training steps");
  const std::vector<float> weight = Floats(
      scope.Sub(names.conv).At("weight", {dims.out, in, dims.shape.kernel, dims.shape.kernel}));
  const std::vector<float> gamma = Floats(norm.At("weight", {dims.out})),
                           beta = Floats(norm.At("bias", {dims.out})),
                           mean = Floats(norm.At("running_mean", {dims.out})),
                           var = Floats(norm.At("running_var", {dims.out}));
  if (weight.empty() || gamma.empty() || beta.empty() || mean.empty() || var.empty()) return {};
  FoldedConv folded{std::vector<float>(weight.size()),
                    std::vector<float>(static_cast<size_t>(dims.out))};
  for (int64_t o = 0; o < dims.out; ++o) {
    const auto c = static_cast<size_t>(o);
    const double scale = double{gamma[c]} / std::sqrt(double{var[c]} + double{eps});
    folded.bias[c] = static_cast<float>(double{beta[c]} - double{mean[c]} * scale);
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t to =
            groups == Groups::kDepthwise ? t * dims.out + o : (o * taps + t) * in + i;
        folded.weight[static_cast<size_t>(to)] = static_cast<float>(
            double{weight[static_cast<size_t>((o * in + i) * taps + t)]} * scale);
      }
    }
  }
  return folded;
}

ConvLayer LoadConvNorm(Loader& loader, const WeightScope& scope, const ConvNormNames& names,
                       const ConvDims& dims, float eps, Activation activation) {
  FoldedConv folded = FoldConvNorm(scope, names, dims, eps);
  return {loader.Computed(folded.weight, std::move(folded.bias)), dims.shape, activation};
}

DepthwiseLayer LoadDepthwiseNorm(const WeightScope& scope, const ConvNormNames& names,
                                 const ConvDims& dims, float eps, Activation activation) {
  FoldedConv folded = FoldConvNorm(scope, names, dims, eps, Groups::kDepthwise);
  return {std::move(folded.weight), std::move(folded.bias), dims.shape, activation};
}

void ConvLayer::Forward(const Context& ctx, const FeatureView& x, MutMatrix y,
                        ConstMatrix residual) const {
  Conv2d(ctx, x, filters.weight, shape, y,
         {.bias = filters.bias, .activation = activation, .residual = residual});
}

void ConvLayer::Forward(const Context& ctx, const FeatureView& x, FeatureMap* y) const {
  y->Resize(shape.Out(x.height), shape.Out(x.width), out_channels());
  Forward(ctx, x, y->pixels);
}

void DepthwiseLayer::Forward(const Context& ctx, const FeatureView& x, MutMatrix y) const {
  DepthwiseConv2d(ctx, x, {weight, bias}, shape, activation, y);
}

}  // namespace glmocr
