// The inner loops of attention over Lanes, for one attention_<target>.cc to include (see lanes.h)
// and to name in its AttentionTarget. Ref: online softmax, Milakov & Gimelshein 2018; tiling, Dao
// et al. 2022.
#pragma once

#include <limits>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/lanes.h"
#include "kernels/cpu/lanes_math.h"

namespace glmocr::cpu::lanes {
namespace {

// How many panels of 16 a micro-kernel of `rows` rows covers at once: accumulators fill the
// registers, and few rows still have enough independent sums to hide the latency of an FMA.
#if defined(GLM_LANES_AVX512)
constexpr int kMicroRows = 12;  // 12 x 2 of 32 registers
constexpr int MicroPanels(int rows) { return rows <= 4 ? 4 : 2; }
#else
constexpr int kMicroRows = 6;  // AVX2: 6 x 2 of 16 registers; NEON: 6 x 4 of 32
constexpr int MicroPanels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
#endif
static_assert(kMicroRows <= kMaxTileRows);

template <int kRows, int kPanels>
struct Sums {
  Lanes at[kRows][kPanels];
};

// sums[r][p] += sum over i < n of a[r][i] * b[p][i], i increasing. Each Dot is one way to do so:
// a: rows kStride(depth) apart; b: panels of n x 16.
struct DotF32 {  // fp32 over fp32
  using A = float;
  using B = float;
  static constexpr bool kRound = false;
  static int64_t Stride(int64_t n) { return n; }
  template <int kRows, int kPanels>
  GLM_INLINE static void Run(const A* a, int64_t stride, const B* const* b, int64_t n,
                             Sums<kRows, kPanels>& sums) {
    for (int64_t i = 0; i < n; ++i) {
      Lanes x[kPanels];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) x[p] = Load(b[p] + i * kLanes);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const Lanes factor = Splat(a[r * stride + i]);
#pragma GCC unroll 4
        for (int p = 0; p < kPanels; ++p) sums.at[r][p] = Fma(factor, x[p], sums.at[r][p]);
      }
    }
  }
};

template <bool kRoundFactors>
struct DotWidened {  // fp32 (kRoundFactors: rounded to bf16 beforehand) over bf16 pairs
  using A = float;
  using B = bf16;
  static constexpr bool kRound = kRoundFactors;
  static int64_t Stride(int64_t n) { return n; }
  template <int kRows, int kPanels>
  GLM_INLINE static void Half(const A* a, int64_t stride, const Lanes* x,
                              Sums<kRows, kPanels>& sums) {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const Lanes factor = Splat(a[r * stride]);
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums.at[r][p] = Fma(factor, x[p], sums.at[r][p]);
    }
  }
  template <int kRows, int kPanels>
  GLM_INLINE static void Run(const A* a, int64_t stride, const B* const* b, int64_t n,
                             Sums<kRows, kPanels>& sums) {
    Lanes x[kPanels];
    int64_t i = 0;
    for (; i + 1 < n; i += 2) {
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) x[p] = FirstOfPairs(b[p] + i * kLanes);
      Half(a + i, stride, x, sums);
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) x[p] = SecondOfPairs(b[p] + i * kLanes);
      Half(a + i + 1, stride, x, sums);
    }
    if (i < n) {
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) x[p] = FirstOfPairs(b[p] + i * kLanes);
      Half(a + i, stride, x, sums);
    }
  }
};

#if defined(GLM_LANES_BF16_DOT)
struct DotBF16 {  // VDPBF16PS: bf16 pairs over bf16 pairs
  using A = uint32_t;
  using B = bf16;
  static constexpr bool kRound = true;
  static int64_t Stride(int64_t n) { return n / 2; }
  template <int kRows, int kPanels>
  GLM_INLINE static void Step(const A* a, int64_t stride, const __m512i* x,
                              Sums<kRows, kPanels>& sums) {
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const __m512bh factor =
          reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a[r * stride])));
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        sums.at[r][p].v =
            _mm512_dpbf16_ps(sums.at[r][p].v, factor, reinterpret_cast<__m512bh>(x[p]));
      }
    }
  }
  template <int kRows, int kPanels>
  GLM_INLINE static void Run(const A* a, int64_t stride, const B* const* b, int64_t n,
                             Sums<kRows, kPanels>& sums) {
    __m512i x[kPanels];
    int64_t i = 0;
    for (; i + 1 < n; i += 2) {
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) x[p] = _mm512_loadu_si512(b[p] + i * kLanes);
      Step(a + i / 2, stride, x, sums);
    }
    if (i < n) {  // the second of the last pair lies beyond the keys: it may hold anything, and 0 *
                  // inf is NaN
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        x[p] = _mm512_and_si512(_mm512_loadu_si512(b[p] + i * kLanes), _mm512_set1_epi32(0xffff));
      }
      Step(a + i / 2, stride, x, sums);
    }
  }
};
#endif

