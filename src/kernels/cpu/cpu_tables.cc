// The tables of kernels/cpu and what each needs of the machine.
#include <array>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/norm_rope.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace glmocr::cpu {
namespace {

// One table: the drivers of this folder bound to the inner loops of one instruction set.
template <auto kGemm, const NormRopeTarget& kNormRope, const AttentionTarget& kAttention>
constexpr KernelTable MakeTable(const char* name, bool native_bf16) {
  return {
      .name = name,
      .native_bf16 = native_bf16,
      .gemm = kGemm,
      .rms_norm = [](const RmsNormArgs& args, ThreadPool& pool) { RmsNorm(args, kNormRope, pool); },
      .layer_norm = [](const LayerNormArgs& args,
                       ThreadPool& pool) { LayerNorm(args, kNormRope, pool); },
      .depthwise_conv = [](const DepthwiseConvArgs& args,
                           ThreadPool& pool) { DepthwiseConv(args, kNormRope, pool); },
      .vision_rope = [](const VisionRopeArgs& args,
                        ThreadPool& pool) { VisionRope(args, kNormRope, pool); },
      .text_rope = [](const TextRopeArgs& args,
                      ThreadPool& pool) { TextRope(args, kNormRope, pool); },
      .segment_attention = [](const SegmentAttentionArgs& args,
                              ThreadPool& pool) { SegmentAttention(args, kAttention, pool); },
      .kv_write = [](const KvWriteArgs& args,
                     ThreadPool& pool) { KvWrite(args, kAttention, pool); },
      .paged_attention = [](const PagedAttentionArgs& args,
                            ThreadPool& pool) { PagedAttention(args, kAttention, pool); },
      .row_stats = [](ConstMatrix logits, std::span<RowStats> out,
                      ThreadPool& pool) { RowStatsOf(logits, out, kNormRope, pool); },
  };
}

#if defined(__x86_64__)
constexpr KernelTable kAvx2 = MakeTable<GemmAvx2, kAvx2NormRope, kAvx2Attention>("avx2", false);
constexpr KernelTable kAvx512 =
    MakeTable<GemmAvx512, kAvx512NormRope, kAvx512Attention>("avx512", false);
constexpr KernelTable kAvx512Bf16 =
    MakeTable<GemmAvx512Bf16, kAvx512NormRope, kAvx512Bf16Attention>("avx512_bf16", true);
constexpr KernelTable kAmxBf16 =
    MakeTable<GemmAmxBf16, kAvx512NormRope, kAvx512Bf16Attention>("amx_bf16", true);
constexpr std::array<const KernelTable*, 4> kTables = {&kAmxBf16, &kAvx512Bf16, &kAvx512, &kAvx2};

// The compiler's run-time library checks XCR0 for AVX and AVX-512 as well as cpuid.
bool HasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool HasAvx512Bf16() { return HasAvx512() && __builtin_cpu_supports("avx512bf16"); }

// AMX: cpuid leaf 7 (EDX bit 24 AMX-TILE, bit 22 AMX-BF16), tile state enabled in XCR0 (bits 17,
// 18), and Linux's permission for this process to use it (8 KiB of register state per thread are
// granted on request; kernel documentation, x86/xstate).
bool HasAmxBf16() {
  if (!HasAvx512Bf16()) return false;  // attention's products
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d >> 24 & d >> 22 & 1u) == 0) return false;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 27 & 1u) == 0)
    return false;  // OSXSAVE: XGETBV exists
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low >> 17 & 3u) != 3u) return false;
  constexpr int kRequestPermission = 0x1023,
                kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

#elif defined(__aarch64__)
constexpr KernelTable kNeon = MakeTable<GemmNeon, kNeonNormRope, kNeonAttention>("neon", false);
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
