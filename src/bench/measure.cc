#include "bench/measure.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace glmocr {
namespace {

const KernelTable* profiled = nullptr;
KernelShares shares;

// A kernel of `profiled` with its seconds added to one of `shares`.
template <auto Member, auto Sum>
struct Clocked;
template <typename... Args, void (*KernelTable::*Member)(Args...), double KernelShares::*Sum>
struct Clocked<Member, Sum> {
  static void Call(Args... args) {
    shares.*Sum += Seconds([&] { (profiled->*Member)(static_cast<Args&&>(args)...); });
  }
};

// A line "Name:   123 kB" of /proc/self/status, in bytes.
uint64_t StatusBytes(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name))
      return std::strtoull(line.c_str() + std::strlen(name), nullptr, 10) * 1024;
  }
  return 0;
}

}  // namespace

const KernelTable& ProfiledKernels(const KernelTable& inner) {
  static KernelTable table;
  profiled = &inner;
  table = {
      .name = inner.name,
      .native_bf16 = inner.native_bf16,
      .gemm = &Clocked<&KernelTable::gemm, &KernelShares::gemm_s>::Call,
      .rms_norm = &Clocked<&KernelTable::rms_norm, &KernelShares::norm_rope_s>::Call,
      .layer_norm = &Clocked<&KernelTable::layer_norm, &KernelShares::norm_rope_s>::Call,
      .vision_rope = &Clocked<&KernelTable::vision_rope, &KernelShares::norm_rope_s>::Call,
      .text_rope = &Clocked<&KernelTable::text_rope, &KernelShares::norm_rope_s>::Call,
      .segment_attention =
          &Clocked<&KernelTable::segment_attention, &KernelShares::attention_s>::Call,
      .kv_write = &Clocked<&KernelTable::kv_write, &KernelShares::attention_s>::Call,
      .paged_attention = &Clocked<&KernelTable::paged_attention, &KernelShares::attention_s>::Call,
      .row_stats = inner.row_stats};
  shares = {};
  return table;
}

KernelShares TakeKernelSeconds() {
  const KernelShares taken = shares;
  shares = {};
  return taken;
}

uint64_t PeakResidentBytes() { return StatusBytes("VmHWM:"); }
void ResetPeakResident() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::string ProcessorName() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace glmocr
