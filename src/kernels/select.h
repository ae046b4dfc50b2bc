// Which kernel tables this machine can run, and the choice among them.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "kernels/kernels.h"

namespace glmocr {

// All tables this processor and operating system can run, best first; ReferenceKernels() is always
// last.
std::span<const KernelTable* const> RunnableKernels();

// By name ("reference", "avx2", ...); "auto" is the best one, or what the environment variable
// GLMOCR_KERNELS names. An unknown name, or one this machine cannot run, is kUnsupported and lists
// those it can.
Result<const KernelTable*> SelectKernels(std::string_view name);

}  // namespace glmocr
