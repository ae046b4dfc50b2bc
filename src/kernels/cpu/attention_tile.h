// The border between attention's driver (attention.cc, baseline code: threads, memory, masks) and
// its inner loops (attention_<target>.cc): plain structs and function pointers.
//
// Both attentions are one computation: some query rows against keys and values in blocks of 16
// tokens, in the cache's layout (KvLayerView). The driver hands the target 64 keys at a time; the
// target forms the scores, takes the online-softmax step and adds the weighted values. Every row is
// computed alone, so its bits do not depend on the rows beside it.
#pragma once

#include <cstdint>

#include "tensor/dtype.h"

namespace glmocr::cpu {

inline constexpr int64_t kTileKeys = 64;   // kKeyBlock
inline constexpr int64_t kTileBlocks = 4;  // kTileKeys / kKvBlock
inline constexpr int64_t kMaxTileRows = 12;
inline constexpr int64_t kScoreFloats = kMaxTileRows * kTileKeys;

struct AttentionTile {
  const void* q;                  // [rows][depth], as AttentionPath::load_query left it
  int64_t rows;                   // any number
  int64_t depth;                  // head_dim, even
  int64_t value_panels;           // head_dim / 16, rounded up
  const void* keys[kTileBlocks];  // blocks in the cache's layout; only the first n_keys tokens are
                                  // looked at
  const void* values[kTileBlocks];
  int64_t n_keys;          // 1..64
  const int32_t* visible;  // [rows], 0..n_keys: how many of the keys the row may see
  float* max;  // [rows] running maximum; starts at -inf; the first tile must show every row a key
  float* sum;  // [rows][16] running sum of exp(score - max), in lanes; starts at 0
  float* out;  // [rows][value_panels * 16] running weighted sum of the values; starts at 0
  float* scores;  // [kScoreFloats] scratch
};

// One way of forming the products: the name of the factors' type over that of the blocks.
struct AttentionPath {
  // Multiplies d query elements by `scale`, and rounds where the path wants bf16; dst has room for
  // d floats.
  void (*load_query)(const float* src, int64_t d, float scale, void* dst);
  void (*attend)(const AttentionTile& tile);
};

struct AttentionTarget {
  AttentionPath f32_over_f32;
  AttentionPath f32_over_bf16;
  AttentionPath bf16_over_bf16;
  bool bf16_queries;  // bf16_over_bf16 reads queries as bf16; otherwise as floats that are rounded
                      // already
  // dst[0..d) = out / sum of one row.
  void (*finish)(const float* out, const float* sum, int64_t d, float* dst);
  // n_tokens (1..16) rows of d floats, `stride` apart -> one fp32 block of keys, [d][16]; tokens
  // beyond n_tokens become 0.
  void (*pack_keys)(const float* src, int64_t stride, int64_t n_tokens, int64_t d, float* dst);
  // The same -> one fp32 block of values, [d/16 rounded up][16 tokens][16].
  void (*pack_values)(const float* src, int64_t stride, int64_t n_tokens, int64_t d, float* dst);
  // [2 * n_pairs][16] floats -> [n_pairs][16][2] bf16: an fp32 block of keys or values to a bf16
  // block.
  void (*round_block)(const float* src, int64_t n_pairs, bf16* dst);
};

#if defined(__x86_64__)
extern const AttentionTarget kAvx2Attention;
extern const AttentionTarget kAvx512Attention;
extern const AttentionTarget kAvx512Bf16Attention;
#elif defined(__aarch64__)
extern const AttentionTarget kNeonAttention;
#endif

}  // namespace glmocr::cpu
