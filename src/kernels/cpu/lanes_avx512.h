// Lanes on AVX-512 (F, BW, DQ, VL): one register. Included by lanes.h only, where the functions are
// described.
#pragma once

namespace glmocr::cpu::lanes {
namespace {

struct Lanes {
  __m512 v;
};

GLM_INLINE __mmask16 FirstMask(int64_t n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}  // 0 <= n <= 16

GLM_INLINE Lanes Splat(float x) { return {_mm512_set1_ps(x)}; }
GLM_INLINE Lanes Load(const float* p) { return {_mm512_loadu_ps(p)}; }
GLM_INLINE Lanes LoadFirst(const float* p, int64_t n) {
  return {_mm512_maskz_loadu_ps(FirstMask(n), p)};
}
GLM_INLINE void Store(float* p, Lanes x) { _mm512_storeu_ps(p, x.v); }
GLM_INLINE void StoreFirst(float* p, int64_t n, Lanes x) {
  _mm512_mask_storeu_ps(p, FirstMask(n), x.v);
}

GLM_INLINE Lanes Add(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
GLM_INLINE Lanes Sub(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }
GLM_INLINE Lanes Mul(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
GLM_INLINE Lanes Fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// b where either is NaN.
GLM_INLINE Lanes Max(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }
GLM_INLINE Lanes Round(Lanes x) {
  return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// x * 2^n for integral n in [-126, 127]; NaN stays NaN.
GLM_INLINE Lanes TimesPowerOfTwo(Lanes x, Lanes n) { return {_mm512_scalef_ps(x.v, n.v)}; }
// y, but 0 where x < bound.
GLM_INLINE Lanes ZeroWhereBelow(Lanes y, Lanes x, Lanes bound) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_NLT_UQ), y.v)};
}
GLM_INLINE bool AnyEqual(Lanes a, Lanes b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ) != 0; }
// Lanes < n of x, the others of `rest`; n may be any number.
GLM_INLINE Lanes KeepFirst(Lanes x, int64_t n, Lanes rest) {
  return {_mm512_mask_mov_ps(rest.v, FirstMask(n < 0 ? 0 : n > 16 ? 16 : n), x.v)};
}

// Halves are added until one is left: lane i + lane i+8, then i + i+4, i + i+2, i + i+1.
GLM_INLINE float Sum(Lanes x) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
GLM_INLINE float Greatest(Lanes x) {
  const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

// Sixteen pairs of bf16 at p, widened: the first and the second of each pair.
GLM_INLINE Lanes FirstOfPairs(const bf16* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
}
GLM_INLINE Lanes SecondOfPairs(const bf16* p) {
  return {_mm512_castsi512_ps(
      _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
}
// Rounded to bf16 (nearest even, NaN stays NaN), as floats.
GLM_INLINE Lanes RoundBF16(Lanes x) {
  const __m512i bits = _mm512_castps_si512(x.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const __mmask16 nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  return {_mm512_castsi512_ps(
      _mm512_and_si512(rounded, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
}
// p[2i] = bf16(a_i), p[2i+1] = bf16(b_i) for values that RoundBF16 returned.
GLM_INLINE void StorePairs(bf16* p, Lanes a, Lanes b) {
  _mm512_storeu_si512(p, _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(a.v), 16),
                                         _mm512_castps_si512(b.v)));
}
// p[i] = bf16(x_i) for values that RoundBF16 returned.
GLM_INLINE void StoreBF16(bf16* p, Lanes x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(x.v), 16)));
}

// (x1, x0, x3, x2, ...)
GLM_INLINE Lanes SwapPairs(Lanes x) { return {_mm512_permute_ps(x.v, 0xb1)}; }
// (p0, p0, p1, p1, ..., p7, p7)
GLM_INLINE Lanes LoadDoubled(const float* p) {
  return {_mm512_permutexvar_ps(_mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0),
                                _mm512_castps256_ps512(_mm256_loadu_ps(p)))};
}
// (-x0, x1, -x2, x3, ...)
GLM_INLINE Lanes NegateEven(Lanes x) {
  return {_mm512_castsi512_ps(
      _mm512_xor_si512(_mm512_castps_si512(x.v), _mm512_set1_epi64(0x80000000ll)))};
}

}  // namespace
}  // namespace glmocr::cpu::lanes
