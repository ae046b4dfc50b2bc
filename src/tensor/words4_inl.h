// Four 32-bit words at a time, in the compiler's 128-bit vectors: the transposition and the bf16
// rounding that packing weights (tensor/packed_matrix.cc) and packing rows of x
// (kernels/cpu/gemm_inl.h) share. Everything has internal linkage and includes nothing but
// <stdint.h>, so that files compiled for different instruction sets may each have their own copy.
#pragma once

#include <stdint.h>

namespace glmocr {
namespace {

typedef uint32_t U4 __attribute__((vector_size(16)));

// No alignment needed.
static inline __attribute__((always_inline)) U4 LoadU4(const void* p) {
  U4 v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
static inline __attribute__((always_inline)) void StoreU4(void* p, U4 v) {
  __builtin_memcpy(p, &v, sizeof(v));
}

// Rounds float bits to bf16 (nearest even, NaN quieted) and keeps the result in the upper half: the
// same bits as F32ToBF16 of tensor/dtype.h. Bits is a vector of uint32_t.
template <class Bits>
static inline __attribute__((always_inline)) Bits RoundBits(Bits x) {
  const Bits rounded = x + 0x7fffu + ((x >> 16) & 1u);
  const Bits quiet = x | 0x400000u;
  const Bits is_nan = (Bits)((x & 0x7fffffffu) > 0x7f800000u);
  return ((quiet & is_nan) | (rounded & ~is_nan)) & 0xffff0000u;
}

// Eight floats to four words of two bf16, the earlier in the lower half.
static inline __attribute__((always_inline)) U4 RoundToPairs(U4 first, U4 second) {
  first = RoundBits(first), second = RoundBits(second);
  return (__builtin_shufflevector(first, second, 0, 2, 4, 6) >> 16) |
         __builtin_shufflevector(first, second, 1, 3, 5, 7);
}

static inline __attribute__((always_inline)) void Transpose4(U4 (&v)[4]) {
  const U4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5),
           b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  const U4 c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7),
           d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

}  // namespace
}  // namespace glmocr
