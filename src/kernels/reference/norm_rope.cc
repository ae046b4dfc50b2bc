#include <cmath>
#include <limits>

#include "base/check.h"
#include "kernels/reference/reference.h"

namespace glmocr::reference {
namespace {

float GeluErf(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f)); }

// 1 / sqrt(mean(x^2) + eps)
float InverseRms(const float* x, int64_t n, float eps) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum = std::fma(x[i], x[i], sum);
  return 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
}

// (a, b) turned by the angle whose cosine and sine are given.
void Rotate(float& a, float& b, float cos, float sin) {
  const float turned_a = a * cos - b * sin;
  b = b * cos + a * sin;
  a = turned_a;
}

RowStats StatsOf(const float* x, int64_t n) {
  RowStats stats;
  stats.max = -std::numeric_limits<float>::infinity();
  bool found = false;
  for (int64_t i = 0; i < n; ++i) {
    if (std::isnan(x[i]) || (found && x[i] <= stats.max)) continue;
    stats.max = x[i];
    stats.argmax = static_cast<int32_t>(i);
    found = true;
  }
  if (std::isinf(stats.max)) {  // x - max would be inf - inf
    stats.log_sum_exp = stats.max;
    return stats;
  }
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - stats.max);
  stats.log_sum_exp = static_cast<float>(stats.max + std::log(sum));
  return stats;
}

}  // namespace

void RmsNorm(const RmsNormArgs& args, ThreadPool&) {
  GLM_CHECK(args.out.rows == args.x.rows && args.out.cols == args.x.cols);
  const int64_t n = args.x.cols;
  for (int64_t r = 0; r < args.x.rows; ++r) {
    const float* x = args.x.row(r);
    const float scale = InverseRms(x, n, args.eps);
    for (int64_t i = 0; i < n; ++i) {
      const float y = x[i] * scale * args.weight[i];
      args.out.row(r)[i] = args.residual.data == nullptr ? y : args.residual.row(r)[i] + y;
    }
  }
}

void LayerNorm(const LayerNormArgs& args, ThreadPool&) {
  GLM_CHECK(args.out.rows == args.x.rows && args.out.cols == args.x.cols);
  GLM_CHECK(args.activation != Activation::kSwiGlu);
  const int64_t n = args.x.cols;
  for (int64_t r = 0; r < args.x.rows; ++r) {
    const float* x = args.x.row(r);
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[i];
    const float mean = sum / static_cast<float>(n);
    float squares = 0;
    for (int64_t i = 0; i < n; ++i) squares = std::fma(x[i] - mean, x[i] - mean, squares);
    const float scale = 1.0f / std::sqrt(squares / static_cast<float>(n) + args.eps);
    for (int64_t i = 0; i < n; ++i) {
      const float y = (x[i] - mean) * scale * args.weight[i] + args.bias[i];
      args.out.row(r)[i] = args.activation == Activation::kGeluErf ? GeluErf(y) : y;
    }
  }
}

void VisionRope(const VisionRopeArgs& args, ThreadPool&) {
  const int64_t half = args.head_dim / 2;
  GLM_CHECK(args.head_dim > 0 && args.head_dim % 2 == 0 && args.x.cols % args.head_dim == 0);
  GLM_CHECK(args.cos.rows == args.x.rows && args.cos.cols == half && args.sin.rows == args.x.rows &&
            args.sin.cols == half);
  for (int64_t r = 0; r < args.x.rows; ++r) {
    for (float* head = args.x.row(r); head < args.x.row(r) + args.x.cols; head += args.head_dim) {
      if (args.norm_weight != nullptr) {
        const float scale = InverseRms(head, args.head_dim, args.eps);
        for (int64_t i = 0; i < args.head_dim; ++i) head[i] = head[i] * scale * args.norm_weight[i];
      }
      for (int64_t i = 0; i < half; ++i)
        Rotate(head[i], head[i + half], args.cos.row(r)[i], args.sin.row(r)[i]);
    }
  }
}

void TextRope(const TextRopeArgs& args, ThreadPool&) {
  GLM_CHECK(args.head_dim > 0 && args.x.cols % args.head_dim == 0 &&
            2 * args.cos.cols <= args.head_dim);
  GLM_CHECK(args.cos.rows == args.x.rows && args.sin.rows == args.x.rows &&
            args.sin.cols == args.cos.cols);
  for (int64_t r = 0; r < args.x.rows; ++r) {
    for (float* head = args.x.row(r); head < args.x.row(r) + args.x.cols; head += args.head_dim) {
      for (int64_t i = 0; i < args.cos.cols; ++i) {
        Rotate(head[2 * i], head[2 * i + 1], args.cos.row(r)[i], args.sin.row(r)[i]);
      }
    }
  }
}

void RowStatsOf(ConstMatrix logits, std::span<RowStats> out, ThreadPool&) {
  GLM_CHECK(static_cast<int64_t>(out.size()) == logits.rows);
  for (int64_t r = 0; r < logits.rows; ++r)
    out[static_cast<size_t>(r)] = StatsOf(logits.row(r), logits.cols);
}

}  // namespace glmocr::reference
