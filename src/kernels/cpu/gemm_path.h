// The border between the matrix product's driver (gemm.cc, baseline code: threads, blocking,
// memory) and its inner loops (gemm_<target>.cc): plain structs and function pointers.
//
// A `GemmPath` is one way of forming dot products, e.g. "fp32 FMA over bf16 weights in AVX2". The
// driver cuts the rows of x into micro-panels of at most max_rows rows, has them packed so that one
// step of the inner loop reads neighbouring words, and calls tile() for (micro-panel) x (some
// panels of the weights) x (a range of k). Sums go to a small buffer that the next range of k
// resumes from: every output is one chain in increasing k, whatever the blocking. finish() turns
// sums into y.
#pragma once

#include <stdint.h>

namespace glmocr::cpu {

inline constexpr int kColumns =
    16;  // columns of one weight panel; kPanel of tensor/packed_matrix.h
inline constexpr int kMaxPanels = 4;  // panels one tile call may cover

struct TileArgs {
  const uint32_t* a;      // packed micro-panel, from k = 0
  const void* b;          // first weight panel, from k = 0
  int64_t b_panel_bytes;  // distance to the next panel
  int64_t k_begin;        // a multiple of kKStep; 0: sums start at zero
  int64_t k_end;
  float* c;  // sums, [panels][max_rows][kColumns]
};
inline constexpr int64_t kKStep =
    32;  // an AMX tile's depth; every range of k but the last is a multiple

enum class FinishActivation { kNone, kGeluErf, kRelu, kSilu, kSwiGlu };

// y = residual + activation(c + bias) for one panel of result columns. Null pointers: no bias, no
// residual.
struct FinishArgs {
  const float* c;         // sums [rows][kColumns]; kSwiGlu: the gate's
  const float* c_up;      // kSwiGlu: sums of up
  const float* bias;      // [columns]
  const float* bias_up;   // [columns], kSwiGlu
  const float* residual;  // [rows, columns]
  int64_t residual_stride;
  float* y;
  int64_t y_stride;
  int rows;
  int columns;  // 1..kColumns
  FinishActivation activation;
};

using TileFn = void (*)(const TileArgs&);

struct GemmPath {
  int max_rows;                                  // rows of the tallest tile
  int64_t (*packed_words)(int rows, int64_t k);  // 32-bit words of a packed micro-panel
  void (*pack)(const float* const* x, int rows, int64_t k, uint32_t* out);  // x[r][0..k)
  int (*panels)(int rows);               // panels per tile for this number of rows, <= kMaxPanels
  TileFn (*tile)(int rows, int panels);  // 1 <= panels <= panels(rows)
  void (*finish)(const FinishArgs&);
  void (*enter)();  // thread state before the first tile and after the last, or null
  void (*leave)();
};

// One per (compute, layout).
struct GemmPaths {
  GemmPath f32_over_f32;
  GemmPath f32_over_bf16;
  GemmPath bf16_over_f32;
  GemmPath bf16_over_bf16;
};

// Measuring loops of the same instructions (kernels/peaks.h).
struct PeakLoops {
  double (*fma_f32)(int64_t iterations);            // floating-point operations done
  double (*fma_bf16)(int64_t iterations);           // null: no native bf16 product
  float (*read)(const float* data, int64_t count);  // streams count floats; count a multiple of 128
};

#if defined(__x86_64__)
extern const GemmPaths kAvx2Gemm;
extern const GemmPaths kAvx512Gemm;
extern const GemmPath kAvx512Bf16Gemm;   // bf16_over_bf16
extern const GemmPath kAmxBf16Gemm;      // bf16_over_bf16
extern const GemmPath kAmxEmulatedGemm;  // the same over emulated tiles, linked by tests only
extern const PeakLoops kAvx2Peaks;
extern const PeakLoops kAvx512Peaks;
extern double (*const kAvx512Bf16Peak)(int64_t);
extern double (*const kAmxBf16Peak)(int64_t);
extern double (*const kAmxEmulatedPeak)(int64_t);
#elif defined(__aarch64__)
extern const GemmPaths kNeonGemm;
extern const PeakLoops kNeonPeaks;
#endif

}  // namespace glmocr::cpu
