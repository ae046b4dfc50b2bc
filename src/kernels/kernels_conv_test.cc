// Convolutions of every table this machine can run against kernels/reference: windows as rows of a
// product, bit for bit (kernels.h), depthwise, and the activations that convolutions bring.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/select.h"

namespace glmocr {
namespace {

struct Case {
  int64_t height, width, channels, kernel, stride, pad, out_height, out_width, n;
};
// Odd sizes, windows over all edges, pads on one side only, more rows than a tile, one pixel.
const Case kCases[] = {
    {9, 7, 5, 3, 1, 1, 9, 7, 19},      {8, 10, 4, 3, 2, 1, 4, 5, 32},
    {6, 6, 16, 2, 1, 0, 6, 6, 16},     {1, 1, 3, 3, 1, 1, 1, 1, 5},
    {25, 31, 12, 5, 1, 2, 25, 31, 48}, {3, 40, 33, 1, 2, 0, 2, 20, 17},
};

std::vector<float> Random(int64_t n, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

// The picture's rows are longer than its channels; what lies between is poison.
struct Picture {
  Picture(const Case& c, std::mt19937& random)
      : stride(c.channels + 3),
        values(static_cast<size_t>(c.height * c.width * stride), std::nanf("")) {
    const std::vector<float> given = Random(c.height * c.width * c.channels, random);
    for (int64_t r = 0; r < c.height * c.width; ++r)
      std::copy_n(given.data() + r * c.channels, c.channels, values.data() + r * stride);
  }
  ConvWindows Windows(const Case& c) const {
    return {.image = ConstMatrix(values.data(), c.height * c.width, c.channels, stride),
            .height = c.height,
            .width = c.width,
            .kernel = c.kernel,
            .stride = c.stride,
            .pad = c.pad,
            .out_height = c.out_height,
            .out_width = c.out_width};
  }
  int64_t stride;
  std::vector<float> values;
};

PackedMatrix Packed(const std::vector<float>& values, int64_t n, ThreadPool& pool) {
  const TensorView view = {reinterpret_cast<const std::byte*>(values.data()), DType::kF32,
                           Shape{n, static_cast<int64_t>(values.size()) / n}};
  return PackMatrix(view, WeightLayout::kF32Panel16, pool).value();
}

TEST(KernelsConv, WindowsGiveTheBitsOfTheReference) {
  std::mt19937 random(1);
  for (const int n_threads : {1, 3}) {
    ThreadPool pool(n_threads);
    for (const Case& c : kCases) {
      const Picture picture(c, random);
      const ConvWindows windows = picture.Windows(c);
      const PackedMatrix w = Packed(Random(c.n * windows.cols(), random), c.n, pool);
      const std::vector<float> bias = Random(c.n, random);
      Matrix want(windows.rows(), c.n), got(windows.rows(), c.n);
      GemmArgs args{.windows = &windows,
                    .w = &w,
                    .bias = bias.data(),
                    .activation = Activation::kRelu,
                    .y = want};
      ReferenceKernels().gemm(args, pool);
      args.y = got;
      for (const KernelTable* table : RunnableKernels()) {
        table->gemm(args, pool);
        for (int64_t i = 0; i < want.rows() * c.n; ++i)
          ASSERT_EQ(got.data()[i], want.data()[i]) << table->name << " element " << i;
      }
    }
  }
}

// What a window is, spelled out once more: a product over a matrix of windows that is stored.
TEST(KernelsConv, WindowsAreTheRowsOfTheStoredMatrix) {
  std::mt19937 random(2);
  ThreadPool pool(2);
  for (const Case& c : kCases) {
    const Picture picture(c, random);
    const ConvWindows windows = picture.Windows(c);
    Matrix rows(windows.rows(), windows.cols());
    for (int64_t oy = 0; oy < c.out_height; ++oy) {
      for (int64_t ox = 0; ox < c.out_width; ++ox) {
        float* row = rows.row(oy * c.out_width + ox);
        for (int64_t ky = 0; ky < c.kernel; ++ky) {
          for (int64_t kx = 0; kx < c.kernel; ++kx) {
            const int64_t y = oy * c.stride + ky - c.pad, x = ox * c.stride + kx - c.pad;
            const bool inside = y >= 0 && y < c.height && x >= 0 && x < c.width;
            for (int64_t i = 0; i < c.channels; ++i)
              *row++ = inside ? windows.image.row(y * c.width + x)[i] : 0;
          }
        }
      }
    }
    const PackedMatrix w = Packed(Random(c.n * windows.cols(), random), c.n, pool);
    Matrix want(windows.rows(), c.n), got(windows.rows(), c.n);
    for (const KernelTable* table : RunnableKernels()) {
      table->gemm({.x = rows, .w = &w, .y = want}, pool);
      table->gemm({.windows = &windows, .w = &w, .y = got}, pool);
      for (int64_t i = 0; i < want.rows() * c.n; ++i)
        ASSERT_EQ(got.data()[i], want.data()[i]) << table->name << " element " << i;
    }
  }
}

TEST(KernelsConv, DepthwiseGivesTheBitsOfTheReference) {
  std::mt19937 random(3);
  ThreadPool pool(2);
  for (const Case& c : kCases) {
    for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
      const Picture picture(c, random);
      const ConvWindows windows = picture.Windows(c);
      const std::vector<float> weight = Random(windows.cols(), random),
                               bias = Random(c.channels, random);
      Matrix want(windows.rows(), c.channels), got(windows.rows(), c.channels);
      DepthwiseConvArgs args{.windows = windows,
                             .weight = weight.data(),
                             .bias = bias.data(),
                             .activation = activation,
                             .y = want};
      ReferenceKernels().depthwise_conv(args, pool);
      args.y = got;
      for (const KernelTable* table : RunnableKernels()) {
        table->depthwise_conv(args, pool);
        for (int64_t i = 0; i < want.rows() * want.cols(); ++i)
          ASSERT_EQ(got.data()[i], want.data()[i]) << table->name << " element " << i;
      }
    }
  }
}

// exp has a relative error below 2^-22 (simd_math_inl.h), x / (1 + exp(-x)) adds two roundings.
TEST(KernelsConv, SiluIsWithinThreeRoundingsOfTheDefinition) {
  ThreadPool pool(1);
  const PackedMatrix one = Packed({1.0f}, 1, pool);
  for (const float x : {-100.0f, -88.0f, -20.0f, -1.5f, -1e-8f, 0.0f, 1e-3f, 1.0f, 30.0f, 1e30f}) {
    const double want = double{x} / (1 + std::exp(-double{x}));
    for (const KernelTable* table : RunnableKernels()) {
      float y = std::nanf("");
      table->gemm({.x = ConstMatrix(&x, 1, 1),
                   .w = &one,
                   .activation = Activation::kSilu,
                   .y = MutMatrix(&y, 1, 1)},
                  pool);
      const double slack = std::abs(want) * std::ldexp(1.0, -20) + 1e-38;
      EXPECT_NEAR(y, want, slack) << table->name << " at " << x;
    }
  }
}

}  // namespace
}  // namespace glmocr
