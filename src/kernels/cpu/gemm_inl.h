// The inner loops of the matrix product over the vector wrapper; include simd_<target>.h and
// simd_math_inl.h first. A target's file instantiates MakePath for each way of forming products and
// its own tile height.
//
// Register tile: kRows x kPanels panels of sums stay in registers for a whole range of k; one step
// broadcasts kRows words of the packed x against kPanels x 16 weights. Each lane is one FMA chain
// in increasing k.
#pragma once

#include "kernels/cpu/gemm_path.h"
#include "tensor/words4_inl.h"

#if defined(__clang__)
#define GLM_UNROLL _Pragma("unroll")
#else
#define GLM_UNROLL _Pragma("GCC unroll 24")
#endif

namespace glmocr::cpu {
namespace {

constexpr int kRegs = kColumns / kLanes;  // registers of one panel row

// Words between neighbouring k of a packed micro-panel: rows are packed in fours.
constexpr int PackedStride(int rows) { return rows == 1 ? 1 : (rows + 3) / 4 * 4; }

// ---- Ways to multiply. One step reads 64 bytes of a panel: kWords words of each row of x, each
// holding kInputs inputs.

struct OverF32 {  // float weights
  static constexpr int kWords = 1, kInputs = 1;
  GLM_SIMD F Weight(const char* b, int) { return Load(reinterpret_cast<const float*>(b)); }
  GLM_SIMD void MulAdd(uint32_t x, F w, F& sum) { FmaInto(sum, SetBits(x), w); }
};
struct OverRoundedF32 : OverF32 {  // float weights, rounded to bf16 as they are read
  GLM_SIMD F Weight(const char* b, int) { return (F)RoundBits(LoadBits(b)); }
};
struct OverPairs : OverF32 {  // bf16 pairs widened to the floats of k and k + 1
  static constexpr int kWords = 2;
  GLM_SIMD F Weight(const char* b, int word) {
    const U pair = LoadBits(b);
    return (F)(word == 0 ? pair << 16 : pair & 0xffff0000u);
  }
};

template <class P, int kWord, int kRows, int kPanels>
GLM_SIMD void Step(const uint32_t* a, const char* b, int64_t b_panel_bytes,
                   F (&sum)[kRows][kPanels * kRegs]) {
  F w[kPanels * kRegs];
  GLM_UNROLL
  for (int p = 0; p < kPanels; ++p) {
    GLM_UNROLL
    for (int j = 0; j < kRegs; ++j)
      w[p * kRegs + j] = P::Weight(b + p * b_panel_bytes + j * kLanes * 4, kWord);
  }
  GLM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const uint32_t x = a[kWord * PackedStride(kRows) + r];
    GLM_UNROLL
    for (int j = 0; j < kPanels * kRegs; ++j) P::MulAdd(x, w[j], sum[r][j]);
  }
}

// How far ahead of its reading a tile asks for each panel's weights, in bytes; 0: not at all. Few
// rows read weights straight from memory, and processors do not prefetch across the end of a 4 KiB
// page, so every page would start with a full wait. Measured on Zen 4 (memory 50 to 57 GB/s): 8
// rows over 2 panels 32 -> 38 to 42 GB/s with 4096 and +0 to 3 % with up to 2048; one row over 4
// panels 52 -> 55 with 1024 and less than without with 4096, whose lines it displaces before they
// are read. Taller tiles read panels that lie in a cache.
constexpr int64_t PrefetchBytes(int rows, int panels) {
  return rows > 8 ? 0 : panels > 2 ? 1024 : 4096;
}

template <class P, int kMaxRows, int kRows, int kPanels>
static void Tile(const TileArgs& t) {
  constexpr int64_t kAhead = PrefetchBytes(kRows, kPanels);
  constexpr int kStepWords = P::kWords * PackedStride(kRows);
  constexpr int64_t kStepInputs = P::kWords * P::kInputs;
  F sum[kRows][kPanels * kRegs];
  GLM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GLM_UNROLL
    for (int j = 0; j < kPanels * kRegs; ++j) {
      sum[r][j] = t.k_begin == 0
                      ? Zero()
                      : Load(t.c + ((j / kRegs) * kMaxRows + r) * kColumns + j % kRegs * kLanes);
    }
  }
  const uint32_t* a = t.a + t.k_begin / P::kInputs * PackedStride(kRows);
  const char* b = static_cast<const char*>(t.b) + t.k_begin / kStepInputs * 64;
  const int64_t inputs = t.k_end - t.k_begin;
  // x's and the weights' padding of an odd k is zero in both, so a path whose words hold pairs may
  // read it; a float path may not (NaN * 0).
  const int64_t steps = (inputs + P::kInputs - 1) / kStepInputs;
  for (int64_t s = 0; s < steps; ++s, a += kStepWords, b += 64) {
    if constexpr (kAhead != 0) {
      GLM_UNROLL
      for (int p = 0; p < kPanels; ++p) __builtin_prefetch(b + p * t.b_panel_bytes + kAhead, 0, 2);
    }
    Step<P, 0, kRows, kPanels>(a, b, t.b_panel_bytes, sum);
    if constexpr (P::kWords == 2) Step<P, 1, kRows, kPanels>(a, b, t.b_panel_bytes, sum);
  }
  if (P::kWords == 2 && inputs % 2 != 0) Step<P, 0, kRows, kPanels>(a, b, t.b_panel_bytes, sum);
  GLM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    GLM_UNROLL
    for (int j = 0; j < kPanels * kRegs; ++j) {
      Store(t.c + ((j / kRegs) * kMaxRows + r) * kColumns + j % kRegs * kLanes, sum[r][j]);
    }
  }
}

