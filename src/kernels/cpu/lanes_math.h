// exp, erf and gelu of Lanes. The coefficients come from tools/kernels/fit_polynomials.py. Included like lanes.h.
#pragma once

#include "kernels/cpu/lanes.h"

namespace glmocr::cpu::lanes {
namespace {

// 2^r for |r| <= 1/2, within 1 ulp, exactly 1 at 0.
GLM_INLINE Lanes Exp2Fraction(Lanes r) {
  Lanes q = Splat(0.00015353362f);
  q = Fma(q, r, Splat(0.00133988739f));
  q = Fma(q, r, Splat(0.00961843692f));
  q = Fma(q, r, Splat(0.0555033237f));
  q = Fma(q, r, Splat(0.240226477f));
  q = Fma(q, r, Splat(0.693147182f));
  return Fma(q, r, Splat(1.0f));
}

// e^x for x <= 0 (up to 88), within 2 ulp; exactly 0 for x < -87.3 (-inf included), where e^x nears the subnormals; NaN stays NaN.
GLM_INLINE Lanes Exp(Lanes x) {
  const Lanes bound = Splat(-87.3f);
  const Lanes clamped = Max(bound, x);
  const Lanes n = Round(Mul(clamped, Splat(1.44269502f)));
  // x log2(e) - n, with log2(e) as the sum of two floats.
  Lanes r = Fma(clamped, Splat(1.44269502f), Sub(Splat(0.0f), n));
  r = Fma(clamped, Splat(1.92596303e-8f), r);
  return ZeroWhereBelow(TimesPowerOfTwo(Exp2Fraction(r), n), x, bound);
}

// Within 2 ulp.
GLM_INLINE Lanes Erf(Lanes x) {
  const Lanes t = Abs(x), s = Mul(x, x);
  Lanes small = Splat(8.18511471e-05f);
  small = Fma(small, s, Splat(-0.000809770951f));
  small = Fma(small, s, Splat(0.00519695273f));
  small = Fma(small, s, Splat(-0.0268577058f));
  small = Fma(small, s, Splat(0.112836637f));
  small = Fma(small, s, Splat(-0.376126319f));
  small = Fma(small, s, Splat(0.128379166f));
  small = Fma(small, x, x);
  // 1 - 2^(-t q(t)); beyond 4 erf is 1 in float.
  const Lanes c = IfLess(t, Splat(4.0f), t, Splat(4.0f));
  Lanes q = Splat(1.78018963e-05f);
  q = Fma(q, c, Splat(-0.000481801195f));
  q = Fma(q, c, Splat(0.00532080932f));
  q = Fma(q, c, Splat(-0.0344216414f));
  q = Fma(q, c, Splat(0.153431416f));
  q = Fma(q, c, Splat(0.916229725f));
  q = Fma(q, c, Splat(1.62832046f));
  const Lanes e = Sub(Splat(0.0f), Mul(q, c));
  const Lanes n = Round(e);
  const Lanes large = Sub(Splat(1.0f), TimesPowerOfTwo(Exp2Fraction(Sub(e, n)), n));
  // Not-less, so that NaN takes the branch that keeps it.
  return IfLess(Splat(0.95f), t, CopySign(large, x), small);
}

// x/2 (1 + erf(x / sqrt 2))
GLM_INLINE Lanes GeluErf(Lanes x) {
  const Lanes half = Mul(Splat(0.5f), x);
  return Mul(half, Add(Splat(1.0f), Erf(Mul(x, Splat(0.707106781f)))));
}

}  // namespace
}  // namespace glmocr::cpu::lanes
