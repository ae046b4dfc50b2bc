// Norms, rotations and logit statistics: worked examples against the reference, then every table
// against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/kernels_test_util.h"

namespace glmocr {
namespace {

TEST(NormRopeReference, RmsNormByHand) {
  ThreadPool pool(1);
  // mean(3^2, 4^2) = 12.5; 1 / sqrt(12.5 + 3.5) = 1/4.
  std::vector<float> x = {3, 4}, weight = {2, 8}, residual = {10, 20}, out(2);
  ReferenceKernels().rms_norm(
      {.x = {x.data(), 1, 2}, .weight = weight.data(), .eps = 3.5f, .out = {out.data(), 1, 2}},
      pool);
  EXPECT_EQ(out, (std::vector<float>{1.5f, 8.0f}));
  ReferenceKernels().rms_norm({.x = {x.data(), 1, 2},
                               .weight = weight.data(),
                               .eps = 3.5f,
                               .residual = {residual.data(), 1, 2},
                               .out = {out.data(), 1, 2}},
                              pool);
  EXPECT_EQ(out, (std::vector<float>{11.5f, 28.0f}));
}

TEST(NormRopeReference, LayerNormByHand) {
  ThreadPool pool(1);
  // mean 4, variance (9 + 1 + 1 + 9) / 4 = 5, 1 / sqrt(5 + 4) = 1/3.
  std::vector<float> x = {1, 3, 5, 7}, weight = {1, 3, 3, 2}, bias = {0, 0, 1, 0}, out(4);
  ReferenceKernels().layer_norm({.x = {x.data(), 1, 4},
                                 .weight = weight.data(),
                                 .bias = bias.data(),
                                 .eps = 4.0f,
                                 .out = {out.data(), 1, 4}},
                                pool);
  const std::vector<float> expected = {-1, -1, 2, 2};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], expected[i], 1e-6f);
  ReferenceKernels().layer_norm({.x = {x.data(), 1, 4},
                                 .weight = weight.data(),
                                 .bias = bias.data(),
                                 .eps = 4.0f,
                                 .activation = Activation::kGeluErf,
                                 .out = {out.data(), 1, 4}},
                                pool);
  EXPECT_NEAR(out[0], -0.15865525f, 1e-6f);  // -Phi(-1)
  EXPECT_NEAR(out[2], 1.95449974f, 1e-6f);   // 2 Phi(2)
}

TEST(NormRopeReference, RotationsByHand) {
  ThreadPool pool(1);
  std::vector<float> cos = {0, 1},
                     sin = {1, 0};  // a quarter turn for the first pair, none for the second
  std::vector<float> half_split = {1, 2, 3, 4};
  ReferenceKernels().vision_rope({.x = {half_split.data(), 1, 4},
                                  .head_dim = 4,
                                  .cos = {cos.data(), 1, 2},
                                  .sin = {sin.data(), 1, 2}},
                                 pool);
  EXPECT_EQ(half_split, (std::vector<float>{-3, 2, 1, 4}));
  std::vector<float> interleaved = {1, 2, 3,
                                    4, 5, 6};  // head_dim 6, rotary_dim 4: 5 and 6 pass through
  ReferenceKernels().text_rope({.x = {interleaved.data(), 1, 6},
                                .head_dim = 6,
                                .cos = {cos.data(), 1, 2},
                                .sin = {sin.data(), 1, 2}},
                               pool);
  EXPECT_EQ(interleaved, (std::vector<float>{-2, 1, 3, 4, 5, 6}));
  std::vector<float> normed = {1, 1, 1, 7}, weight = {1, 2, 3, 4};  // mean square 13, eps 3: 1/4
  ReferenceKernels().vision_rope({.x = {normed.data(), 1, 4},
                                  .head_dim = 4,
                                  .norm_weight = weight.data(),
                                  .eps = 3.0f,
                                  .cos = {cos.data(), 1, 2},
                                  .sin = {sin.data(), 1, 2}},
                                 pool);
  EXPECT_EQ(normed, (std::vector<float>{-0.75f, 0.5f, 0.25f, 7.0f}));
}

