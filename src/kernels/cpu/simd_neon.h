// Vector wrapper over Armv8 Advanced SIMD; see simd_avx512.h.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

#define GLM_SIMD static inline __attribute__((always_inline))

namespace glmocr::cpu {
namespace {

using F = float32x4_t;
typedef uint32_t U __attribute__((vector_size(16)));
typedef int32_t I __attribute__((vector_size(16)));
constexpr int kLanes = 4;

GLM_SIMD F Load(const float* p) { return vld1q_f32(p); }
GLM_SIMD U LoadBits(const void* p) { return (U)vld1q_u8(static_cast<const uint8_t*>(p)); }
GLM_SIMD void Store(float* p, F x) { vst1q_f32(p, x); }
GLM_SIMD F Set(float x) { return vdupq_n_f32(x); }
GLM_SIMD F SetBits(uint32_t x) { return (F)vdupq_n_u32(x); }
GLM_SIMD F Zero() { return vdupq_n_f32(0); }
GLM_SIMD F Fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }             // a * b + c, one rounding
GLM_SIMD void FmaInto(F& sum, F a, F b) { sum = vfmaq_f32(sum, a, b); }  // sum += a * b

}  // namespace
}  // namespace glmocr::cpu
