// The kernel interface: every tensor operation that a device implements, as one table of functions.
//
// What: `KernelTable` lists the operations; `kernels/reference` fills it with scalar code (the
// specification, the oracle, and a device that users can pick to debug), `kernels/cpu` with SIMD
// code, one table per instruction set, chosen at run time. Why a table: dispatch happens once,
// tests walk all tables the machine can run, models never see a device. How: models call the
// checked wrappers in ops/; only ops/ and tests call the table.
//
// Numerical contract
//   Compute::kF32   inputs are read as floats, every dot product is ONE chain of fused
//   multiply-adds in increasing input index, starting at
//                   0; bias, activation and residual follow in that order. So the result of a row
//                   does not depend on how many rows are computed together, on threads or on
//                   blocking, and all tables agree with kernels/reference bit for bit (Gemm).
//   Compute::kBF16  both factors are rounded to bf16 (nearest even) first; products are summed in
//   fp32 in chains whose order depends on
//                   the table but never on the number of rows, threads or blocking: batch = single
//                   holds bit for bit on one machine.
//   Attention processes keys in absolute blocks of kKeyBlock in increasing order with the online
//   softmax, whatever the number of queries, so chunked prefill = one prefill and verified drafts =
//   plain decoding, bit for bit on one machine. exp may differ between tables by a few ulp.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "tensor/buffer.h"
#include "tensor/packed_matrix.h"

namespace glmocr {

enum class Compute { kF32, kBF16 };
enum class Activation {
  kNone,
  kGeluErf,
  kRelu,  // max(x, 0)
  kSilu,  // x / (1 + exp(-x))
  kSwiGlu
};  // kSwiGlu needs a WeightForm::kSwiGlu matrix and vice versa

// The windows that a convolution reads, as the rows of a matrix that is never stored: row (oy, ox)
// of [out_height * out_width, kernel * kernel * channels] holds, for ky, then kx, then channel, the
// picture at (oy * stride + ky - pad, ox * stride + kx - pad), and zeros outside the picture.
struct ConvWindows {
  ConstMatrix image;  // [height * width, channels] f32, pixels row by row (NHWC)
  int64_t height = 0, width = 0;
  int64_t kernel = 1, stride = 1, pad = 0;  // square; pad is that above and on the left
  int64_t out_height = 0, out_width = 0;
  int64_t rows() const { return out_height * out_width; }
  int64_t cols() const { return kernel * kernel * image.cols; }
};

// y = residual + activation(x @ W^T + bias)
struct GemmArgs {
  ConstMatrix x;                         // [m, k] f32
  const ConvWindows* windows = nullptr;  // instead of x; Compute::kF32 only
  const PackedMatrix* w = nullptr;       // [n, k]
  const float* bias = nullptr;           // [w->n] f32 or null; kSwiGlu: gate biases then up biases
  Activation activation = Activation::kNone;
  ConstMatrix residual;  // [m, out_cols] f32, or data == null; may be y itself
  MutMatrix y;           // [m, out_cols] f32; must not overlap x
  Compute compute = Compute::kF32;
};

// out[r] = x[r] * rsqrt(mean(x[r]^2) + eps) * weight, computed in fp32 (Zhang & Sennrich 2019); out
// may be x. With `residual`: out[r] = residual[r] + that (the sandwich norms of GLM-4); residual
// may be out.
struct RmsNormArgs {
  ConstMatrix x;                  // [m, n]
  const float* weight = nullptr;  // [n]
  float eps = 1e-5f;
  ConstMatrix residual;  // [m, n] or data == null
  MutMatrix out;         // [m, n]
};

// out[r] = (x[r] - mean) * rsqrt(var + eps) * weight + bias (biased variance); out may be x.
struct LayerNormArgs {
  ConstMatrix x;
  const float* weight = nullptr;  // [n]
  const float* bias = nullptr;    // [n]
  float eps = 1e-5f;
  Activation activation =
      Activation::kNone;  // kGeluErf: gelu(x) = x/2 (1 + erf(x / sqrt 2)) after the norm
  MutMatrix out;
};

// Depthwise convolution (Ref: Howard 2017), one filter a channel, over windows as ConvWindows has
// them: y[o, c] = activation(sum over (ky, kx) of window[o][ky, kx, c] * weight[ky, kx, c] +
// bias[c]); the sum is one chain of fused multiply-adds in order of (ky, kx) that leaves out what
// lies outside the picture.
struct DepthwiseConvArgs {
  ConvWindows windows;
  const float* weight = nullptr;              // [kernel * kernel, channels]
  const float* bias = nullptr;                // [channels]
  Activation activation = Activation::kNone;  // kNone or kRelu
  MutMatrix y;  // [out_height * out_width, channels]; must not overlap the picture
};

// Vision q/k: per head RMSNorm over head_dim, then the half-split rotation, in place.
// out_i = x_i cos_i - x_{i+d/2} sin_i ; out_{i+d/2} = x_{i+d/2} cos_i + x_i sin_i, i < d/2.
struct VisionRopeArgs {
  MutMatrix x;                         // [m, n_heads * head_dim], rows strided (q or k inside qkv)
  int64_t head_dim = 0;                // even
  const float* norm_weight = nullptr;  // [head_dim], or null: no norm
  float eps = 1e-5f;
  ConstMatrix cos;  // [m, head_dim / 2]
  ConstMatrix sin;  // [m, head_dim / 2]
};

// Text q/k: interleaved rotation of the first rotary_dim elements of each head, in place: pairs
// (2i, 2i+1), out_2i = x_2i cos_i - x_2i+1 sin_i ; out_2i+1 = x_2i+1 cos_i + x_2i sin_i.
struct TextRopeArgs {
  MutMatrix x;  // [m, n_heads * head_dim]
  int64_t head_dim = 0;
  ConstMatrix cos;  // [m, rotary_dim / 2]
  ConstMatrix sin;  // [m, rotary_dim / 2]
};

// Bidirectional attention inside segments: softmax(q k^T * scale) v, no mask (Vaswani 2017; online
// softmax, Milakov 2018; flash, Dao 2022).
struct SegmentAttentionArgs {
  ConstMatrix q, k, v;  // [m, n_heads * head_dim], rows may be strided (views into qkv)
  int64_t n_heads = 0;
  int64_t head_dim = 0;
  float scale = 1;
  std::span<const int64_t>
      segment_ends;  // ascending, last == m; segment s covers rows [ends[s-1], ends[s])
  MutMatrix out;     // [m, n_heads * head_dim]; must not overlap q, k, v
  Compute compute = Compute::kF32;
};

inline constexpr int64_t kKvBlock = 16;   // tokens of one cache block: one panel of keys
inline constexpr int64_t kKeyBlock = 64;  // keys of one online-softmax step

// The key/value cache of one layer. Block b holds 16 consecutive tokens of one sequence; per kv
// head
//   keys    k[b][head]: head_dim x 16 tokens  -> kF32: [head_dim][16] float;      kBF16:
//   [head_dim/2][16][2] values  v[b][head]: 16 tokens x head_dim  -> kF32: [head_dim/16][16][16]
//   (panel, token, lane); kBF16: [head_dim/16][8][16][2] (panel, token/2, lane, token%2)
// i.e. both are panels in the layout of PackedMatrix: keys with k = head_dim, values with k =
// tokens. Memory starts zeroed, so that unwritten slots are finite; head_dim is a multiple of 16.
struct KvLayerView {
  std::byte* data = nullptr;  // [n_blocks][2 (k, v)][n_kv_heads][head_dim * 16] elements of dtype
  DType dtype = DType::kF32;  // kF32 or kBF16
  int64_t n_blocks = 0;
  int64_t n_kv_heads = 0;
  int64_t head_dim = 0;

