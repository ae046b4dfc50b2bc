// Weights of a linear map, packed once at load into the one layout that every CPU kernel reads.
//
// W is [n, k] (out, in). Output columns are cut into panels of 16; inside a panel the input index
// runs slowest:
//   kF32Panel16     data[n/16][k][16]        float   element (o, i) at panel o/16, [i][o%16]
//   kBF16Pairs16    data[n/16][k/2][16][2]   bf16    element (o, i) at panel o/16, [i/2][o%16][i%2]
// Why: one panel is one contiguous stream (decode reads weights at memory speed); 16 floats are one
// AVX-512 or two AVX2 registers; the pairs are what VDPBF16PS, AMX's TDPBF16PS (16 rows of 16 pairs
// are one B tile) and NEON's BFDOT read, and a shift and a mask widen them to the two floats of
// consecutive i where only FMA exists. n is padded to 16 with zero columns, k to 2 with zero rows
// (kBF16Pairs16). Block-quantised layouts (int8, int4) are further values of WeightLayout: n/16
// panels of k/block groups, scales beside their group.
//
// kSwiGlu matrices interleave two maps: panel 2j holds gate columns 16j..16j+15, panel 2j+1 the
// same columns of up, so that a kernel holding two neighbouring panels in registers can finish
// silu(gate) * up without a second pass over memory.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/thread_pool.h"
#include "tensor/buffer.h"

namespace glmocr {

enum class WeightLayout { kF32Panel16, kBF16Pairs16 };
enum class WeightForm { kPlain, kSwiGlu };

inline constexpr int64_t kPanel = 16;

struct PackedMatrix {
  WeightLayout layout = WeightLayout::kF32Panel16;
  WeightForm form = WeightForm::kPlain;
  int64_t n = 0;  // logical output columns of the stored matrix (kSwiGlu: 2 x the result's columns)
  int64_t k = 0;  // logical inputs
  int64_t k_padded = 0;
  int64_t n_panels = 0;
  Buffer buffer;

  // Columns of the result: n, or n / 2 for kSwiGlu.
  int64_t out_cols() const { return form == WeightForm::kSwiGlu ? n / 2 : n; }
  int64_t panel_elements() const { return k_padded * kPanel; }
  const float* f32_panel(int64_t p) const { return buffer.as<float>() + p * panel_elements(); }
  const bf16* bf16_panel(int64_t p) const { return buffer.as<bf16>() + p * panel_elements(); }
  // W[o, i] as float, in the order of the unpacked rows (kSwiGlu: rows 0..n/2-1 gate, then up). For
  // tests and the reference kernels.
  float At(int64_t o, int64_t i) const;
};

// Packs `weight` (rank 2 [n, k], or higher rank flattened to [shape[0], rest]; F32, F16 or BF16)
// into `layout`. BF16 -> kF32Panel16 and BF16 -> kBF16Pairs16 are exact; others round to nearest
// even. Threads of `pool` share the work. kOutOfMemory.
Result<PackedMatrix> PackMatrix(const TensorView& weight, WeightLayout layout, ThreadPool& pool);
// gate, up: [n, k] each -> one kSwiGlu matrix; each half is padded to a multiple of 16 columns.
Result<PackedMatrix> PackSwiGlu(const TensorView& gate, const TensorView& up, WeightLayout layout,
                                ThreadPool& pool);
// Several maps of one input stacked into one (q, k, v): rows of the parts follow each other.
Result<PackedMatrix> PackStacked(std::span<const TensorView> parts, WeightLayout layout,
                                 ThreadPool& pool);

}  // namespace glmocr
