// Internal: owning pointers for leptonica's types, and its silence.
#pragma once

#include <leptonica/allheaders.h>

#include <memory>

namespace glmocr {

struct PixDelete {
  void operator()(Pix* p) const { pixDestroy(&p); }
};
using PixPtr = std::unique_ptr<Pix, PixDelete>;

struct BoxaDelete {
  void operator()(Boxa* b) const { boxaDestroy(&b); }
};
using BoxaPtr = std::unique_ptr<Boxa, BoxaDelete>;

// leptonica reports to stderr through settings that are global to the process; turn them off before
// each use (cheap, idempotent: every caller writes the same two values).
inline void SilenceLeptonica() {
  static const bool once = [] {
    setMsgSeverity(L_SEVERITY_NONE);
    leptSetStderrHandler([](const char*) {});
    return true;
  }();
  (void)once;
}

}  // namespace glmocr