  size_t head_bytes() const { return static_cast<size_t>(head_dim * kKvBlock) * DTypeBytes(dtype); }
  size_t block_bytes() const { return 2 * static_cast<size_t>(n_kv_heads) * head_bytes(); }
  std::byte* keys(int64_t block, int64_t head) const {
    return data + static_cast<size_t>(block) * block_bytes() +
           static_cast<size_t>(head) * head_bytes();
  }
  std::byte* values(int64_t block, int64_t head) const {
    return keys(block, head) + static_cast<size_t>(n_kv_heads) * head_bytes();
  }
};

// Consecutive rows of a batch that belong to one sequence: rows [row_begin, row_begin + n_rows) are
// its tokens start .. start + n_rows - 1 (sequence indices, never rope positions); token i lives in
// block block_table[i / 16], slot i % 16.
struct SequenceRows {
  int64_t row_begin = 0;
  int64_t n_rows = 0;
  int64_t start = 0;
  std::span<const int32_t> block_table;
};

struct KvWriteArgs {
  ConstMatrix k, v;  // [m, n_kv_heads * head_dim], k already rotated
  std::span<const SequenceRows> sequences;
  KvLayerView cache;
};

// Causal grouped-query attention over the paged cache, which already holds the batch's own keys and
// values: the query of token i sees tokens 0..i. Query head h reads kv head h / (n_heads /
// n_kv_heads).
struct PagedAttentionArgs {
  ConstMatrix q;  // [m, n_heads * head_dim]
  int64_t n_heads = 0;
  float scale = 1;
  std::span<const SequenceRows> sequences;
  KvLayerView cache;
  MutMatrix out;  // [m, n_heads * head_dim]
  Compute compute = Compute::kF32;
};

// What a sampler needs of one row of logits without touching it twice.
struct RowStats {
  int32_t argmax = 0;  // lowest index among equals; NaN never wins
  float max = 0;
  float log_sum_exp = 0;  // log(sum(exp(x)))
};

struct KernelTable {
  const char* name;  // "reference", "avx2", "avx512", "avx512_bf16", "amx_bf16", "neon"
  bool native_bf16;  // Compute::kBF16 is faster than kF32 here
  void (*gemm)(const GemmArgs&, ThreadPool&);
  void (*rms_norm)(const RmsNormArgs&, ThreadPool&);
  void (*layer_norm)(const LayerNormArgs&, ThreadPool&);
  void (*depthwise_conv)(const DepthwiseConvArgs&, ThreadPool&);
  void (*vision_rope)(const VisionRopeArgs&, ThreadPool&);
  void (*text_rope)(const TextRopeArgs&, ThreadPool&);
  void (*segment_attention)(const SegmentAttentionArgs&, ThreadPool&);
  void (*kv_write)(const KvWriteArgs&, ThreadPool&);
  void (*paged_attention)(const PagedAttentionArgs&, ThreadPool&);
  void (*row_stats)(ConstMatrix logits, std::span<RowStats> out, ThreadPool&);
};

const KernelTable& ReferenceKernels();

}  // namespace glmocr
