// Lanes on AVX2 and FMA: two registers. Included by lanes.h only; lanes_avx512.h describes the
// functions.
#pragma once

namespace glmocr::cpu::lanes {
namespace {

struct Lanes {
  __m256 a, b;
};

// Lanes i with i < n of eight, as all-ones words.
GLM_INLINE __m256i FirstMask8(int64_t n) {
  const int count = static_cast<int>(n < 0 ? 0 : n > 8 ? 8 : n);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

GLM_INLINE Lanes Splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
GLM_INLINE Lanes Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
GLM_INLINE Lanes LoadFirst(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, FirstMask8(n)), _mm256_maskload_ps(p + 8, FirstMask8(n - 8))};
}
GLM_INLINE void Store(float* p, Lanes x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
GLM_INLINE void StoreFirst(float* p, int64_t n, Lanes x) {
  _mm256_maskstore_ps(p, FirstMask8(n), x.a);
  _mm256_maskstore_ps(p + 8, FirstMask8(n - 8), x.b);
}

GLM_INLINE Lanes Add(Lanes x, Lanes y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
GLM_INLINE Lanes Sub(Lanes x, Lanes y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
GLM_INLINE Lanes Mul(Lanes x, Lanes y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
GLM_INLINE Lanes Fma(Lanes x, Lanes y, Lanes z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
GLM_INLINE Lanes Max(Lanes x, Lanes y) {
  return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
GLM_INLINE Lanes Round(Lanes x) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, kMode), _mm256_round_ps(x.b, kMode)};
}
GLM_INLINE __m256 PowerOfTwo8(__m256 n) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
GLM_INLINE Lanes TimesPowerOfTwo(Lanes x, Lanes n) {
  return {_mm256_mul_ps(x.a, PowerOfTwo8(n.a)), _mm256_mul_ps(x.b, PowerOfTwo8(n.b))};
}
GLM_INLINE Lanes ZeroWhereBelow(Lanes y, Lanes x, Lanes bound) {
  return {_mm256_and_ps(y.a, _mm256_cmp_ps(x.a, bound.a, _CMP_NLT_UQ)),
          _mm256_and_ps(y.b, _mm256_cmp_ps(x.b, bound.b, _CMP_NLT_UQ))};
}
GLM_INLINE bool AnyEqual(Lanes x, Lanes y) {
  return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(x.a, y.a, _CMP_EQ_OQ),
                                         _mm256_cmp_ps(x.b, y.b, _CMP_EQ_OQ))) != 0;
}
GLM_INLINE Lanes KeepFirst(Lanes x, int64_t n, Lanes rest) {
  return {_mm256_blendv_ps(rest.a, x.a, _mm256_castsi256_ps(FirstMask8(n))),
          _mm256_blendv_ps(rest.b, x.b, _mm256_castsi256_ps(FirstMask8(n - 8)))};
}

GLM_INLINE float Sum(Lanes x) {
  const __m256 half = _mm256_add_ps(x.a, x.b);
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
GLM_INLINE float Greatest(Lanes x) {
  const __m256 half = _mm256_max_ps(x.a, x.b);
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

GLM_INLINE __m256i LoadWords(const bf16* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
GLM_INLINE Lanes FirstOfPairs(const bf16* p) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(LoadWords(p), 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(LoadWords(p + 16), 16))};
}
GLM_INLINE Lanes SecondOfPairs(const bf16* p) {
  const __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  return {_mm256_castsi256_ps(_mm256_and_si256(LoadWords(p), high)),
          _mm256_castsi256_ps(_mm256_and_si256(LoadWords(p + 16), high))};
}
GLM_INLINE __m256 RoundBF16x8(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i chosen =
      _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
  return _mm256_castsi256_ps(
      _mm256_and_si256(chosen, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
GLM_INLINE Lanes RoundBF16(Lanes x) { return {RoundBF16x8(x.a), RoundBF16x8(x.b)}; }
GLM_INLINE void StorePairs(bf16* p, Lanes x, Lanes y) {
  _mm256_storeu_si256(
      reinterpret_cast<__m256i*>(p),
      _mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(x.a), 16), _mm256_castps_si256(y.a)));
  _mm256_storeu_si256(
      reinterpret_cast<__m256i*>(p + 16),
      _mm256_or_si256(_mm256_srli_epi32(_mm256_castps_si256(x.b), 16), _mm256_castps_si256(y.b)));
}
GLM_INLINE void StoreBF16(bf16* p, Lanes x) {
  const __m256i packed = _mm256_packus_epi32(_mm256_srli_epi32(_mm256_castps_si256(x.a), 16),
                                             _mm256_srli_epi32(_mm256_castps_si256(x.b), 16));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}

GLM_INLINE Lanes SwapPairs(Lanes x) {
  return {_mm256_permute_ps(x.a, 0xb1), _mm256_permute_ps(x.b, 0xb1)};
}
GLM_INLINE Lanes LoadDoubled(const float* p) {
  const __m256 eight = _mm256_loadu_ps(p);
  return {_mm256_permutevar8x32_ps(eight, _mm256_set_epi32(3, 3, 2, 2, 1, 1, 0, 0)),
          _mm256_permutevar8x32_ps(eight, _mm256_set_epi32(7, 7, 6, 6, 5, 5, 4, 4))};
}
GLM_INLINE Lanes NegateEven(Lanes x) {
  const __m256 bits = _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000ll));
  return {_mm256_xor_ps(x.a, bits), _mm256_xor_ps(x.b, bits)};
}

}  // namespace
}  // namespace glmocr::cpu::lanes
