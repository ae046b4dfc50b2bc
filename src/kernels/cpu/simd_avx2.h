// Vector wrapper over AVX2 and FMA. All simd_<target>.h define the same names; arithmetic,
// comparison and shifts use the operators of the compiler's vector types. Include from a
// gemm_<target>.cc (or the like) only: everything has internal linkage.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#define GLM_SIMD static inline __attribute__((always_inline))

namespace glmocr::cpu {
namespace {

using F = __m256;
typedef uint32_t U __attribute__((vector_size(32)));
typedef int32_t I __attribute__((vector_size(32)));
constexpr int kLanes = 8;

GLM_SIMD F Load(const float* p) { return _mm256_loadu_ps(p); }
GLM_SIMD U LoadBits(const void* p) { return (U)_mm256_loadu_si256(static_cast<const __m256i*>(p)); }
GLM_SIMD void Store(float* p, F x) { _mm256_storeu_ps(p, x); }
GLM_SIMD F Set(float x) { return _mm256_set1_ps(x); }
GLM_SIMD F SetBits(uint32_t x) { return (F)_mm256_set1_epi32(static_cast<int>(x)); }
GLM_SIMD F Zero() { return _mm256_setzero_ps(); }
GLM_SIMD F Fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }  // a * b + c, one rounding
// sum += a * b. As assembly because GCC 12, free to choose the operand that receives the result,
// moves and spills sums in the widening loops.
GLM_SIMD void FmaInto(F& sum, F a, F b) {
  asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
}

}  // namespace
}  // namespace glmocr::cpu
