#include "media/open_brick.h"

#include <algorithm>
#include <new>

namespace glmocr {
namespace {

PixPtr Copy(Pix* pix) {
  PixPtr copy(pixCopy(nullptr, pix));
  if (copy == nullptr) throw std::bad_alloc();
  return copy;
}

enum class Window {
  kAllAhead,   // pixel x is set when all of x .. x + n - 1 are; what is outside is not
  kAnyBehind,  // pixel x is set when any of x - n + 1 .. x is
};

// Along x, or along y.
void Apply(PixPtr* pix, Window window, int n, bool along_x) {
  const int width = pixGetWidth(pix->get()), height = pixGetHeight(pix->get());
  const int length = along_x ? width : height;
  PixPtr before = n > 1 ? Copy(pix->get()) : nullptr;
  for (int done = 1; done < n;) {
    const int shift = std::min(done, n - done);  // windows of `done`, so far apart
    const int kept = std::max(0, length - shift);
    const int kept_width = along_x ? kept : width, kept_height = along_x ? height : kept;
    const int dx = along_x ? shift : 0, dy = along_x ? 0 : shift;
    pixCopy(before.get(), pix->get());
    if (window == Window::kAllAhead) {
      pixRasterop(pix->get(), 0, 0, kept_width, kept_height, PIX_SRC & PIX_DST, before.get(), dx,
                  dy);
      pixRasterop(pix->get(), along_x ? kept : 0, along_x ? 0 : kept, width, height, PIX_CLR,
                  nullptr, 0, 0);
    } else {
      pixRasterop(pix->get(), dx, dy, kept_width, kept_height, PIX_SRC | PIX_DST, before.get(), 0,
                  0);
    }
    done += shift;
  }
}

}  // namespace

PixPtr OpenBrick(Pix* binary, int width, int height) {
  PixPtr out = Copy(binary);
  Apply(&out, Window::kAllAhead, width, true);
  Apply(&out, Window::kAllAhead, height, false);
  Apply(&out, Window::kAnyBehind, width, true);
  Apply(&out, Window::kAnyBehind, height, false);
  return out;
}

}  // namespace glmocr
