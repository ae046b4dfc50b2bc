// Attention as its formula says: all scores of a query, one softmax over them, the weighted mean of
// the values.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "kernels/reference/reference.h"

namespace glmocr::reference {
namespace {

float Round(float x, Compute compute) {
  return compute == Compute::kBF16 ? BF16ToF32(F32ToBF16(x)) : x;
}

// out[0..d) = sum_t softmax_t(<q * scale, key(t)>) * value(t) over t < n_keys; key(t, i) and
// value(t, i) are callables. kBF16 rounds q * scale, keys, values and the numerators exp(s - max);
// their sum, the denominator, stays fp32.
template <typename Key, typename Value>
void Attend(const float* q, int64_t d, float scale, int64_t n_keys, const Key& key,
            const Value& value, Compute compute, float* out) {
  std::vector<float> weights(static_cast<size_t>(n_keys));
  float max = -std::numeric_limits<float>::infinity();
  for (int64_t t = 0; t < n_keys; ++t) {
    float s = 0;
    for (int64_t i = 0; i < d; ++i)
      s = std::fma(Round(q[i] * scale, compute), Round(key(t, i), compute), s);
    weights[static_cast<size_t>(t)] = s;
    max = std::max(max, s);
  }
  float sum = 0;
  for (float& w : weights) {
    w = std::exp(w - max);
    sum += w;
    w = Round(w, compute);
  }
  for (int64_t i = 0; i < d; ++i) {
    float mean = 0;
    for (int64_t t = 0; t < n_keys; ++t)
      mean = std::fma(weights[static_cast<size_t>(t)], Round(value(t, i), compute), mean);
    out[i] = mean / sum;
  }
}

// Index of element (i of head_dim, slot) inside one key block, and of (slot, i) inside one value
// block; see KvLayerView.
int64_t KeyIndex(DType dtype, int64_t i, int64_t slot) {
  return dtype == DType::kF32 ? i * kKvBlock + slot : (i / 2 * kKvBlock + slot) * 2 + i % 2;
}
int64_t ValueIndex(DType dtype, int64_t slot, int64_t i) {
  const int64_t panel = i / kPanel * kKvBlock * kPanel, lane = i % kPanel;
  return panel +
         (dtype == DType::kF32 ? slot * kPanel + lane : (slot / 2 * kPanel + lane) * 2 + slot % 2);
}
float Load(const std::byte* data, DType dtype, int64_t index) {
  return dtype == DType::kF32 ? reinterpret_cast<const float*>(data)[index]
                              : BF16ToF32(reinterpret_cast<const bf16*>(data)[index]);
}
void Store(std::byte* data, DType dtype, int64_t index, float x) {
  if (dtype == DType::kF32)
    reinterpret_cast<float*>(data)[index] = x;
  else
    reinterpret_cast<bf16*>(data)[index] = F32ToBF16(x);
}

void CheckCache(const KvLayerView& cache) {
  GLM_CHECK(cache.dtype == DType::kF32 || cache.dtype == DType::kBF16);
  GLM_CHECK(cache.head_dim > 0 && cache.head_dim % kPanel == 0);
}
int64_t BlockOf(const SequenceRows& sequence, int64_t token, const KvLayerView& cache) {
  const int64_t index = token / kKvBlock;
  GLM_CHECK(index < static_cast<int64_t>(sequence.block_table.size()));
  const int64_t block = sequence.block_table[static_cast<size_t>(index)];
  GLM_CHECK(block >= 0 && block < cache.n_blocks);
  return block;
}

}  // namespace

void SegmentAttention(const SegmentAttentionArgs& args, ThreadPool& pool) {
  const int64_t d = args.head_dim;
  GLM_CHECK(args.q.cols == args.n_heads * d && args.k.cols == args.q.cols &&
            args.v.cols == args.q.cols);
  GLM_CHECK(args.out.rows == args.q.rows && args.out.cols == args.q.cols);
  GLM_CHECK((args.segment_ends.empty() ? 0 : args.segment_ends.back()) == args.q.rows);
  int64_t begin = 0;
  for (const int64_t end : args.segment_ends) {
    GLM_CHECK(end >= begin);
    pool.For((end - begin) * args.n_heads, 1, [&](int64_t item, int64_t item_end, int) {
      for (; item < item_end; ++item) {
        const int64_t row = begin + item / args.n_heads, column = item % args.n_heads * d;
        const auto key = [&](int64_t t, int64_t i) { return args.k.row(begin + t)[column + i]; };
        const auto value = [&](int64_t t, int64_t i) { return args.v.row(begin + t)[column + i]; };
        Attend(args.q.row(row) + column, d, args.scale, end - begin, key, value, args.compute,
               args.out.row(row) + column);
      }
    });
    begin = end;
  }
}

void KvWrite(const KvWriteArgs& args, ThreadPool&) {
  const KvLayerView& cache = args.cache;
  CheckCache(cache);
  GLM_CHECK(args.k.cols == cache.n_kv_heads * cache.head_dim && args.v.cols == args.k.cols);
  for (const SequenceRows& sequence : args.sequences) {
    for (int64_t r = 0; r < sequence.n_rows; ++r) {
      const int64_t token = sequence.start + r, slot = token % kKvBlock,
                    row = sequence.row_begin + r;
      const int64_t block = BlockOf(sequence, token, cache);
      for (int64_t h = 0; h < cache.n_kv_heads; ++h) {
        for (int64_t i = 0; i < cache.head_dim; ++i) {
          const int64_t column = h * cache.head_dim + i;
          Store(cache.keys(block, h), cache.dtype, KeyIndex(cache.dtype, i, slot),
                args.k.row(row)[column]);
          Store(cache.values(block, h), cache.dtype, ValueIndex(cache.dtype, slot, i),
                args.v.row(row)[column]);
        }
      }
    }
  }
}

void PagedAttention(const PagedAttentionArgs& args, ThreadPool& pool) {
  const KvLayerView& cache = args.cache;
  const int64_t d = cache.head_dim;
  CheckCache(cache);
  GLM_CHECK(args.n_heads % cache.n_kv_heads == 0 && args.q.cols == args.n_heads * d &&
            args.out.cols == args.q.cols);
  const int64_t group = args.n_heads / cache.n_kv_heads;
  for (const SequenceRows& sequence : args.sequences) {
    pool.For(sequence.n_rows * args.n_heads, 1, [&](int64_t item, int64_t item_end, int) {
      for (; item < item_end; ++item) {
        const int64_t r = item / args.n_heads, h = item % args.n_heads;
        const int64_t row = sequence.row_begin + r, kv_head = h / group;
        const auto key = [&](int64_t t, int64_t i) {
          return Load(cache.keys(BlockOf(sequence, t, cache), kv_head), cache.dtype,
                      KeyIndex(cache.dtype, i, t % kKvBlock));
        };
        const auto value = [&](int64_t t, int64_t i) {
          return Load(cache.values(BlockOf(sequence, t, cache), kv_head), cache.dtype,
                      ValueIndex(cache.dtype, t % kKvBlock, i));
        };
        Attend(args.q.row(row) + h * d, d, args.scale, sequence.start + r + 1, key, value,
               args.compute, args.out.row(row) + h * d);
      }
    });
  }
}

}  // namespace glmocr::reference
