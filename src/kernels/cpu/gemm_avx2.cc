// Matrix product for AVX2 + FMA. 6 rows x 1 panel (2 registers): 12 sums + 2 weights + 1 broadcast
// + 1 mask = 16 registers.

// In this order: the first names the registers that the others compute with.
// clang-format off
#include "kernels/cpu/simd_avx2.h"
#include "kernels/cpu/simd_math_inl.h"
// clang-format on
#include "kernels/cpu/gemm_inl.h"
#include "kernels/cpu/peaks_inl.h"

namespace glmocr::cpu {

constexpr GemmPaths kAvx2Gemm = MakeFloatPaths<6, 12>();
constexpr PeakLoops kAvx2Peaks = {FmaF32, nullptr, ReadAll};

}  // namespace glmocr::cpu