// scores[r][16 * first_block ...] of kRows rows and kPanels blocks.
template <typename Dot, int kRows, int kPanels>
GLM_INLINE void ScoreBlocks(const AttentionTile& tile, const typename Dot::A* q,
                            int64_t first_block) {
  const typename Dot::B* b[kPanels];
  for (int p = 0; p < kPanels; ++p)
    b[p] = static_cast<const typename Dot::B*>(tile.keys[first_block + p]);
  Sums<kRows, kPanels> sums;
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) sums.at[r][p] = Splat(0);
  }
  Dot::Run(q, Dot::Stride(tile.depth), b, tile.depth, sums);
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p)
      Store(tile.scores + r * kTileKeys + (first_block + p) * kLanes, sums.at[r][p]);
  }
}

// out[r] = out[r] * shrink[r] + weights[r] @ values, for kPanels panels of the values.
template <typename Dot, int kRows, int kPanels>
GLM_INLINE void AddValues(const AttentionTile& tile, float* out, const float* shrink,
                          int64_t panel) {
  const int64_t out_stride = tile.value_panels * kLanes;
  const auto* weights = reinterpret_cast<const typename Dot::A*>(tile.scores);
  Sums<kRows, kPanels> sums;
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      sums.at[r][p] = Mul(Load(out + r * out_stride + (panel + p) * kLanes), Splat(shrink[r]));
    }
  }
  for (int64_t block = 0; block * kLanes < tile.n_keys; ++block) {
    const int64_t tokens =
        tile.n_keys - block * kLanes < kLanes ? tile.n_keys - block * kLanes : kLanes;
    const typename Dot::B* b[kPanels];
    for (int p = 0; p < kPanels; ++p) {
      b[p] =
          static_cast<const typename Dot::B*>(tile.values[block]) + (panel + p) * kLanes * kLanes;
    }
    Dot::Run(weights + Dot::Stride(block * kLanes), kTileKeys, b, tokens, sums);
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p)
      Store(out + r * out_stride + (panel + p) * kLanes, sums.at[r][p]);
  }
}

// One online-softmax step of `rows` rows: scores become weights exp(score - max) (0 where not
// visible), max and sum move on, and shrink[r] tells how much smaller earlier weights have become.
// kNative leaves the weights as bf16 pairs.
template <bool kRound, bool kNative>
GLM_INLINE void SoftmaxStep(const AttentionTile& tile, int64_t first_row, int64_t rows,
                            float* shrink) {
  const Lanes lowest = Splat(-std::numeric_limits<float>::infinity());
  for (int64_t r = 0; r < rows; ++r) {
    float* s = tile.scores + r * kTileKeys;
    const int64_t visible = tile.visible[first_row + r];
    Lanes greatest = lowest;
    if (visible == kTileKeys) {
      greatest = Max(Max(Load(s), Load(s + 16)), Max(Load(s + 32), Load(s + 48)));
    } else {
      for (int64_t b = 0; b < kTileBlocks; ++b) {
        const Lanes masked = KeepFirst(Load(s + b * kLanes), visible - b * kLanes, lowest);
        Store(s + b * kLanes, masked);
        greatest = Max(greatest, masked);
      }
    }
    float& max = tile.max[first_row + r];
    const float now = Greatest(greatest);
    shrink[r] = max;
    if (now > max) max = now;
    shrink[r] -= max;
  }
  Store(shrink, Exp(Load(shrink)));
  for (int64_t r = 0; r < rows; ++r) {
    float* s = tile.scores + r * kTileKeys;
    const Lanes max = Splat(tile.max[first_row + r]);
    Lanes w[kTileBlocks];
#pragma GCC unroll 4
    for (int b = 0; b < kTileBlocks; ++b) w[b] = Exp(Sub(Load(s + b * kLanes), max));
    float* sum = tile.sum + (first_row + r) * kLanes;
    Store(sum, Fma(Load(sum), Splat(shrink[r]), Add(Add(w[0], w[1]), Add(w[2], w[3]))));
#pragma GCC unroll 4
    for (int b = 0; b < kTileBlocks; ++b) {
      if constexpr (kNative) {
#if defined(GLM_LANES_BF16_DOT)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(s) + b,
                            reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(w[b].v)));
#endif
      } else {
        Store(s + b * kLanes, kRound ? RoundBF16(w[b]) : w[b]);
      }
    }
  }
}

