#include "ops/norm.h"

namespace glmocr {
namespace {

void CheckShapes(ConstMatrix x, std::span<const float> weight, MutMatrix out) {
  GLM_CHECK(x.rows == out.rows && x.cols == out.cols &&
            static_cast<int64_t>(weight.size()) == x.cols);
}

}  // namespace

void RmsNorm(const Context& ctx, ConstMatrix x, std::span<const float> weight, float eps,
             MutMatrix out) {
  CheckShapes(x, weight, out);
  ctx.kernels->rms_norm({.x = x, .weight = weight.data(), .eps = eps, .out = out}, *ctx.pool);
}

void AddRmsNorm(const Context& ctx, ConstMatrix x, std::span<const float> weight, float eps,
                MutMatrix residual) {
  CheckShapes(x, weight, residual);
  ctx.kernels->rms_norm(
      {.x = x, .weight = weight.data(), .eps = eps, .residual = residual, .out = residual},
      *ctx.pool);
}

void LayerNorm(const Context& ctx, ConstMatrix x, std::span<const float> weight,
               std::span<const float> bias, float eps, MutMatrix out) {
  CheckShapes(x, weight, out);
  GLM_CHECK(bias.size() == weight.size());
  ctx.kernels->layer_norm(
      {.x = x, .weight = weight.data(), .bias = bias.data(), .eps = eps, .out = out}, *ctx.pool);
}

void LayerNormGelu(const Context& ctx, ConstMatrix x, std::span<const float> weight,
                   std::span<const float> bias, float eps, MutMatrix out) {
  CheckShapes(x, weight, out);
  GLM_CHECK(bias.size() == weight.size());
  ctx.kernels->layer_norm({.x = x,
                           .weight = weight.data(),
                           .bias = bias.data(),
                           .eps = eps,
                           .activation = Activation::kGeluErf,
                           .out = out},
                          *ctx.pool);
}

}  // namespace glmocr