TEST(NormRopeReference, RowStatsByHand) {
  ThreadPool pool(1);
  std::vector<float> x = {NAN, 1, 3, 3, -INFINITY, 0, 0, 0, 0, 0};
  std::vector<RowStats> stats(2);
  ReferenceKernels().row_stats({x.data(), 2, 5}, stats, pool);
  EXPECT_EQ(stats[0].argmax, 2);
  EXPECT_EQ(stats[0].max, 3.0f);
  EXPECT_EQ(stats[1].argmax, 0);
  EXPECT_FLOAT_EQ(stats[1].log_sum_exp, std::log(5.0f));
}

// ---- every table against the reference ----

constexpr float kEps = std::numeric_limits<float>::epsilon();
constexpr float kSentinel = -12345.0f;
const int64_t kWidths[] = {1, 5, 16, 31, 64, 100, 193, 1024, 1536};

float Root(int64_t n) { return std::sqrt(static_cast<float>(n)); }

// Rows `gap` apart with sentinels between them, before and behind.
struct Guarded {
  Guarded(int64_t rows_in, int64_t cols_in, int64_t gap, unsigned seed)
      : rows(rows_in),
        cols(cols_in),
        stride(cols_in + gap),
        data(static_cast<size_t>((rows + 2) * stride), kSentinel) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal(0.25f, 1);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c) view().row(r)[c] = normal(rng);
    }
  }
  MutMatrix view() { return {data.data() + stride, rows, cols, stride}; }
  void Check() const {
    for (int64_t i = 0; i < static_cast<int64_t>(data.size()); ++i) {
      const int64_t row = i / stride - 1, col = i % stride;
      if (row >= 0 && row < rows && col < cols) continue;
      ASSERT_EQ(data[static_cast<size_t>(i)], kSentinel)
          << "written outside: row " << row << " column " << col;
    }
  }
  int64_t rows, cols, stride;
  std::vector<float> data;
};

bool SameBits(ConstMatrix a, ConstMatrix b) {
  for (int64_t r = 0; r < a.rows; ++r) {
    if (std::memcmp(a.row(r), b.row(r), static_cast<size_t>(a.cols) * sizeof(float)) != 0)
      return false;
  }
  return true;
}

// |actual - expected| <= relative * (|expected| + scale) everywhere; NaN only where expected.
void ExpectClose(ConstMatrix actual, ConstMatrix expected, float relative, float scale) {
  for (int64_t r = 0; r < actual.rows; ++r) {
    for (int64_t c = 0; c < actual.cols; ++c) {
      const float a = actual.row(r)[c], e = expected.row(r)[c];
      ASSERT_EQ(std::isnan(a), std::isnan(e)) << "row " << r << " column " << c;
      if (std::isnan(e)) continue;
      ASSERT_NEAR(a, e, relative * (std::fabs(e) + scale)) << "row " << r << " column " << c;
    }
  }
}

class NormRopeTable : public KernelTableTest {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NormRopeTable);
INSTANTIATE_TEST_SUITE_P(NormRope, NormRopeTable, testing::ValuesIn(TablesToTest()), TableName);