template <typename Dot, int kRows>
__attribute__((noinline)) void AttendRows(const AttentionTile& tile, int64_t row) {
  constexpr int kPanels = MicroPanels(kRows);
  constexpr bool kNative = sizeof(typename Dot::A) == 4 && !__is_same(typename Dot::A, float);
  const auto* q = static_cast<const typename Dot::A*>(tile.q) + row * Dot::Stride(tile.depth);
  const int64_t blocks = (tile.n_keys + kLanes - 1) / kLanes;
  int64_t block = 0;
  for (; block + kPanels <= blocks; block += kPanels)
    ScoreBlocks<Dot, kRows, kPanels>(tile, q, block);
  for (; block < blocks; ++block) ScoreBlocks<Dot, kRows, 1>(tile, q, block);
  alignas(64) float shrink[kLanes] = {};
  SoftmaxStep<Dot::kRound, kNative>(tile, row, kRows, shrink);
  float* out = tile.out + row * tile.value_panels * kLanes;
  int64_t panel = 0;
  for (; panel + kPanels <= tile.value_panels; panel += kPanels)
    AddValues<Dot, kRows, kPanels>(tile, out, shrink, panel);
  for (; panel < tile.value_panels; ++panel) AddValues<Dot, kRows, 1>(tile, out, shrink, panel);
}

template <typename Dot>
void Attend(const AttentionTile& tile) {
  for (int64_t row = 0; row < tile.rows;) {
    const int64_t left = tile.rows - row;
    if constexpr (kMicroRows >= 12) {
      if (left >= 12) {
        AttendRows<Dot, 12>(tile, row);
        row += 12;
        continue;
      }
      if (left >= 8) {
        AttendRows<Dot, 8>(tile, row);
        row += 8;
        continue;
      }
    }
    if (left >= 6) {
      AttendRows<Dot, 6>(tile, row);
      row += 6;
      continue;
    }
    if (left >= 4) {
      AttendRows<Dot, 4>(tile, row);
      row += 4;
      continue;
    }
    if (left >= 2) {
      AttendRows<Dot, 2>(tile, row);
      row += 2;
      continue;
    }
    AttendRows<Dot, 1>(tile, row);
    ++row;
  }
}

template <bool kRound>
void LoadQuery(const float* src, int64_t d, float scale, void* dst) {
  auto* out = static_cast<float*>(dst);
  for (int64_t i = 0; i < d; i += kLanes) {
    const Lanes x = Mul(LoadUpTo(src + i, d - i), Splat(scale));
    StoreUpTo(out + i, d - i, kRound ? RoundBF16(x) : x);
  }
}

void Finish(const float* out, const float* sum, int64_t d, float* dst) {
  const Lanes factor = Splat(1.0f / Sum(Load(sum)));
  // + 0 makes -0 into 0: whether masked keys added a zero to a sum that underflowed must not show.
  for (int64_t i = 0; i < d; i += kLanes)
    StoreUpTo(dst + i, d - i, Fma(Load(out + i), factor, Splat(0)));
}

#if !defined(GLM_LANES_NEON)
// dst[c][r] = src[r][c], 8 x 8.
GLM_INLINE void Transpose8(const float* src, int64_t stride, float* dst, int64_t dst_stride) {
  __m256 x[8], y[8];
  for (int i = 0; i < 8; ++i) x[i] = _mm256_loadu_ps(src + i * stride);
  for (int i = 0; i < 8; i += 2) {
    y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
    y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    x[i] = _mm256_shuffle_ps(y[i], y[i + 2], 0x44);
    x[i + 1] = _mm256_shuffle_ps(y[i], y[i + 2], 0xee);
    x[i + 2] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0x44);
    x[i + 3] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(dst + i * dst_stride, _mm256_permute2f128_ps(x[i], x[i + 4], 0x20));
    _mm256_storeu_ps(dst + (i + 4) * dst_stride, _mm256_permute2f128_ps(x[i], x[i + 4], 0x31));
  }
}
#endif

void PackKeys(const float* src, int64_t stride, int64_t n_tokens, int64_t d, float* dst) {
  int64_t i = 0;
#if !defined(GLM_LANES_NEON)
  if (n_tokens == kLanes) {
    for (; i + 8 <= d; i += 8) {
      Transpose8(src + i, stride, dst + i * kLanes, kLanes);
      Transpose8(src + 8 * stride + i, stride, dst + i * kLanes + 8, kLanes);
    }
  }
#endif
  for (; i < d; ++i) {
    for (int64_t t = 0; t < kLanes; ++t)
      dst[i * kLanes + t] = t < n_tokens ? src[t * stride + i] : 0.0f;
  }
}

void PackValues(const float* src, int64_t stride, int64_t n_tokens, int64_t d, float* dst) {
  for (int64_t i = 0; i < d; i += kLanes) {
    for (int64_t t = 0; t < kLanes; ++t, dst += kLanes) {
      Store(dst, t < n_tokens ? LoadUpTo(src + t * stride + i, d - i) : Splat(0));
    }
  }
}

void RoundBlock(const float* src, int64_t n_pairs, bf16* dst) {
  for (int64_t i = 0; i < n_pairs; ++i, src += 2 * kLanes, dst += 2 * kLanes) {
    StorePairs(dst, RoundBF16(Load(src)), RoundBF16(Load(src + kLanes)));
  }
}

}  // namespace
}  // namespace glmocr::cpu::lanes