// ---- Packing of x: 4 x 4 blocks of words are transposed in 128-bit registers, whatever the
// target.

struct FloatWords {  // words are floats
  static constexpr int kInputs = 1;
  GLM_SIMD U4 Words(const float* x) { return LoadU4(x); }
};
struct RoundedWords {  // words are floats rounded to bf16
  static constexpr int kInputs = 1;
  GLM_SIMD U4 Words(const float* x) { return RoundBits(LoadU4(x)); }
};
struct PairWords {  // words are two bf16, the earlier input in the lower half
  static constexpr int kInputs = 2;
  GLM_SIMD U4 Words(const float* x) { return RoundToPairs(LoadU4(x), LoadU4(x + 4)); }
};

// Up to four words of each of four rows: the rows' floats at x[0..3], `valid` of them (the rest
// count as zero).
template <class W>
GLM_SIMD void PartialWords(const float* const (&x)[4], int64_t valid, U4 (&v)[4]) {
  for (int r = 0; r < 4; ++r) {
    float padded[4 * W::kInputs] = {};
    for (int64_t i = 0; i < valid; ++i) padded[i] = x[r][i];
    v[r] = W::Words(padded);
  }
}

template <class W>
static void PackRow(const float* x, int64_t k, uint32_t* out) {
  constexpr int kBlock = 4 * W::kInputs;
  int64_t i = 0;
  for (; i + kBlock <= k; i += kBlock, out += 4) StoreU4(out, W::Words(x + i));
  if (i == k) return;
  const float* const row[4] = {x + i, x + i, x + i, x + i};
  U4 v[4];
  PartialWords<W>(row, k - i, v);
  for (int64_t w = 0; w * W::kInputs < k - i; ++w) out[w] = v[0][w];
}

template <class W>
static void Pack(const float* const* x, int rows, int64_t k, uint32_t* out) {
  if (rows == 1) return PackRow<W>(x[0], k, out);
  constexpr int kBlock = 4 * W::kInputs;
  const int words_per_k = PackedStride(rows);
  for (int r0 = 0; r0 < rows; r0 += 4) {
    const float* row[4];  // missing rows repeat the last one; no tile reads them
    for (int r = 0; r < 4; ++r) row[r] = x[r0 + r < rows ? r0 + r : rows - 1];
    uint32_t* to = out + r0;
    U4 v[4];
    int64_t i = 0;
    for (; i + kBlock <= k; i += kBlock, to += 4 * words_per_k) {
      for (int r = 0; r < 4; ++r) v[r] = W::Words(row[r] + i);
      Transpose4(v);
      for (int w = 0; w < 4; ++w) StoreU4(to + w * words_per_k, v[w]);
    }
    if (i == k) continue;
    const float* const tail[4] = {row[0] + i, row[1] + i, row[2] + i, row[3] + i};
    PartialWords<W>(tail, k - i, v);
    Transpose4(v);
    for (int64_t w = 0; w * W::kInputs < k - i; ++w) StoreU4(to + w * words_per_k, v[w]);
  }
}

template <class W>
static int64_t PackedWords(int rows, int64_t k) {
  return (k + W::kInputs - 1) / W::kInputs * PackedStride(rows);
}

// ---- The end of a row: bias, activation, residual over one panel of 16 columns.

