#include "kernels/peaks.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>

#include "base/seconds_since.h"
#include "kernels/cpu/gemm_path.h"
#include "kernels/select.h"
#include "tensor/buffer.h"

namespace glmocr {
namespace {

using ArithmeticLoop = double (*)(int64_t);

struct Loops {
  ArithmeticLoop f32 = nullptr;
  ArithmeticLoop bf16 = nullptr;
  float (*read)(const float*, int64_t) = nullptr;
};

Loops LoopsOf(std::string_view table) {
#if defined(__x86_64__)
  if (table == "avx2") return {cpu::kAvx2Peaks.fma_f32, nullptr, cpu::kAvx2Peaks.read};
  Loops loops = {cpu::kAvx512Peaks.fma_f32, nullptr, cpu::kAvx512Peaks.read};
  if (table == "avx512") return loops;
  if (table == "avx512_bf16") loops.bf16 = cpu::kAvx512Bf16Peak;
  if (table == "amx_bf16") loops.bf16 = cpu::kAmxBf16Peak;
  if (loops.bf16 != nullptr) return loops;
#elif defined(__aarch64__)
  if (table == "neon") return {cpu::kNeonPeaks.fma_f32, nullptr, cpu::kNeonPeaks.read};
#endif
  return {};
}

template <typename Fn>
double Seconds(Fn&& fn) {
  const auto start = std::chrono::steady_clock::now();
  fn();
  return SecondsSince(start);
}

double Gflops(ArithmeticLoop loop, ThreadPool& pool) {
  if (loop == nullptr) return 0;
  constexpr int kTries = 100;
  constexpr double kTrySeconds = 0.001;  // shorter than a scheduler's time slice
  int64_t iterations = 10000;
  while (Seconds([&] { loop(iterations); }) < kTrySeconds) iterations *= 2;
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const double seconds = Seconds([&] { pool.Run([&](int) { loop(iterations); }); });
    best = std::max(best, loop(1) * static_cast<double>(iterations) * pool.n_threads() / seconds);
  }
  return best * 1e-9;
}

double ReadGbps(float (*read)(const float*, int64_t),
                std::span<const std::span<const std::byte>> memory, int passes, ThreadPool& pool) {
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    double bytes = 0;
    const double seconds = Seconds([&] {
      for (const std::span<const std::byte> part : memory) {
        const auto* data = reinterpret_cast<const float*>(part.data());
        const int64_t share = static_cast<int64_t>(part.size() / 4) / pool.n_threads() / 128 * 128;
        pool.Run([&](int thread) {
          const float sum = read(data + thread * share, share);
          asm volatile("" : : "r"(&sum) : "memory");
        });
        bytes += static_cast<double>(share) * 4 * pool.n_threads();
      }
    });
    best = std::max(best, bytes / seconds);
  }
  return best * 1e-9;
}

}  // namespace

Peaks MeasurePeaks(ThreadPool& pool) {
  const Loops loops = LoopsOf(RunnableKernels().front()->name);
  if (loops.f32 == nullptr) return {};
  constexpr size_t kBytes = size_t{256} << 20;
  Buffer buffer(kBytes);
  std::memset(buffer.data(), 1, kBytes);
  const std::span<const std::byte> memory(buffer.data(), kBytes);
  Peaks peaks = {Gflops(loops.f32, pool), Gflops(loops.bf16, pool),
                 ReadGbps(loops.read, {&memory, 1}, 16, pool)};
  if (loops.bf16 == nullptr) peaks.bf16_gflops = peaks.f32_gflops;
  return peaks;
}

double MeasureReadGbps(std::span<const std::span<const std::byte>> memory, ThreadPool& pool) {
  const Loops loops = LoopsOf(RunnableKernels().front()->name);
  return loops.read == nullptr ? 0 : ReadGbps(loops.read, memory, 4, pool);
}

}  // namespace glmocr
