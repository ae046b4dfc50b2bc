// What every op needs besides its operands: the kernels to run on, the threads, and how dot
// products are computed. Passed first, by reference.
#pragma once

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace glmocr {

struct Context {
  const KernelTable* kernels = nullptr;
  ThreadPool* pool = nullptr;
  Compute compute = Compute::kF32;
};

}  // namespace glmocr
