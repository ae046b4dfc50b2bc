#include "ops/deformable.h"

#include <algorithm>
#include <cmath>

namespace glmocr {
namespace {

// sum += weight * value at pixel (y, x) of the level, which may lie outside.
void AddPixel(ConstMatrix value, const FeatureLevel& level, int64_t y, int64_t x, float weight,
              float* sum) {
  if (y < 0 || y >= level.height || x < 0 || x >= level.width) return;
  const float* from = value.row(level.first + y * level.width + x);
  for (int64_t i = 0; i < value.cols; ++i) sum[i] += weight * from[i];
}

}  // namespace

void DeformableAttention(const Context& ctx, const DeformableAttentionInputs& in,
                         std::span<const FeatureLevel> levels, MutMatrix out) {
  const auto n_levels = static_cast<int64_t>(levels.size());
  const int64_t n_queries = out.rows, samples = n_levels * in.n_points;
  GLM_CHECK(in.n_heads > 0 && out.cols % in.n_heads == 0 && in.value.cols == out.cols);
  GLM_CHECK(in.locations.rows == n_queries && in.locations.cols == 2 * in.n_heads * samples);
  GLM_CHECK(in.weights.rows == n_queries && in.weights.cols == in.n_heads * samples);
  for (const FeatureLevel& level : levels)
    GLM_CHECK(level.first >= 0 && level.first + level.height * level.width <= in.value.rows);
  const int64_t head_dim = out.cols / in.n_heads;
  ctx.pool->For(n_queries, 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t q = begin; q < end; ++q) {
      std::fill(out.row(q), out.row(q) + out.cols, 0.0f);
      for (int64_t head = 0; head < in.n_heads; ++head) {
        const ConstMatrix value = in.value.Cols(head * head_dim, head_dim);
        float* sum = out.row(q) + head * head_dim;
        const float* weight = in.weights.row(q) + head * samples;
        const float* location = in.locations.row(q) + 2 * head * samples;
        for (int64_t s = 0; s < samples; ++s) {
          const FeatureLevel& level = levels[static_cast<size_t>(s / in.n_points)];
          const float x = location[2 * s] * static_cast<float>(level.width) - 0.5f;
          const float y = location[2 * s + 1] * static_cast<float>(level.height) - 0.5f;
          // Beyond one pixel outside nothing is read; and far ones would not fit an integer.
          if (!(x > -1 && y > -1 && x < static_cast<float>(level.width) &&
                y < static_cast<float>(level.height))) {
            continue;
          }
          const float x0 = std::floor(x), y0 = std::floor(y);
          const float right = x - x0, below = y - y0;
          const auto i = static_cast<int64_t>(y0), j = static_cast<int64_t>(x0);
          const float w = weight[s];
          AddPixel(value, level, i, j, w * ((1 - below) * (1 - right)), sum);
          AddPixel(value, level, i, j + 1, w * ((1 - below) * right), sum);
          AddPixel(value, level, i + 1, j, w * (below * (1 - right)), sum);
          AddPixel(value, level, i + 1, j + 1, w * (below * right), sum);
        }
      }
    }
  });
}

}  // namespace glmocr
