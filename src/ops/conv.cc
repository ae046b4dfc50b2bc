#include "ops/conv.h"

#include <algorithm>

namespace glmocr {
namespace {

void CheckView(const FeatureView& x) { GLM_CHECK(x.pixels.rows == x.height * x.width); }

ConvWindows Windows(const FeatureView& x, const ConvShape& shape) {
  CheckView(x);
  return {.image = x.pixels,
          .height = x.height,
          .width = x.width,
          .kernel = shape.kernel,
          .stride = shape.stride,
          .pad = shape.pad,
          .out_height = shape.Out(x.height),
          .out_width = shape.Out(x.width)};
}

// Source of one output coordinate of a doubling: the lower neighbour, the upper one and its weight.
struct Tap {
  int64_t low = 0, high = 0;
  float weight = 0;
};
Tap DoubledTap(int64_t out, int64_t size) {
  const float at = std::max(0.0f, (static_cast<float>(out) + 0.5f) * 0.5f - 0.5f);
  const auto low = static_cast<int64_t>(at);
  return {low, std::min(low + 1, size - 1), at - static_cast<float>(low)};
}

}  // namespace

void Conv2d(const Context& ctx, const FeatureView& x, const PackedMatrix& w, const ConvShape& shape,
            MutMatrix y, const LinearEpilogue& epilogue) {
  CheckView(x);
  if (shape.kernel == 1 && shape.stride == 1) return Linear(ctx, x.pixels, w, y, epilogue);
  const ConvWindows windows = Windows(x, shape);
  GLM_CHECK(windows.cols() == w.k && y.rows == windows.rows() && y.cols == w.out_cols());
  GLM_CHECK(epilogue.bias.empty() || static_cast<int64_t>(epilogue.bias.size()) == w.n);
  const ConstMatrix& residual = epilogue.residual;
  GLM_CHECK(residual.data == nullptr || (residual.rows == y.rows && residual.cols == y.cols));
  ctx.kernels->gemm({.windows = &windows,
                     .w = &w,
                     .bias = epilogue.bias.empty() ? nullptr : epilogue.bias.data(),
                     .activation = epilogue.activation,
                     .residual = residual,
                     .y = y,
                     .compute = ctx.compute},
                    *ctx.pool);
}

void DepthwiseConv2d(const Context& ctx, const FeatureView& x, const DepthwiseWeights& w,
                     const ConvShape& shape, Activation activation, MutMatrix y) {
  const ConvWindows windows = Windows(x, shape);
  GLM_CHECK(static_cast<int64_t>(w.weight.size()) == windows.cols());
  GLM_CHECK(static_cast<int64_t>(w.bias.size()) == x.pixels.cols);
  GLM_CHECK(y.rows == windows.rows() && y.cols == x.pixels.cols);
  ctx.kernels->depthwise_conv({.windows = windows,
                               .weight = w.weight.data(),
                               .bias = w.bias.data(),
                               .activation = activation,
                               .y = y},
                              *ctx.pool);
}

void MaxPool2x2(const Context& ctx, const FeatureView& x, MutMatrix y) {
  CheckView(x);
  GLM_CHECK(y.rows == x.pixels.rows && y.cols == x.pixels.cols);
  const int64_t channels = y.cols;
  ctx.pool->For(x.height, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < x.width; ++j) {
        const float* a = x.pixels.row(i * x.width + j);
        float* out = y.row(i * x.width + j);
        const bool right = j + 1 < x.width, below = i + 1 < x.height;
        if (right && below) {
          const float* b = a + x.pixels.stride;
          const float* c = a + x.width * x.pixels.stride;
          const float* d = c + x.pixels.stride;
          for (int64_t k = 0; k < channels; ++k)
            out[k] = std::max(std::max(a[k], b[k]), std::max(c[k], d[k]));
          continue;
        }
        for (int64_t k = 0; k < channels; ++k) {
          float most = std::max(a[k], 0.0f);
          if (right) most = std::max(most, a[x.pixels.stride + k]);
          if (below) most = std::max(most, a[x.width * x.pixels.stride + k]);
          out[k] = most;
        }
      }
    }
  });
}

void UpsampleNearest2x(const Context& ctx, const FeatureView& x, MutMatrix y) {
  CheckView(x);
  GLM_CHECK(y.rows == 4 * x.pixels.rows && y.cols == x.pixels.cols);
  ctx.pool->For(2 * x.height, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < 2 * x.width; ++j) {
        const float* from = x.pixels.row(i / 2 * x.width + j / 2);
        std::copy(from, from + y.cols, y.row(i * 2 * x.width + j));
      }
    }
  });
}

void UpsampleBilinear2x(const Context& ctx, const FeatureView& x, MutMatrix y, Blend blend) {
  CheckView(x);
  GLM_CHECK(y.rows == 4 * x.pixels.rows && y.cols == x.pixels.cols);
  const int64_t channels = y.cols;
  ctx.pool->For(2 * x.height, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const Tap v = DoubledTap(i, x.height);
      for (int64_t j = 0; j < 2 * x.width; ++j) {
        const Tap h = DoubledTap(j, x.width);
        const float* a = x.pixels.row(v.low * x.width + h.low);
        const float* b = x.pixels.row(v.low * x.width + h.high);
        const float* c = x.pixels.row(v.high * x.width + h.low);
        const float* d = x.pixels.row(v.high * x.width + h.high);
        const float hw = h.weight, vw = v.weight;
        float* out = y.row(i * 2 * x.width + j);
        if (blend == Blend::kReplace) {
          for (int64_t k = 0; k < channels; ++k) {
            out[k] = (1 - vw) * ((1 - hw) * a[k] + hw * b[k]) + vw * ((1 - hw) * c[k] + hw * d[k]);
          }
        } else {
          for (int64_t k = 0; k < channels; ++k) {
            out[k] += (1 - vw) * ((1 - hw) * a[k] + hw * b[k]) + vw * ((1 - hw) * c[k] + hw * d[k]);
          }
        }
      }
    }
  });
}

}  // namespace glmocr
