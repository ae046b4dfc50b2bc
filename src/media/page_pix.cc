#include "media/page_pix.h"

#include <algorithm>

namespace glmocr {

PixPtr ToPix(const Image& image) {
  PixPtr pix(pixCreateNoInit(image.width_px, image.height_px, 32));
  if (pix == nullptr) throw std::bad_alloc();
  for (int y = 0; y < image.height_px; ++y) {
    l_uint32* line = pixGetData(pix.get()) + static_cast<size_t>(y) * pixGetWpl(pix.get());
    const uint8_t* rgb = image.row(y);
    for (int x = 0; x < image.width_px; ++x, rgb += 3) {
      line[x] = static_cast<l_uint32>(rgb[0]) << L_RED_SHIFT |
                static_cast<l_uint32>(rgb[1]) << L_GREEN_SHIFT |
                static_cast<l_uint32>(rgb[2]) << L_BLUE_SHIFT;
    }
  }
  return pix;
}

Image FromPix(Pix* pix) {
  Image image(pixGetWidth(pix), pixGetHeight(pix));
  for (int y = 0; y < image.height_px; ++y) {
    const l_uint32* line = pixGetData(pix) + static_cast<size_t>(y) * pixGetWpl(pix);
    uint8_t* rgb = image.row(y);
    for (int x = 0; x < image.width_px; ++x, rgb += 3) {
      rgb[0] = static_cast<uint8_t>(line[x] >> L_RED_SHIFT);
      rgb[1] = static_cast<uint8_t>(line[x] >> L_GREEN_SHIFT);
      rgb[2] = static_cast<uint8_t>(line[x] >> L_BLUE_SHIFT);
    }
  }
  return image;
}

bool IsLightOnDark(Pix* gray) {
  Numa* histogram = pixGetGrayHistogram(gray, 4);
  if (histogram == nullptr) return false;
  l_float32 median = 255, level = 0;
  l_float32 total = 0;
  numaGetSum(histogram, &total);
  for (int v = 0; v < 256 && total > 0; ++v) {
    l_float32 n = 0;
    numaGetFValue(histogram, v, &n);
    level += n;
    if (level >= total / 2) {
      median = static_cast<l_float32>(v);
      break;
    }
  }
  numaDestroy(&histogram);
  return median < 100;
}

PixPtr Even(Pix* gray) {
  PixPtr even;
  if (std::min(pixGetWidth(gray), pixGetHeight(gray)) >= kLeastSideForNormalising)
    even.reset(pixBackgroundNorm(gray, nullptr, nullptr, 16, 16, 60, 64, kPaper, 2, 2));
  return even != nullptr ? std::move(even) : OrThrow(pixCopy(nullptr, gray));
}

bool IsDrawn(Pix* gray) {
  constexpr double kLeastEven = 0.6;
  Numa* histogram = pixGetGrayHistogram(gray, 2);
  if (histogram == nullptr) return false;
  l_float32 most = 0, total = 0, near = 0;
  l_int32 mode = 0;
  numaGetMax(histogram, &most, &mode);
  numaGetSum(histogram, &total);
  numaGetSumOnInterval(histogram, std::max(0, mode - 2), std::min(255, mode + 2), &near);
  numaDestroy(&histogram);
  return near >= kLeastEven * total;
}

PixPtr Binarise(Pix* even, bool drawn) {
  // What a program has drawn has no grain, and may be coloured.
  const int kLeastThreshold = drawn ? 140 : 90;
  constexpr int kMostThreshold = 160;
  int threshold = kMostThreshold;
  Numa* histogram = pixGetGrayHistogram(even, 2);
  if (histogram != nullptr) {
    l_int32 split = threshold;
    l_float32 ink_mean = 0, paper_mean = 0;
    if (numaSplitDistribution(histogram, 0.1f, &split, &ink_mean, &paper_mean, nullptr, nullptr,
                              nullptr) == 0) {
      threshold = std::clamp(split, kLeastThreshold, kMostThreshold);
    }
    numaDestroy(&histogram);
  }
  return OrThrow(pixThresholdToBinary(even, threshold));
}

std::vector<Box> Components(Pix* binary) {
  BoxaPtr boxes(pixConnCompBB(binary, 8));
  std::vector<Box> out;
  if (boxes == nullptr) return out;  // leptonica: no ink
  const int n = boxaGetCount(boxes.get());
  out.reserve(n);
  for (int i = 0; i < n; ++i) {
    Box b;
    boxaGetBoxGeometry(boxes.get(), i, &b.x, &b.y, &b.width, &b.height);
    out.push_back(b);
  }
  return out;
}

}  // namespace glmocr
