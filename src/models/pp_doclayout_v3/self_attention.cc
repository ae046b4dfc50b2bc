#include "models/pp_doclayout_v3/self_attention.h"

#include <array>

#include "ops/attention.h"
#include "ops/norm.h"

namespace glmocr {

LayerNormWeights LoadNorm(Loader& loader, const WeightScope& scope, int64_t n, float eps) {
  return {loader.Vector(scope, "weight", n), loader.Vector(scope, "bias", n), eps};
}

MlpHead MlpHead::Load(Loader& loader, const WeightScope& scope, std::span<const int64_t> widths) {
  MlpHead head;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    head.layers.push_back(loader.Linear(scope.Sub("layers").Sub(static_cast<int64_t>(i)),
                                        {widths[i + 1], widths[i]}, Bias::kYes));
  }
  return head;
}

Matrix MlpHead::Forward(const Context& ctx, ConstMatrix x) const {
  Matrix in, out;
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    out.Resize(x.rows, layers[i].weight.n);
    Linear(ctx, i == 0 ? x : ConstMatrix(in), layers[i].weight, out,
           {.bias = layers[i].bias, .activation = last ? Activation::kNone : Activation::kRelu});
    if (!last) std::swap(in, out);
  }
  return out;
}

SelfAttentionLayer SelfAttentionLayer::Load(Loader& loader, const WeightScope& scope,
                                            const Dims& dims) {
  const int64_t n = dims.width;
  const WeightScope attention = scope.Sub("self_attn");
  SelfAttentionLayer layer;
  const std::array<TensorView, 2> parts = {attention.Sub("q_proj").At("weight", {n, n}),
                                           attention.Sub("k_proj").At("weight", {n, n})};
  layer.qk = loader.Stacked(parts);
  layer.qk.bias = loader.Vector(attention.Sub("q_proj"), "bias", n);
  const std::vector<float> k_bias = loader.Vector(attention.Sub("k_proj"), "bias", n);
  layer.qk.bias.insert(layer.qk.bias.end(), k_bias.begin(), k_bias.end());
  layer.v = loader.Linear(attention.Sub("v_proj"), {n, n}, Bias::kYes);
  layer.out = loader.Linear(attention.Sub("out_proj"), {n, n}, Bias::kYes);
  layer.norm = LoadNorm(loader, scope.Sub("self_attn_layer_norm"), n, dims.eps);
  layer.n_heads = dims.n_heads;
  return layer;
}

void SelfAttentionLayer::Forward(const Context& ctx, ConstMatrix positions, MutMatrix x) const {
  const int64_t n = x.cols;
  Matrix placed(x.rows, n), qkv(x.rows, 3 * n);
  AddRows(ctx, x, positions, placed);
  Linear(ctx, placed, qk.weight, qkv.view().Cols(0, 2 * n), {.bias = qk.bias});
  Linear(ctx, x, v.weight, qkv.view().Cols(2 * n, n), {.bias = v.bias});
  const int64_t end = x.rows;
  SegmentAttention(ctx, qkv, n_heads, {&end, 1}, placed);
  Linear(ctx, placed, out.weight, x, {.bias = out.bias, .residual = x});
  LayerNorm(ctx, x, norm.weight, norm.bias, norm.eps, x);
}

FeedForwardLayer FeedForwardLayer::Load(Loader& loader, const WeightScope& scope, const Dims& dims,
                                        Activation activation) {
  return {loader.Linear(scope.Sub("fc1"), {dims.width, dims.n}, Bias::kYes),
          loader.Linear(scope.Sub("fc2"), {dims.n, dims.width}, Bias::kYes),
          LoadNorm(loader, scope.Sub("final_layer_norm"), dims.n, dims.eps), activation};
}

void FeedForwardLayer::Forward(const Context& ctx, MutMatrix x) const {
  Matrix wide(x.rows, fc1.weight.n);
  Linear(ctx, x, fc1.weight, wide, {.bias = fc1.bias, .activation = activation});
  Linear(ctx, wide, fc2.weight, x, {.bias = fc2.bias, .residual = x});
  LayerNorm(ctx, x, norm.weight, norm.bias, norm.eps, x);
}

void AddRows(const Context& ctx, ConstMatrix a, ConstMatrix b, MutMatrix out) {
  GLM_CHECK(a.rows == out.rows && a.cols == out.cols && b.rows == out.rows && b.cols == out.cols);
  ctx.pool->For(out.rows, 256, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < out.cols; ++c) out.row(r)[c] = a.row(r)[c] + b.row(r)[c];
    }
  });
}

}  // namespace glmocr