// A sum of n positive squares is off by a random walk of sqrt(n) eps/2 on either side, its root by
// half of that; the other steps (division, root, two products, a sum) round a handful of times.
TEST_P(NormRopeTable, RmsNorm) {
  ThreadPool one(1), three(3);
  for (const int64_t n : kWidths) {
    const int64_t m = n >= 1024 ? 150 : 5;  // 150 rows are shared among threads
    Guarded x(m, n, 3, 1), residual(m, n, 1, 2), weight(1, n, 0, 3), out(m, n, 2, 4),
        expected(m, n, 0, 5), again(m, n, 0, 6);
    x.view().row(2)[n / 2] = NAN;
    for (const bool with_residual : {false, true}) {
      RmsNormArgs args = {.x = x.view(), .weight = weight.view().data, .out = expected.view()};
      if (with_residual) args.residual = residual.view();
      ReferenceKernels().rms_norm(args, one);
      args.out = out.view();
      table().rms_norm(args, one);
      ExpectClose(out.view(), expected.view(), kEps * (8 + Root(n)),
                  with_residual ? 8.0f : 0.0f);  // residual + y may cancel
      out.Check();
      args.out = again.view();
      table().rms_norm(args, three);
      EXPECT_TRUE(SameBits(out.view(), again.view())) << "threads change the result";
      for (int64_t r = 0; r < 5; ++r) {  // one row at a time
        RmsNormArgs row = args;
        row.x = args.x.Rows(r, 1);
        if (with_residual) row.residual = args.residual.Rows(r, 1);
        row.out = again.view().Rows(r, 1);
        table().rms_norm(row, one);
      }
      EXPECT_TRUE(SameBits(out.view(), again.view())) << "the batch changes the result";
    }
    // In place: x may be out, and so may the residual.
    Guarded in_place = x;
    table().rms_norm({.x = in_place.view(),
                      .weight = weight.view().data,
                      .residual = residual.view(),
                      .out = in_place.view()},
                     one);
    EXPECT_TRUE(SameBits(in_place.view(), again.view()));
    in_place = residual;
    table().rms_norm({.x = x.view(),
                      .weight = weight.view().data,
                      .residual = in_place.view(),
                      .out = in_place.view()},
                     one);
    EXPECT_TRUE(SameBits(in_place.view(), again.view()));
  }
}

// As RmsNorm; the difference to the mean adds errors relative to the greatest element, not to the
// result: scale. One element alone has variance 0 and a scale of 1/sqrt(eps): the mean is exact
// there.
TEST_P(NormRopeTable, LayerNorm) {
  ThreadPool one(1), three(3);
  for (const int64_t n : kWidths) {
    const int64_t m = n >= 1024 ? 150 : 5;
    Guarded x(m, n, 3, 1), weight(1, n, 0, 3), bias(1, n, 0, 7), out(m, n, 2, 4),
        expected(m, n, 0, 5), again(m, n, 0, 6);
    x.view().row(2)[n / 2] = NAN;
    for (const Activation activation : {Activation::kNone, Activation::kGeluErf}) {
      LayerNormArgs args = {.x = x.view(),
                            .weight = weight.view().data,
                            .bias = bias.view().data,
                            .activation = activation,
                            .out = expected.view()};
      ReferenceKernels().layer_norm(args, one);
      args.out = out.view();
      table().layer_norm(args, one);
      ExpectClose(out.view(), expected.view(), kEps * (16 + 2 * Root(n)), 8);
      out.Check();
      args.out = again.view();
      table().layer_norm(args, three);
      EXPECT_TRUE(SameBits(out.view(), again.view())) << "threads change the result";
      Guarded in_place = x;
      args.x = args.out = in_place.view();
      table().layer_norm(args, one);
      EXPECT_TRUE(SameBits(in_place.view(), again.view()));
    }
  }
}

// A rotation sums two products, each rounded: 2 eps of |a| + |b|; the norm before it as above.
TEST_P(NormRopeTable, VisionRope) {
  ThreadPool one(1), three(3);
  for (const int64_t d : {2, 16, 20, 32, 40, 64, 72, 80, 128}) {
    constexpr int64_t kHeads = 3, kRows = 300;
    Guarded angles(kRows, d / 2, 0, 1), cos(kRows, d / 2, 2, 2), sin(kRows, d / 2, 5, 3),
        weight(1, d, 0, 4);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t i = 0; i < d / 2; ++i) {
        cos.view().row(r)[i] = std::cos(angles.view().row(r)[i]);
        sin.view().row(r)[i] = std::sin(angles.view().row(r)[i]);
      }
    }
    for (const float* norm_weight :
         {static_cast<const float*>(nullptr), static_cast<const float*>(weight.view().data)}) {
      Guarded expected(kRows, kHeads * d, 7, 5), out = expected, again = expected;
      VisionRopeArgs args = {.x = expected.view(),
                             .head_dim = d,
                             .norm_weight = norm_weight,
                             .cos = cos.view(),
                             .sin = sin.view()};
      ReferenceKernels().vision_rope(args, one);
      args.x = out.view();
      table().vision_rope(args, one);
      ExpectClose(out.view(), expected.view(), kEps * (8 + Root(d)), 8);
      out.Check();
      args.x = again.view();
      table().vision_rope(args, three);
      EXPECT_TRUE(SameBits(out.view(), again.view()));
    }
  }
}

