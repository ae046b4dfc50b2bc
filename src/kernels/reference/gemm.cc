#include <cmath>
#include <vector>

#include "kernels/reference/reference.h"

namespace glmocr::reference {
namespace {

float Round(float x, Compute compute) {
  return compute == Compute::kBF16 ? BF16ToF32(F32ToBF16(x)) : x;
}
float Silu(float x) { return x / (1.0f + std::exp(-x)); }
float GeluErf(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f)); }

// Column i of row r of the matrix of windows.
float WindowElement(const ConvWindows& w, int64_t r, int64_t i) {
  const int64_t channels = w.image.cols, tap = i / channels;
  const int64_t y = r / w.out_width * w.stride - w.pad + tap / w.kernel;
  const int64_t x = r % w.out_width * w.stride - w.pad + tap % w.kernel;
  if (y < 0 || y >= w.height || x < 0 || x >= w.width) return 0;
  return w.image.row(y * w.width + x)[i % channels];
}

}  // namespace

void DepthwiseConv(const DepthwiseConvArgs& args, ThreadPool& pool) {
  const ConvWindows& w = args.windows;
  const int64_t channels = w.image.cols;
  GLM_CHECK(args.y.rows == w.rows() && args.y.cols == channels);
  pool.For(w.rows(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (int64_t tap = 0; tap < w.kernel * w.kernel; ++tap) {
          sum = std::fma(WindowElement(w, r, tap * channels + c), args.weight[tap * channels + c],
                         sum);
        }
        const float y = sum + args.bias[c];
        args.y.row(r)[c] = args.activation == Activation::kRelu && y < 0 ? 0 : y;
      }
    }
  });
}

void Gemm(const GemmArgs& args, ThreadPool& pool) {
  const PackedMatrix& w = *args.w;
  const ConvWindows* windows = args.windows;
  const int64_t m = windows == nullptr ? args.x.rows : windows->rows();
  GLM_CHECK((windows == nullptr ? args.x.cols : windows->cols()) == w.k);
  GLM_CHECK(args.y.cols == w.out_cols() && m == args.y.rows);
  GLM_CHECK((args.activation == Activation::kSwiGlu) == (w.form == WeightForm::kSwiGlu));
  pool.For(m, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      std::vector<float> x(static_cast<size_t>(w.k));
      for (int64_t i = 0; i < w.k; ++i) {
        x[static_cast<size_t>(i)] = Round(
            windows == nullptr ? args.x.row(r)[i] : WindowElement(*windows, r, i), args.compute);
      }
      const auto dot = [&](int64_t o) {
        float sum = 0;
        for (int64_t i = 0; i < w.k; ++i)
          sum = std::fma(x[static_cast<size_t>(i)], Round(w.At(o, i), args.compute), sum);
        return args.bias == nullptr ? sum : sum + args.bias[o];
      };
      for (int64_t o = 0; o < w.out_cols(); ++o) {
        float y = dot(o);
        if (args.activation == Activation::kSwiGlu) y = Silu(y) * dot(o + w.out_cols());
        if (args.activation == Activation::kGeluErf) y = GeluErf(y);
        if (args.activation == Activation::kRelu) y = y < 0 ? 0 : y;
        if (args.activation == Activation::kSilu) y = Silu(y);
        if (args.residual.data != nullptr) y = args.residual.row(r)[o] + y;
        args.y.row(r)[o] = y;
      }
    }
  });
}

}  // namespace glmocr::reference
