// Matrix product for AVX-512 (F, BW, DQ, VL). 12 rows x 2 panels: 24 sums + 2 weights + 1 broadcast
// + 1 mask of 32 registers; a step of k loads 12 broadcasts + 2 weights for 24 FMAs, so that loads
// never bound it. (14 x 2 would leave no register to load ahead into.)

// In this order: the first names the registers that the others compute with.
// clang-format off
#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/simd_math_inl.h"
// clang-format on
#include "kernels/cpu/gemm_inl.h"
#include "kernels/cpu/peaks_inl.h"

namespace glmocr::cpu {

constexpr GemmPaths kAvx512Gemm = MakeFloatPaths<12, 24>();
constexpr PeakLoops kAvx512Peaks = {FmaF32, nullptr, ReadAll};

}  // namespace glmocr::cpu