TEST_P(NormRopeTable, TextRope) {
  ThreadPool one(1), three(3);
  const struct {
    int64_t head_dim, rotary_dim;
  } shapes[] = {{2, 2}, {16, 16}, {64, 64}, {128, 128}, {128, 64}, {40, 26}};
  for (const auto& shape : shapes) {
    constexpr int64_t kHeads = 5, kRows = 200;
    const int64_t pairs = shape.rotary_dim / 2;
    Guarded angles(kRows, pairs, 0, 1), cos(kRows, pairs, 2, 2), sin(kRows, pairs, 5, 3);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t i = 0; i < pairs; ++i) {
        cos.view().row(r)[i] = std::cos(angles.view().row(r)[i]);
        sin.view().row(r)[i] = std::sin(angles.view().row(r)[i]);
      }
    }
    Guarded expected(kRows, kHeads * shape.head_dim, 7, 5), out = expected, again = expected;
    TextRopeArgs args = {
        .x = expected.view(), .head_dim = shape.head_dim, .cos = cos.view(), .sin = sin.view()};
    ReferenceKernels().text_rope(args, one);
    args.x = out.view();
    table().text_rope(args, one);
    ExpectClose(out.view(), expected.view(), 2 * kEps, 8);
    out.Check();
    args.x = again.view();
    table().text_rope(args, three);
    EXPECT_TRUE(SameBits(out.view(), again.view()));
  }
}

TEST_P(NormRopeTable, RowStats) {
  ThreadPool one(1), two(2);
  for (const int64_t n : {1, 15, 16, 17, 63, 64, 65, 200, 59392}) {
    Guarded logits(7, n, 3, 1);
    const MutMatrix x = logits.view();
    const float inf = std::numeric_limits<float>::infinity();
    for (int64_t c = 0; c < n; ++c) {
      x.row(0)[c] *= 6;
      x.row(1)[c] = -inf;
      x.row(2)[c] = NAN;
      x.row(3)[c] = 1.5f;                         // all equal: the first wins
      x.row(4)[c] = c == n - 1 ? 90.0f : -80.0f;  // exp overflows without the maximum
      if (c % 3 == 1) x.row(5)[c] = NAN;
      if (c >= n / 2) x.row(6)[c] = inf;
    }
    if (n > 2) x.row(1)[0] = NAN;
    std::vector<RowStats> expected(7), actual(7), again(7);
    ReferenceKernels().row_stats(x, expected, one);
    table().row_stats(x, actual, one);
    table().row_stats(x, again, two);
    for (size_t r = 0; r < 7; ++r) {
      SCOPED_TRACE("n " + std::to_string(n) + " row " + std::to_string(r));
      EXPECT_EQ(actual[r].argmax, expected[r].argmax);
      EXPECT_EQ(actual[r].max, expected[r].max);
      EXPECT_EQ(std::memcmp(&actual[r], &again[r], sizeof(RowStats)), 0);
      ASSERT_EQ(std::isnan(actual[r].log_sum_exp), std::isnan(expected[r].log_sum_exp));
      if (std::isinf(expected[r].log_sum_exp)) {
        EXPECT_EQ(actual[r].log_sum_exp, expected[r].log_sum_exp);
      } else if (!std::isnan(expected[r].log_sum_exp)) {
        // exp within 2 ulp, 64 partial sums of n/64 terms; their relative error is the logarithm's
        // absolute one.
        const float bound = kEps * (8 + Root(n / 64) + std::fabs(expected[r].log_sum_exp));
        EXPECT_NEAR(actual[r].log_sum_exp, expected[r].log_sum_exp, bound);
      }
    }
    logits.Check();
  }
}

}  // namespace
}  // namespace glmocr