template <FinishActivation kActivation>
GLM_SIMD void FinishRow(const FinishArgs& f, const float* c, const float* c_up,
                        const float* residual, float* y) {
  GLM_UNROLL
  for (int j = 0; j < kColumns; j += kLanes) {
    F v = Load(c + j);
    if (f.bias != nullptr) v = v + Load(f.bias + j);
    if (kActivation == FinishActivation::kSwiGlu) {
      F up = Load(c_up + j);
      if (f.bias_up != nullptr) up = up + Load(f.bias_up + j);
      v = Silu(v) * up;
    }
    if (kActivation == FinishActivation::kGeluErf) v = GeluErf(v);
    if (kActivation == FinishActivation::kSilu) v = Silu(v);
    if (kActivation == FinishActivation::kRelu) v = Select((I)(v < Zero()), Zero(), v);
    if (residual != nullptr) v = Load(residual + j) + v;
    Store(y + j, v);
  }
}

template <FinishActivation kActivation>
static void FinishRows(FinishArgs f) {
  // The last panel may be narrower than its registers: its vectors go through padded copies, so
  // that the arithmetic is the same.
  const bool partial = f.columns < kColumns;
  float bias[kColumns] = {}, bias_up[kColumns] = {}, residual[kColumns] = {}, y[kColumns];
  if (partial && f.bias != nullptr) {
    for (int i = 0; i < f.columns; ++i) bias[i] = f.bias[i];
    f.bias = bias;
  }
  if (partial && f.bias_up != nullptr) {
    for (int i = 0; i < f.columns; ++i) bias_up[i] = f.bias_up[i];
    f.bias_up = bias_up;
  }
  for (int r = 0; r < f.rows; ++r) {
    const float* c = f.c + r * kColumns;
    const float* c_up = f.c_up + r * kColumns;
    const float* from = f.residual == nullptr ? nullptr : f.residual + r * f.residual_stride;
    float* to = f.y + r * f.y_stride;
    if (!partial) {
      FinishRow<kActivation>(f, c, c_up, from, to);
      continue;
    }
    for (int i = 0; from != nullptr && i < f.columns; ++i) residual[i] = from[i];
    FinishRow<kActivation>(f, c, c_up, from == nullptr ? nullptr : residual, y);
    for (int i = 0; i < f.columns; ++i) to[i] = y[i];
  }
}

static void Finish(const FinishArgs& f) {
  switch (f.activation) {
    case FinishActivation::kNone:
      return FinishRows<FinishActivation::kNone>(f);
    case FinishActivation::kGeluErf:
      return FinishRows<FinishActivation::kGeluErf>(f);
    case FinishActivation::kRelu:
      return FinishRows<FinishActivation::kRelu>(f);
    case FinishActivation::kSilu:
      return FinishRows<FinishActivation::kSilu>(f);
    case FinishActivation::kSwiGlu:
      return FinishRows<FinishActivation::kSwiGlu>(f);
  }
}

// ---- Putting a path together.

// Panels of one tile: as many as fit `kSums` registers of sums, so that short tiles have enough
// independent chains too.
template <int kSums>
static constexpr int PanelsFor(int rows) {
  const int fit = kSums / (rows * kRegs);
  return fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}

template <class P, int kMaxRows, int kSums, int kRows>
static TileFn PickPanels(int panels) {
  if constexpr (PanelsFor<kSums>(kRows) >= 4) {
    if (panels == 4) return Tile<P, kMaxRows, kRows, 4>;
    if (panels == 3) return Tile<P, kMaxRows, kRows, 3>;
  }
  if constexpr (PanelsFor<kSums>(kRows) >= 2) {
    if (panels == 2) return Tile<P, kMaxRows, kRows, 2>;
  }
  return Tile<P, kMaxRows, kRows, 1>;
}

template <class P, int kMaxRows, int kSums, int kRows = kMaxRows>
static TileFn PickTile(int rows, int panels) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return PickTile<P, kMaxRows, kSums, kRows - 1>(rows, panels);
  }
  return PickPanels<P, kMaxRows, kSums, kRows>(panels);
}

// P multiplies, W packs; at most kMaxRows rows and kSums registers of sums.
template <class P, class W, int kMaxRows, int kSums>
static constexpr GemmPath MakePath() {
  return {kMaxRows, PackedWords<W>, Pack<W>, PanelsFor<kSums>, PickTile<P, kMaxRows, kSums>,
          Finish,   nullptr,        nullptr};
}

// The paths that every target has. bf16 without bf16 instructions: round both factors, multiply as
// floats.
template <int kMaxRows, int kSums>
static constexpr GemmPaths MakeFloatPaths() {
  return {MakePath<OverF32, FloatWords, kMaxRows, kSums>(),
          MakePath<OverPairs, FloatWords, kMaxRows, kSums>(),
          MakePath<OverRoundedF32, RoundedWords, kMaxRows, kSums>(),
          MakePath<OverPairs, RoundedWords, kMaxRows, kSums>()};
}

}  // namespace
}  // namespace glmocr::cpu
