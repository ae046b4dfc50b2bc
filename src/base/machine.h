// What the machine, or the container around the process, gives: processors, memory, and which
// graphics processors it has. For choosing the number of threads and for `glm-ocr doctor`.
//
// Containers limit processor time and memory through control groups, which sysconf and
// sched_getaffinity do not tell: 64 threads under a limit of 2 processors stop each other most of
// the time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace glmocr {

struct MachineFacts {
  std::string processor;              // "AMD EPYC 7763 64-Core Processor"; empty: not told
  std::vector<std::string> features;  // of those that kernels use: "avx2", "avx512_bf16", "asimd"
  int n_processors = 0;               // online
  // Of the control groups, the least of those around the process; nullopt: no limit.
  std::optional<double> processor_limit;  // processors' worth of time
  std::optional<uint64_t> memory_limit_bytes;
  uint64_t memory_bytes = 0, available_bytes = 0;  // of the machine; 0: not told
  std::vector<std::string> gpus;                   // "NVIDIA H200", "/dev/dri/renderD128"
};

// Reads /proc, /sys and /dev below `root`. What cannot be read is left out.
MachineFacts ReadMachine(const std::filesystem::path& root = "/");

// MachineFacts::processor_limit alone.
std::optional<double> ProcessorLimit(const std::filesystem::path& root = "/");

}  // namespace glmocr
