// What the worker gives up before it looks at a file: new privileges, capabilities, core dumps,
// writing, memory beyond a limit, and every call of the kernel that reading a document does not
// need (an allow list; none that is left takes a path, reaches another process or makes memory
// executable).
#pragma once

#include <cstdint>

namespace glmocr::pdf {

// Whether this build limits its address space. Sanitizers reserve terabytes for their shadow
// memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kLimitsMemory = false;
#else
inline constexpr bool kLimitsMemory = true;
#endif

// Of descriptors that are opened later. Fonts (pdf/font_files.h) have numbers from here on.
inline constexpr int kMaxOpenFiles = 64;
// The worker's end of the socket to its parent, the only descriptor that it sends to.
inline constexpr int kWorkerSocketFd = 3;

// Resource limits and prctl. Called first. False when the kernel refuses one: the worker must end.
bool LimitProcess(uint64_t max_memory_bytes);
// At most `seconds` more CPU time from now; then the kernel ends the process. Guards against the
// parent being gone; while it lives it keeps the time itself.
void LimitCpuFromNow(unsigned seconds);

// Some codecs (HEIC, AVIF) decode on threads of their own and hang or fail without.
enum class Needs { kThreads, kNothing };

// What of it this kernel has given.
struct Confined {
  bool calls = false;         // seccomp: only calls of the list
  int landlock_abi = 0;       // files, devices, signals: the version in force; 0: none
  bool capabilities = false;  // none left, and none to be had
};
// Called once, after libraries are loaded and fonts are opened. Kernels without one of them leave
// that part out: what came of it is for the caller to judge. The limits above hold everywhere.
Confined Confine(Needs needs);

}  // namespace glmocr::pdf
