// exp, silu and erf over the vector wrapper (include a simd_<target>.h first). The same polynomials
// run for every lane and every target, so a value does not depend on its column or on the batch;
// against libm they differ by a few ulp (bounds at each function).
#pragma once

namespace glmocr::cpu {
namespace {

GLM_SIMD F Select(I mask, F if_set, F if_clear) {
  return (F)(((I)if_set & mask) | ((I)if_clear & ~mask));
}

// exp(x), relative error < 2^-22. Overflows to infinity and underflows to 0 as exp does; NaN stays
// NaN. x = n ln 2 + r with |r| <= ln 2 / 2, exp(r) by its Taylor sum to r^7 (remainder < 2^-27),
// then 2^n in two factors, each in range.
GLM_SIMD F Exp(F x) {
  x = Select((I)(x > Set(90.0f)), Set(90.0f), x);      // 2^(90/ln 2) is infinity already
  x = Select((I)(x < Set(-105.0f)), Set(-105.0f), x);  // below half of the least subnormal
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
  const F shifted = x * Set(1.44269504f) + Set(12582912.0f);
  const F n = shifted - Set(12582912.0f);
  F r = Fma(n, Set(-0.693145751953125f), x);  // ln 2 to 16 bits: n times it is exact
  r = Fma(n, Set(-1.42860677e-6f), r);
  F p = Set(1.0f / 5040);
  p = Fma(p, r, Set(1.0f / 720));
  p = Fma(p, r, Set(1.0f / 120));
  p = Fma(p, r, Set(1.0f / 24));
  p = Fma(p, r, Set(1.0f / 6));
  p = Fma(p, r, Set(0.5f));
  p = Fma(p, r, Set(1.0f));
  p = Fma(p, r, Set(1.0f));
  const I exponent = (I)shifted - (I)Set(12582912.0f);
  const I half = exponent >> 1;
  const F scale0 = (F)((half + 127) << 23);
  const F scale1 = (F)((exponent - half + 127) << 23);
  return p * scale0 * scale1;
}

// x / (1 + exp(-x))
GLM_SIMD F Silu(F x) { return x / (Set(1.0f) + Exp(Set(0.0f) - x)); }

// erf(x), absolute error < 5e-7 (8 half-ulps of 1). x P(x^2) / Q(x^2) with the relative error
// minimised on [0, 3.925] (1.9e-8 before rounding; tools/fit_erf.py); beyond, erf rounds to +-1.
GLM_SIMD F Erf(F x) {
  const F u = x * x;
  F p = Set(2.046016106760362e-06f);
  p = Fma(p, u, Set(0.0002848452131729573f));
  p = Fma(p, u, Set(0.0037726217415183783f));
  p = Fma(p, u, Set(0.05276952311396599f));
  p = Fma(p, u, Set(0.19059540331363678f));
  p = Fma(p, u, Set(1.1283791065216064f));
  F q = Set(3.8047743146307766e-05f);
  q = Fma(q, u, Set(0.0011638752184808254f));
  q = Fma(q, u, Set(0.0149833420291543f));
  q = Fma(q, u, Set(0.11418341100215912f));
  q = Fma(q, u, Set(0.5022435188293457f));
  q = Fma(q, u, Set(1.0f));
  F y = x * p / q;
  y = Select((I)(x > Set(3.92f)), Set(1.0f), y);
  return Select((I)(x < Set(-3.92f)), Set(-1.0f), y);
}

// x/2 (1 + erf(x / sqrt 2))
GLM_SIMD F GeluErf(F x) { return Set(0.5f) * x * (Set(1.0f) + Erf(x * Set(0.70710678118654752f))); }

}  // namespace
}  // namespace glmocr::cpu
