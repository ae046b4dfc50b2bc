// Lanes on Armv8 Advanced SIMD: four registers. Included by lanes.h only; lanes_avx512.h describes
// the functions.
#pragma once

namespace glmocr::cpu::lanes {
namespace {

struct Lanes {
  float32x4_t q[4];
};

#define GLM_EACH(expression)    \
  Lanes y;                      \
  for (int i = 0; i < 4; ++i) { \
    y.q[i] = (expression);      \
  }                             \
  return y

GLM_INLINE Lanes Splat(float x) { GLM_EACH(vdupq_n_f32(x)); }
GLM_INLINE Lanes Load(const float* p) { GLM_EACH(vld1q_f32(p + 4 * i)); }
GLM_INLINE Lanes LoadFirst(const float* p, int64_t n) {
  float copy[16] = {};
  for (int64_t i = 0; i < n; ++i) copy[i] = p[i];
  return Load(copy);
}
GLM_INLINE void Store(float* p, Lanes x) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.q[i]);
}
GLM_INLINE void StoreFirst(float* p, int64_t n, Lanes x) {
  float copy[16];
  Store(copy, x);
  for (int64_t i = 0; i < n; ++i) p[i] = copy[i];
}

GLM_INLINE Lanes Add(Lanes a, Lanes b) { GLM_EACH(vaddq_f32(a.q[i], b.q[i])); }
GLM_INLINE Lanes Sub(Lanes a, Lanes b) { GLM_EACH(vsubq_f32(a.q[i], b.q[i])); }
GLM_INLINE Lanes Mul(Lanes a, Lanes b) { GLM_EACH(vmulq_f32(a.q[i], b.q[i])); }
GLM_INLINE Lanes Fma(Lanes a, Lanes b, Lanes c) { GLM_EACH(vfmaq_f32(c.q[i], a.q[i], b.q[i])); }
// vmaxq would return NaN where either is; the x86 rule is b.
GLM_INLINE Lanes Max(Lanes a, Lanes b) {
  GLM_EACH(vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i]));
}
GLM_INLINE Lanes Round(Lanes x) { GLM_EACH(vrndnq_f32(x.q[i])); }
GLM_INLINE Lanes TimesPowerOfTwo(Lanes x, Lanes n) {
  GLM_EACH(vmulq_f32(x.q[i], vreinterpretq_f32_s32(vshlq_n_s32(
                                 vaddq_s32(vcvtnq_s32_f32(n.q[i]), vdupq_n_s32(127)), 23))));
}
GLM_INLINE Lanes ZeroWhereBelow(Lanes y0, Lanes x, Lanes bound) {
  GLM_EACH(vbslq_f32(vcltq_f32(x.q[i], bound.q[i]), vdupq_n_f32(0), y0.q[i]));
}
GLM_INLINE bool AnyEqual(Lanes a, Lanes b) {
  uint32x4_t any = vdupq_n_u32(0);
  for (int i = 0; i < 4; ++i) any = vorrq_u32(any, vceqq_f32(a.q[i], b.q[i]));
  return vmaxvq_u32(any) != 0;
}
GLM_INLINE Lanes KeepFirst(Lanes x, int64_t n, Lanes rest) {
  const int32_t first[4] = {0, 1, 2, 3};
  const int32x4_t count = vdupq_n_s32(static_cast<int32_t>(n < 0 ? 0 : n > 16 ? 16 : n));
  GLM_EACH(vbslq_f32(vcltq_s32(vaddq_s32(vld1q_s32(first), vdupq_n_s32(4 * i)), count), x.q[i],
                     rest.q[i]));
}

GLM_INLINE float Sum(Lanes x) {
  const float32x4_t q = vaddq_f32(vaddq_f32(x.q[0], x.q[2]), vaddq_f32(x.q[1], x.q[3]));
  const float32x2_t d = vadd_f32(vget_low_f32(q), vget_high_f32(q));
  return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
}
GLM_INLINE float Greatest(Lanes x) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.q[0], x.q[2]), vmaxq_f32(x.q[1], x.q[3])));
}

GLM_INLINE uint32x4_t LoadWords(const bf16* p, int i) {
  return vreinterpretq_u32_u16(vld1q_u16(p + 8 * i));
}
GLM_INLINE Lanes FirstOfPairs(const bf16* p) {
  GLM_EACH(vreinterpretq_f32_u32(vshlq_n_u32(LoadWords(p, i), 16)));
}
GLM_INLINE Lanes SecondOfPairs(const bf16* p) {
  GLM_EACH(vreinterpretq_f32_u32(vandq_u32(LoadWords(p, i), vdupq_n_u32(0xffff0000u))));
}
GLM_INLINE float32x4_t RoundBF16x4(float32x4_t x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
  const uint32x4_t chosen = vbslq_u32(vceqq_f32(x, x), rounded, quiet);
  return vreinterpretq_f32_u32(vandq_u32(chosen, vdupq_n_u32(0xffff0000u)));
}
GLM_INLINE Lanes RoundBF16(Lanes x) { GLM_EACH(RoundBF16x4(x.q[i])); }
GLM_INLINE void StorePairs(bf16* p, Lanes a, Lanes b) {
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t words =
        vorrq_u32(vshrq_n_u32(vreinterpretq_u32_f32(a.q[i]), 16), vreinterpretq_u32_f32(b.q[i]));
    vst1q_u16(p + 8 * i, vreinterpretq_u16_u32(words));
  }
}
GLM_INLINE void StoreBF16(bf16* p, Lanes x) {
  for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vshrn_n_u32(vreinterpretq_u32_f32(x.q[i]), 16));
}

GLM_INLINE Lanes SwapPairs(Lanes x) { GLM_EACH(vrev64q_f32(x.q[i])); }
GLM_INLINE Lanes LoadDoubled(const float* p) {
  const float32x4_t a = vld1q_f32(p), b = vld1q_f32(p + 4);
  return {{vzip1q_f32(a, a), vzip2q_f32(a, a), vzip1q_f32(b, b), vzip2q_f32(b, b)}};
}
GLM_INLINE Lanes NegateEven(Lanes x) {
  GLM_EACH(vreinterpretq_f32_u32(
      veorq_u32(vreinterpretq_u32_f32(x.q[i]), vreinterpretq_u32_u64(vdupq_n_u64(0x80000000ull)))));
}
#undef GLM_EACH

}  // namespace
}  // namespace glmocr::cpu::lanes
