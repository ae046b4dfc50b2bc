#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace glmocr {

void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: check failed: %s (this is a bug in glm-ocr; please report it)\n",
               file, line, what);
  std::abort();
}

}  // namespace glmocr
