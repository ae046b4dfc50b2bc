// Loops that measure what this processor can do at most: arithmetic in registers alone, and reading
// memory (kernels/peaks.h).
#pragma once

namespace glmocr::cpu {
namespace {

constexpr int kChains = 12;  // independent sums: above latency x units (4 x 2) everywhere, below
                             // the 16 registers of AVX2

[[maybe_unused]] static double FmaF32(int64_t iterations) {
  F sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = Set(static_cast<float>(i));
  const F a = Set(0.999f), b = Set(0.001f);
  for (int64_t n = 0; n < iterations; ++n) {
    GLM_UNROLL
    for (int i = 0; i < kChains; ++i) sum[i] = Fma(sum[i], a, b);
  }
  float sink[kLanes];
  for (int i = 1; i < kChains; ++i) sum[0] = sum[0] + sum[i];
  Store(sink, sum[0]);
  asm volatile("" : : "r"(sink) : "memory");
  return 2.0 * kChains * kLanes * static_cast<double>(iterations);
}

[[maybe_unused]] static float ReadAll(const float* data, int64_t count) {
  constexpr int kStreams = 8;
  U bits[kStreams] = {};
  for (int64_t i = 0; i < count; i += kStreams * kLanes) {
    GLM_UNROLL
    for (int j = 0; j < kStreams; ++j) bits[j] |= LoadBits(data + i + j * kLanes);
  }
  for (int j = 1; j < kStreams; ++j) bits[0] |= bits[j];
  return static_cast<float>(bits[0][0]);
}

}  // namespace
}  // namespace glmocr::cpu
