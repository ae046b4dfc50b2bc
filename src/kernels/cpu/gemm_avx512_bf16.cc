// Matrix product of bf16 pairs for AVX512_BF16: VDPBF16PS adds both products of a pair to each
// lane's sum. Same tile as gemm_avx512.cc.

// In this order: the first names the registers that the others compute with.
// clang-format off
#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/simd_math_inl.h"
// clang-format on
#include "kernels/cpu/gemm_inl.h"
#include "kernels/cpu/peaks_inl.h"

namespace glmocr::cpu {
namespace {

struct DotPairs {
  static constexpr int kWords = 1, kInputs = 2;
  GLM_SIMD F Weight(const char* b, int) { return (F)LoadBits(b); }
  GLM_SIMD void MulAdd(uint32_t x, F w, F& sum) {
    sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(x)), (__m512bh)w);
  }
};

// VCVTNE2PS2BF16 rounds eight floats to four words at once; it takes denormals as zero, as
// VDPBF16PS does.
struct ConvertedPairs {
  static constexpr int kInputs = 2;
  GLM_SIMD U4 Words(const float* x) {
    return (U4)_mm_cvtne2ps_pbh(_mm_loadu_ps(x + 4), _mm_loadu_ps(x));
  }
};

static double DotBf16(int64_t iterations) {
  F sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = Set(static_cast<float>(i));
  const F w = SetBits(0x3a803a80u);
  for (int64_t n = 0; n < iterations; ++n) {
    GLM_UNROLL
    for (int i = 0; i < kChains; ++i) DotPairs::MulAdd(0x3f803f80u, w, sum[i]);
  }
  float sink[kLanes];
  for (int i = 1; i < kChains; ++i) sum[0] = sum[0] + sum[i];
  Store(sink, sum[0]);
  asm volatile("" : : "r"(sink) : "memory");
  return 4.0 * kChains * kLanes * static_cast<double>(iterations);
}

}  // namespace

constexpr GemmPath kAvx512Bf16Gemm = MakePath<DotPairs, ConvertedPairs, 12, 24>();
constexpr double (*kAvx512Bf16Peak)(int64_t) = DotBf16;

}  // namespace glmocr::cpu
