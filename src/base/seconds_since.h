// How long ago something was.
#pragma once

#include <chrono>

namespace glmocr {

inline double SecondsSince(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace glmocr
