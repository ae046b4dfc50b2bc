// Attention in its two forms: bidirectional inside segments (vision), causal over the paged cache
// (text).
#pragma once

#include <span>

#include "ops/context.h"

namespace glmocr {

// out = softmax(q k^T / sqrt(head_dim)) v inside each segment (one picture, or one temporal patch
// of a video). qkv [m, 3 * n_heads * head_dim]: q, k, v side by side; out [m, n_heads * head_dim];
// segment_ends ascending, last == m.
void SegmentAttention(const Context& ctx, ConstMatrix qkv, int64_t n_heads,
                      std::span<const int64_t> segment_ends, MutMatrix out);

// Writes the rows' keys and values into the cache, then attends: the query of a sequence's token i
// sees its tokens 0..i. q [m, n_heads * head_dim] and k already rotated, k, v [m, n_kv_heads *
// head_dim], out like q.
struct CausalAttentionInputs {
  ConstMatrix q, k, v;
};
void CausalAttention(const Context& ctx, const CausalAttentionInputs& in,
                     std::span<const SequenceRows> sequences, const KvLayerView& cache,
                     MutMatrix out);

}  // namespace glmocr
