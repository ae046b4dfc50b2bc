// Timing and memory of the running process.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "bench/bench.h"
#include "kernels/kernels.h"

namespace glmocr {

template <typename Fn>
double Seconds(Fn&& fn) {
  const auto start = std::chrono::steady_clock::now();
  fn();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline Timing Summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {.best_s = seconds.front(),
          .median_s = seconds[seconds.size() / 2],
          .n = static_cast<int>(seconds.size())};
}

// `inner` with a clock around every call: the same results, and the seconds by kind. One profile at
// a time in a process.
const KernelTable& ProfiledKernels(const KernelTable& inner);
// Seconds inside the profiled table since the last call of this function; other_s is left 0.
KernelShares TakeKernelSeconds();

// Largest resident memory of this process in bytes since the last ResetPeakResident; 0 where the
// system does not tell.
uint64_t PeakResidentBytes();
void ResetPeakResident();

// "AMD EPYC 9654", or "unknown".
std::string ProcessorName();

}  // namespace glmocr
