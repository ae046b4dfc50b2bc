// What this machine can do at most, measured: arithmetic in registers alone, and reading memory
// with all threads. Benchmarks state their results as a share of these, so that a number means the
// same on every machine.
#pragma once

#include <cstddef>
#include <span>

#include "base/thread_pool.h"

namespace glmocr {

struct Peaks {
  double f32_gflops = 0;  // 10^9 multiplications and additions per second, fp32 fused multiply-add
  double bf16_gflops =
      0;  // the same of the widest bf16 product; f32_gflops where the processor has none
  double read_gbps = 0;  // 10^9 bytes per second, streaming a buffer larger than the caches
};

// Runs for about a second on all threads of `pool`, using the best instruction set this machine
// has; the best of several tries, since other programs can only slow a measurement down. Allocates
// 256 MiB. All zero where only the reference kernels run.
Peaks MeasurePeaks(ThreadPool& pool);

// 10^9 bytes per second at which all threads stream the parts of `memory`, one part after the
// other, as a decode step streams weights: the best of several passes. Together they should be
// larger than the caches. 0 where only the reference kernels run or there is nothing to read. For
// machines whose memory other programs share: measured next to what is compared with it.
double MeasureReadGbps(std::span<const std::span<const std::byte>> memory, ThreadPool& pool);

}  // namespace glmocr
