// RMSNorm and LayerNorm over rows, in fp32.
#pragma once

#include <span>

#include "ops/context.h"

namespace glmocr {

// out = x * rsqrt(mean(x^2) + eps) * weight. x, out [m, n], weight [n]; out may be x.
void RmsNorm(const Context& ctx, ConstMatrix x, std::span<const float> weight, float eps,
             MutMatrix out);

// residual += x * rsqrt(mean(x^2) + eps) * weight: the second norm of a sandwich layer. residual, x
// [m, n].
void AddRmsNorm(const Context& ctx, ConstMatrix x, std::span<const float> weight, float eps,
                MutMatrix residual);

// out = (x - mean) * rsqrt(var + eps) * weight + bias. x, out [m, n]; out may be x.
void LayerNorm(const Context& ctx, ConstMatrix x, std::span<const float> weight,
               std::span<const float> bias, float eps, MutMatrix out);

// out = gelu_erf((x - mean) * rsqrt(var + eps) * weight + bias). x, out [m, n]; out may be x.
void LayerNormGelu(const Context& ctx, ConstMatrix x, std::span<const float> weight,
                   std::span<const float> bias, float eps, MutMatrix out);

}  // namespace glmocr
