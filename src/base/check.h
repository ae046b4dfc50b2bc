// GLM_CHECK: stops the process when one of our own invariants is broken. Never used on anything a
// user supplies.
#pragma once

namespace glmocr {

// Prints "file:line: check failed: what" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);

}  // namespace glmocr

#define GLM_CHECK(condition)                                 \
  do {                                                       \
    if (!(condition)) [[unlikely]]                           \
      ::glmocr::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
