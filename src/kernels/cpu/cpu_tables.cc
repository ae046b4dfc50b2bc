// The tables of kernels/cpu and what each needs of the machine.
#include <array>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/reference/reference.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace glmocr::cpu {
namespace {

constexpr KernelTable MakeTable(const char* name, bool native_bf16, void (*gemm)(const GemmArgs&, ThreadPool&)) {
  return {
      .name = name,
      .native_bf16 = native_bf16,
      .gemm = gemm,
      .rms_norm = reference::RmsNorm,
      .layer_norm = reference::LayerNorm,
      .vision_rope = reference::VisionRope,
      .text_rope = reference::TextRope,
      .segment_attention = reference::SegmentAttention,
      .kv_write = reference::KvWrite,
      .paged_attention = reference::PagedAttention,
      .row_stats = reference::RowStatsOf,
  };
}

#if defined(__x86_64__)
constexpr KernelTable kAvx2 = MakeTable("avx2", false, GemmAvx2);
constexpr KernelTable kAvx512 = MakeTable("avx512", false, GemmAvx512);
constexpr KernelTable kAvx512Bf16 = MakeTable("avx512_bf16", true, GemmAvx512Bf16);
constexpr KernelTable kAmxBf16 = MakeTable("amx_bf16", true, GemmAmxBf16);
constexpr std::array<const KernelTable*, 4> kTables = {&kAmxBf16, &kAvx512Bf16, &kAvx512, &kAvx2};

// The compiler's run-time library checks XCR0 for AVX and AVX-512 as well as cpuid.
bool HasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool HasAvx512Bf16() { return HasAvx512() && __builtin_cpu_supports("avx512bf16"); }

// AMX: cpuid leaf 7 (EDX bit 24 AMX-TILE, bit 22 AMX-BF16), tile state enabled in XCR0 (bits 17, 18), and Linux's permission for
// this process to use it (8 KiB of register state per thread are granted on request; kernel documentation, x86/xstate).
bool HasAmxBf16() {
  if (!HasAvx512()) return false;
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d >> 24 & d >> 22 & 1u) == 0) return false;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 27 & 1u) == 0) return false;  // OSXSAVE: XGETBV exists
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low >> 17 & 3u) != 3u) return false;
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

#elif defined(__aarch64__)
constexpr KernelTable kNeon = MakeTable("neon", false, GemmNeon);
constexpr std::array<const KernelTable*, 1> kTables = {&kNeon};
#else
constexpr std::array<const KernelTable*, 0> kTables = {};
#endif

}  // namespace

std::span<const KernelTable* const> CompiledTables() { return kTables; }

bool IsRunnable(const KernelTable& table) {
#if defined(__x86_64__)
  if (&table == &kAvx2) return HasAvx2();
  if (&table == &kAvx512) return HasAvx512();
  if (&table == &kAvx512Bf16) return HasAvx512Bf16();
  if (&table == &kAmxBf16) return HasAmxBf16();
  return false;
#else
  (void)table;
  return true;  // Advanced SIMD is part of every 64-bit Arm processor
#endif
}

}  // namespace glmocr::cpu
