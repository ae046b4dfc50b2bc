#include "ops/attention.h"

#include <cmath>

namespace glmocr {

void SegmentAttention(const Context& ctx, ConstMatrix qkv, int64_t n_heads,
                      std::span<const int64_t> segment_ends, MutMatrix out) {
  const int64_t width = out.cols;
  GLM_CHECK(qkv.cols == 3 * width && qkv.rows == out.rows && width % n_heads == 0);
  GLM_CHECK(!segment_ends.empty() && segment_ends.back() == qkv.rows);
  const int64_t head_dim = width / n_heads;
  ctx.kernels->segment_attention({.q = qkv.Cols(0, width),
                                  .k = qkv.Cols(width, width),
                                  .v = qkv.Cols(2 * width, width),
                                  .n_heads = n_heads,
                                  .head_dim = head_dim,
                                  .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                                  .segment_ends = segment_ends,
                                  .out = out,
                                  .compute = ctx.compute},
                                 *ctx.pool);
}

void CausalAttention(const Context& ctx, const CausalAttentionInputs& in,
                     std::span<const SequenceRows> sequences, const KvLayerView& cache,
                     MutMatrix out) {
  GLM_CHECK(in.q.rows == in.k.rows && in.q.rows == in.v.rows && in.q.rows == out.rows &&
            in.q.cols == out.cols);
  GLM_CHECK(in.k.cols == cache.n_kv_heads * cache.head_dim && in.v.cols == in.k.cols);
  GLM_CHECK(in.q.cols % in.k.cols == 0);
  for (const SequenceRows& s : sequences) {
    GLM_CHECK(s.row_begin >= 0 && s.row_begin + s.n_rows <= in.q.rows && s.start >= 0);
    GLM_CHECK(static_cast<int64_t>(s.block_table.size()) * kKvBlock >= s.start + s.n_rows);
    for (const int32_t block : s.block_table) GLM_CHECK(block >= 0 && block < cache.n_blocks);
  }
  ctx.kernels->kv_write({.k = in.k, .v = in.v, .sequences = sequences, .cache = cache}, *ctx.pool);
  ctx.kernels->paged_attention({.q = in.q,
                                .n_heads = in.q.cols / cache.head_dim,
                                .scale = 1.0f / std::sqrt(static_cast<float>(cache.head_dim)),
                                .sequences = sequences,
                                .cache = cache,
                                .out = out,
                                .compute = ctx.compute},
                               *ctx.pool);
}

}  // namespace glmocr
