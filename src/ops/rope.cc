#include "ops/rope.h"

#include <cmath>
#include <vector>

namespace glmocr {
namespace {

// 1 / base^(2j / dim), j < count, rounded like torch: exponent, power and reciprocal each in fp32.
std::vector<float> InverseFrequencies(float base, int64_t dim, int64_t count) {
  std::vector<float> inverse(static_cast<size_t>(count));
  for (int64_t j = 0; j < count; ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(dim);
    inverse[static_cast<size_t>(j)] = 1.0f / std::pow(base, exponent);
  }
  return inverse;
}

}  // namespace

RopeTable VisionRopeTable(std::span<const std::array<int32_t, 2>> hw, int64_t head_dim) {
  const int64_t per_axis = head_dim / 4;
  const std::vector<float> inverse = InverseFrequencies(10000.0f, head_dim / 2, per_axis);
  const auto m = static_cast<int64_t>(hw.size());
  RopeTable table{Matrix(m, head_dim / 2), Matrix(m, head_dim / 2)};
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t axis = 0; axis < 2; ++axis) {
      for (int64_t j = 0; j < per_axis; ++j) {
        const float angle =
            static_cast<float>(hw[static_cast<size_t>(r)][static_cast<size_t>(axis)]) *
            inverse[static_cast<size_t>(j)];
        table.cos.row(r)[axis * per_axis + j] = std::cos(angle);
        table.sin.row(r)[axis * per_axis + j] = std::sin(angle);
      }
    }
  }
  return table;
}

void MRopeTable(std::span<const std::array<int32_t, 3>> positions,
                std::span<const int64_t, 3> sections, float theta, RopeTable* table) {
  const int64_t n = sections[0] + sections[1] + sections[2];
  const std::vector<float> inverse = InverseFrequencies(theta, 2 * n, n);
  const auto m = static_cast<int64_t>(positions.size());
  table->cos.Resize(m, n);
  table->sin.Resize(m, n);
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t k = 0; k < n; ++k) {
      const size_t axis = k < sections[0] ? 0 : k < sections[0] + sections[1] ? 1 : 2;
      const float angle = static_cast<float>(positions[static_cast<size_t>(r)][axis]) *
                          inverse[static_cast<size_t>(k)];
      table->cos.row(r)[k] = std::cos(angle);
      table->sin.row(r)[k] = std::sin(angle);
    }
  }
}

void VisionRope(const Context& ctx, MutMatrix x, std::span<const float> norm_weight, float eps,
                const RopeTable& table, int64_t head_dim) {
  GLM_CHECK(x.cols % head_dim == 0 && table.cos.rows() == x.rows &&
            table.cos.cols() * 2 == head_dim);
  GLM_CHECK(norm_weight.empty() || static_cast<int64_t>(norm_weight.size()) == head_dim);
  ctx.kernels->vision_rope({.x = x,
                            .head_dim = head_dim,
                            .norm_weight = norm_weight.empty() ? nullptr : norm_weight.data(),
                            .eps = eps,
                            .cos = table.cos,
                            .sin = table.sin},
                           *ctx.pool);
}

void TextRope(const Context& ctx, MutMatrix x, const RopeTable& table, int64_t head_dim) {
  GLM_CHECK(x.cols % head_dim == 0 && table.cos.rows() == x.rows &&
            table.cos.cols() * 2 <= head_dim);
  ctx.kernels->text_rope({.x = x, .head_dim = head_dim, .cos = table.cos, .sin = table.sin},
                         *ctx.pool);
}

}  // namespace glmocr
