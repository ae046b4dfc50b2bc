// Rotary position embeddings (Su 2021): the tables of angles, and their application to queries and
// keys in place.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ops/context.h"

namespace glmocr {

// cos and sin of one angle per row and frequency.
struct RopeTable {
  Matrix cos;  // [m, n_frequencies]
  Matrix sin;
};

// 2-D rotary of the vision tower: angles [h * inv_0 .., w * inv_0 ..], inv_j = 10000^(-2j /
// (head_dim/2)), head_dim / 4 frequencies per axis. `hw`: grid position of every patch. Angles in
// fp32, as the reference computes them.
RopeTable VisionRopeTable(std::span<const std::array<int32_t, 2>> hw, int64_t head_dim);

// Interleaved M-RoPE: frequency k turns by axis t for the first sections[0] frequencies, by h for
// the next sections[1], then by w; inv_k = theta^(-2k / rotary_dim), rotary_dim = 2 *
// sum(sections).
void MRopeTable(std::span<const std::array<int32_t, 3>> positions,
                std::span<const int64_t, 3> sections, float theta, RopeTable* table);

// q or k inside qkv [m, n_heads * head_dim]: RMSNorm per head (norm_weight [head_dim], may be
// empty), then the half-split rotation.
void VisionRope(const Context& ctx, MutMatrix x, std::span<const float> norm_weight, float eps,
                const RopeTable& table, int64_t head_dim);

// q or k of the text model: interleaved pairs (2i, 2i + 1).
void TextRope(const Context& ctx, MutMatrix x, const RopeTable& table, int64_t head_dim);

}  // namespace glmocr
