// Multi-scale deformable attention (Zhu 2021, "Deformable DETR"): every query reads a few points of
// each feature level instead of all tokens.
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"

namespace glmocr {

// One level of the flattened feature pyramid: its pixels are rows first .. first + height * width
// - 1.
struct FeatureLevel {
  int64_t first = 0, height = 0, width = 0;
};

struct DeformableAttentionInputs {
  ConstMatrix value;  // [n_tokens, n_heads * head_dim]
  ConstMatrix
      locations;        // [n_queries, n_heads * n_levels * n_points * 2]: x, y; 0..1 across a level
  ConstMatrix weights;  // [n_queries, n_heads * n_levels * n_points], already a softmax
  int64_t n_heads = 0, n_points = 0;
};

// out[q, head] = sum over levels and points of weight * value at the location, interpolated between
// pixel centres, zero outside the level (grid_sample: bilinear, zeros, align_corners false).
// out [n_queries, n_heads * head_dim], not overlapping value. Locations may be any finite number.
void DeformableAttention(const Context& ctx, const DeformableAttentionInputs& in,
                         std::span<const FeatureLevel> levels, MutMatrix out);

}  // namespace glmocr
