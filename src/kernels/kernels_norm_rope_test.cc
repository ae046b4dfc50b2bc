// Norms, rotations and logit statistics: worked examples against the reference, then every table against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/kernels.h"

namespace glmocr {
namespace {

TEST(NormRopeReference, RmsNormByHand) {
  ThreadPool pool(1);
  // mean(3^2, 4^2) = 12.5; 1 / sqrt(12.5 + 3.5) = 1/4.
  std::vector<float> x = {3, 4}, weight = {2, 8}, residual = {10, 20}, out(2);
  ReferenceKernels().rms_norm({.x = {x.data(), 1, 2}, .weight = weight.data(), .eps = 3.5f, .out = {out.data(), 1, 2}}, pool);
  EXPECT_EQ(out, (std::vector<float>{1.5f, 8.0f}));
  ReferenceKernels().rms_norm({.x = {x.data(), 1, 2}, .weight = weight.data(), .eps = 3.5f,
                               .residual = {residual.data(), 1, 2}, .out = {out.data(), 1, 2}}, pool);
  EXPECT_EQ(out, (std::vector<float>{11.5f, 28.0f}));
}

TEST(NormRopeReference, LayerNormByHand) {
  ThreadPool pool(1);
  // mean 4, variance (9 + 1 + 1 + 9) / 4 = 5, 1 / sqrt(5 + 4) = 1/3.
  std::vector<float> x = {1, 3, 5, 7}, weight = {1, 3, 3, 2}, bias = {0, 0, 1, 0}, out(4);
  ReferenceKernels().layer_norm({.x = {x.data(), 1, 4}, .weight = weight.data(), .bias = bias.data(), .eps = 4.0f,
                                 .out = {out.data(), 1, 4}}, pool);
  const std::vector<float> expected = {-1, -1, 2, 2};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], expected[i], 1e-6f);
  ReferenceKernels().layer_norm({.x = {x.data(), 1, 4}, .weight = weight.data(), .bias = bias.data(), .eps = 4.0f,
                                 .activation = Activation::kGeluErf, .out = {out.data(), 1, 4}}, pool);
  EXPECT_NEAR(out[0], -0.15865525f, 1e-6f);  // -Phi(-1)
  EXPECT_NEAR(out[2], 1.95449974f, 1e-6f);   // 2 Phi(2)
}

TEST(NormRopeReference, RotationsByHand) {
  ThreadPool pool(1);
  std::vector<float> cos = {0, 1}, sin = {1, 0};  // a quarter turn for the first pair, none for the second
  std::vector<float> half_split = {1, 2, 3, 4};
  ReferenceKernels().vision_rope({.x = {half_split.data(), 1, 4}, .head_dim = 4, .cos = {cos.data(), 1, 2},
                                  .sin = {sin.data(), 1, 2}}, pool);
  EXPECT_EQ(half_split, (std::vector<float>{-3, 2, 1, 4}));
  std::vector<float> interleaved = {1, 2, 3, 4, 5, 6};  // head_dim 6, rotary_dim 4: 5 and 6 pass through
  ReferenceKernels().text_rope({.x = {interleaved.data(), 1, 6}, .head_dim = 6, .cos = {cos.data(), 1, 2},
                                .sin = {sin.data(), 1, 2}}, pool);
  EXPECT_EQ(interleaved, (std::vector<float>{-2, 1, 3, 4, 5, 6}));
  std::vector<float> normed = {1, 1, 1, 7}, weight = {1, 2, 3, 4};  // mean square 13, eps 3: 1/4
  ReferenceKernels().vision_rope({.x = {normed.data(), 1, 4}, .head_dim = 4, .norm_weight = weight.data(), .eps = 3.0f,
                                  .cos = {cos.data(), 1, 2}, .sin = {sin.data(), 1, 2}}, pool);
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

}  // namespace
}  // namespace glmocr
