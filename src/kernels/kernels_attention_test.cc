// Attention: worked examples against the reference, then every table against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/kernels.h"

namespace glmocr {
namespace {

TEST(AttentionReference, SegmentsByHand) {
  ThreadPool pool(1);
  // One head of 2; segments {row 0}, {rows 1, 2}. Row 0 returns its own value. In the second segment scores differ by
  // ln 3, so that the weights are 1/4 and 3/4.
  std::vector<float> q = {5, 5, 1, 0, 0, 1}, k = {9, 9, 0, std::log(3.0f), std::log(3.0f), 0}, v = {7, 8, 4, 0, 8, 4}, out(6);
  const std::vector<int64_t> ends = {1, 3};
  ReferenceKernels().segment_attention({.q = {q.data(), 3, 2}, .k = {k.data(), 3, 2}, .v = {v.data(), 3, 2}, .n_heads = 1,
                                        .head_dim = 2, .scale = 1, .segment_ends = ends, .out = {out.data(), 3, 2}}, pool);
  const std::vector<float> expected = {7, 8, 7, 3, 5, 1};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(out[i], expected[i], 1e-5f) << i;
}

TEST(AttentionReference, PagedIsCausalAndGrouped) {
  ThreadPool pool(1);
  constexpr int64_t kD = 16;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    // Two tokens, one kv head, two query heads. Keys are unit vectors e0, e1; queries choose: head 0 of token 1 scores (ln 3, 0).
    std::vector<float> k(2 * kD), v(2 * kD), q(2 * 2 * kD), out(q.size(), -1);
    k[0] = 1;
    k[kD + 1] = 1;
    for (size_t i = 0; i < kD; ++i) {
      v[i] = 4;
      v[kD + i] = static_cast<float>(i);
    }
    q[2 * kD] = std::log(3.0f) / 0.5f;
    std::vector<std::byte> memory(3 * 2 * kD * kKvBlock * DTypeBytes(dtype));
    const KvLayerView cache = {memory.data(), dtype, 3, 1, kD};
    const std::vector<int32_t> table = {2};
    const std::vector<SequenceRows> sequences = {{.row_begin = 0, .n_rows = 2, .start = 0, .block_table = table}};
    ReferenceKernels().kv_write({.k = {k.data(), 2, kD}, .v = {v.data(), 2, kD}, .sequences = sequences, .cache = cache}, pool);
    ReferenceKernels().paged_attention({.q = {q.data(), 2, 2 * kD}, .n_heads = 2, .scale = 0.5f, .sequences = sequences,
                                        .cache = cache, .out = {out.data(), 2, 2 * kD}}, pool);
    for (size_t i = 0; i < kD; ++i) {
      const float x = static_cast<float>(i);
      EXPECT_NEAR(out[i], 4.0f, 1e-6f);                               // token 0 sees itself only
      EXPECT_NEAR(out[2 * kD + i], 0.75f * 4 + 0.25f * x, 1e-5f);     // token 1, head 0
      EXPECT_NEAR(out[3 * kD + i], 0.5f * 4 + 0.5f * x, 1e-5f);       // token 1, head 1: equal scores
    }
  }
}

}  // namespace
}  // namespace glmocr
