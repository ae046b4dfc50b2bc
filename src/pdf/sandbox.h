// What the worker gives up before it looks at a file: new privileges, core dumps, writing,
// most descriptors, memory beyond a limit, the network, other programs, and all files but fonts.
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

// Resource limits and prctl. Called first. False when the kernel refuses one: the worker must end.
bool LimitProcess(uint64_t max_memory_bytes);
// At most `seconds` more CPU time from now; then the kernel ends the process. Guards against the
// parent being gone; while it lives it keeps the time itself.
void LimitCpuFromNow(unsigned seconds);
// What is still needed: PDFium opens fonts when a page names them; some codecs (HEIC, AVIF) decode
// on threads of their own and hang or fail without.
enum class Needs { kFonts, kThreads, kNothing };
// Landlock (files: none, or reading below the system's font folders) and seccomp (no sockets,
// programs, processes; threads of this process only where needed). Called after libraries are
// loaded. Kernels without one of them leave that part out: the limits above hold everywhere. True
// when files are confined.
bool Confine(Needs needs);

}  // namespace glmocr::pdf
