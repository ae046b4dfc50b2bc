// The SIMD kernels of every CPU target, as declarations that baseline code can include: no
// intrinsics, no target flags.
//
// Why per-target files: one binary runs on every x86-64 (or Arm) processor and picks its table at
// run time (kernels/select.h). Code that uses an instruction set lives in a file compiled with that
// set's flags alone (x_avx2.cc, x_avx512.cc, ...), which includes nothing but <immintrin.h>,
// <stdint.h> and the *_inl.h headers of this folder, all of whose functions have internal linkage:
// an inline function compiled for AVX-512 must never be the copy that the linker keeps for
// everyone. How: x_inl.h holds the loops, written once over the vector wrapper simd_<target>.h;
// x.cc (baseline flags) holds threads, blocking and memory and reaches the target's loops through
// plain function pointers.
#pragma once

#include "kernels/kernels.h"

namespace glmocr::cpu {

// Which tables exist in this build for this processor family, best first, whether or not this
// machine can run them; see IsRunnable.
std::span<const KernelTable* const> CompiledTables();
// True when the processor has the table's instructions and the operating system saves their
// registers (AMX: also grants them).
bool IsRunnable(const KernelTable& table);

// gemm.cc: one entry per table, and for tests one over any path.
struct GemmPath;
void GemmOverPath(const GemmPath& path, const GemmArgs& args, ThreadPool& pool);
#if defined(__x86_64__)
void GemmAvx2(const GemmArgs& args, ThreadPool& pool);
void GemmAvx512(const GemmArgs& args, ThreadPool& pool);
void GemmAvx512Bf16(const GemmArgs& args, ThreadPool& pool);
void GemmAmxBf16(const GemmArgs& args, ThreadPool& pool);
#elif defined(__aarch64__)
void GemmNeon(const GemmArgs& args, ThreadPool& pool);
#endif

}  // namespace glmocr::cpu
