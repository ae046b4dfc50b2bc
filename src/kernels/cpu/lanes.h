// Sixteen floats as one value, for the per-instruction-set files of this folder.
//
// Why sixteen on every target: the panels of weights, keys and values are 16 wide, and sums that
// always run in 16 lanes have one order on every instruction set. (Highway's vectors are as wide as
// the target's registers, so the order would change with the target.) On AVX-512 Lanes is one
// register, on AVX2 two, on NEON four. How: a file compiled with one instruction set's flags
// defines GLM_LANES_AVX2, GLM_LANES_AVX512 or GLM_LANES_NEON, then includes this. Everything is in
// an unnamed namespace and inlined: the linker must never merge two targets' copies.
#pragma once

#include <cstdint>

#include "tensor/dtype.h"

#if defined(GLM_LANES_NEON)
#include <arm_neon.h>
#else
// GCC 12's AVX-512 intrinsics read a variable that they initialise with itself (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#define GLM_INLINE inline __attribute__((always_inline))

#if defined(GLM_LANES_AVX512)
#include "kernels/cpu/lanes_avx512.h"
#elif defined(GLM_LANES_AVX2)
#include "kernels/cpu/lanes_avx2.h"
#elif defined(GLM_LANES_NEON)
#include "kernels/cpu/lanes_neon.h"
#else
#error "define GLM_LANES_AVX2, GLM_LANES_AVX512 or GLM_LANES_NEON"
#endif

namespace glmocr::cpu::lanes {
namespace {

constexpr int64_t kLanes = 16;

// Lanes < n hold p[0..n), the others 0; nothing beyond p[n) is read. And the matching store.
GLM_INLINE Lanes LoadUpTo(const float* p, int64_t n) {
  return n >= kLanes ? Load(p) : LoadFirst(p, n);
}
GLM_INLINE void StoreUpTo(float* p, int64_t n, Lanes x) {
  if (n >= kLanes)
    Store(p, x);
  else
    StoreFirst(p, n, x);
}

}  // namespace
}  // namespace glmocr::cpu::lanes
