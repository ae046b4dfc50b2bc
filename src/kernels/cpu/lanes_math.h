// exp and gelu of Lanes. Included like lanes.h.
//
// Exp is softmax's: arguments never positive, exactly 0 where masked, which saves the range
// handling of simd_math_inl.h's.
#pragma once

#include "kernels/cpu/lanes.h"

#if defined(GLM_LANES_AVX512)
#include "kernels/cpu/simd_avx512.h"
#elif defined(GLM_LANES_AVX2)
#include "kernels/cpu/simd_avx2.h"
#else
#include "kernels/cpu/simd_neon.h"
#endif
#include "kernels/cpu/simd_math_inl.h"

namespace glmocr::cpu::lanes {
namespace {

// 2^r for |r| <= 1/2, within 1 ulp, exactly 1 at 0: minimax coefficients from
// tools/kernels/fit_exp2.py (error 2e-9 before rounding).
GLM_INLINE Lanes Exp2Fraction(Lanes r) {
  Lanes q = Splat(0.00015353362f);
  q = Fma(q, r, Splat(0.00133988739f));
  q = Fma(q, r, Splat(0.00961843692f));
  q = Fma(q, r, Splat(0.0555033237f));
  q = Fma(q, r, Splat(0.240226477f));
  q = Fma(q, r, Splat(0.693147182f));
  return Fma(q, r, Splat(1.0f));
}

// e^x for x <= 0 (up to 88), within 2 ulp; exactly 0 for x < -87.3 (-inf included), where e^x nears
// the subnormals; NaN stays NaN.
GLM_INLINE Lanes Exp(Lanes x) {
  const Lanes bound = Splat(-87.3f);
  const Lanes clamped = Max(bound, x);
  const Lanes n = Round(Mul(clamped, Splat(1.44269502f)));
  // x log2(e) - n, with log2(e) as the sum of two floats.
  Lanes r = Fma(clamped, Splat(1.44269502f), Sub(Splat(0.0f), n));
  r = Fma(clamped, Splat(1.92596303e-8f), r);
  return ZeroWhereBelow(TimesPowerOfTwo(Exp2Fraction(r), n), x, bound);
}

// x/2 (1 + erf(x / sqrt 2)), by the matrix product's own function.
#if defined(GLM_LANES_AVX512)
GLM_INLINE Lanes GeluErf(Lanes x) { return {cpu::GeluErf(x.v)}; }
#elif defined(GLM_LANES_AVX2)
GLM_INLINE Lanes GeluErf(Lanes x) { return {cpu::GeluErf(x.a), cpu::GeluErf(x.b)}; }
#else
GLM_INLINE Lanes GeluErf(Lanes x) {
  return {{cpu::GeluErf(x.q[0]), cpu::GeluErf(x.q[1]), cpu::GeluErf(x.q[2]), cpu::GeluErf(x.q[3])}};
}
#endif

}  // namespace
}  // namespace glmocr::cpu::lanes
