// Matrix product for Armv8 Advanced SIMD. 6 rows x 1 panel (4 registers): 24 sums + 4 weights + 1
// broadcast of 32 registers.

// In this order: the first names the registers that the others compute with.
// clang-format off
#include "kernels/cpu/simd_neon.h"
#include "kernels/cpu/simd_math_inl.h"
// clang-format on
#include "kernels/cpu/gemm_inl.h"
#include "kernels/cpu/peaks_inl.h"

namespace glmocr::cpu {

constexpr GemmPaths kNeonGemm = MakeFloatPaths<6, 24>();
constexpr PeakLoops kNeonPeaks = {FmaF32, nullptr, ReadAll};

}  // namespace glmocr::cpu
