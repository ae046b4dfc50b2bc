// Convolutions and resampling over pictures of features, channels last.
//
// Why channels last (NHWC): a 1 x 1 convolution is then a plain product over pixels, a window of
// any other is a few contiguous runs that the product packs without an intermediate copy
// (ConvWindows), and parts of a concatenation are columns that producers write in place.
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"
#include "ops/linear.h"

namespace glmocr {

// A picture of features: pixel (y, x) is row y * width + x.
struct FeatureView {
  ConstMatrix pixels;  // [height * width, channels]
  int64_t height = 0, width = 0;
};

// The same with its memory.
struct FeatureMap {
  Matrix pixels;
  int64_t height = 0, width = 0;

  void Resize(int64_t h, int64_t w, int64_t channels) {
    height = h;
    width = w;
    pixels.Resize(h * w, channels);
  }
  operator FeatureView() const {  // NOLINT(google-explicit-constructor)
    return {pixels, height, width};
  }
};

struct ConvShape {
  int64_t kernel = 1, stride = 1;
  int64_t pad = 0;      // zeros above and on the left
  int64_t pad_end = 0;  // zeros below and on the right
  int64_t Out(int64_t size) const { return (size + pad + pad_end - kernel) / stride + 1; }
};

// y = residual + activation(conv(x) + bias). w [out_channels, kernel * kernel * channels], its
// inputs in the order (ky, kx, channel); y [out_height * out_width, out_channels], not overlapping
// x.
void Conv2d(const Context& ctx, const FeatureView& x, const PackedMatrix& w, const ConvShape& shape,
            MutMatrix y, const LinearEpilogue& epilogue = {});

// One filter a channel: y = activation(conv(x) + bias), activation kNone or kRelu. weight [kernel *
// kernel, channels], bias [channels], y [out_height * out_width, channels], not overlapping x.
struct DepthwiseWeights {
  std::span<const float> weight, bias;
};
void DepthwiseConv2d(const Context& ctx, const FeatureView& x, const DepthwiseWeights& w,
                     const ConvShape& shape, Activation activation, MutMatrix y);

// y(i, j) = the greatest of x at (i .. i + 1, j .. j + 1), where x continues with zeros below and
// on the right; y [height * width, channels].
void MaxPool2x2(const Context& ctx, const FeatureView& x, MutMatrix y);

// Each pixel twice in both directions. y [4 * height * width, channels].
void UpsampleNearest2x(const Context& ctx, const FeatureView& x, MutMatrix y);

// Bilinear, pixel centres aligned (align_corners false), twice the size. y like UpsampleNearest2x;
// kAdd: added to what y holds.
enum class Blend { kReplace, kAdd };
void UpsampleBilinear2x(const Context& ctx, const FeatureView& x, MutMatrix y, Blend blend);

}  // namespace glmocr
