// Norms, rotations and logit statistics: checks, and rows shared among threads. Baseline code.
#include "kernels/cpu/norm_rope.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace glmocr::cpu {
namespace {

// Elements worth a thread: some 10 us of work, ten times the cost of waking it. A decode step stays
// on its caller.
constexpr int64_t kElementsPerThread = int64_t{32} << 10;

template <typename Args>
void ForRows(const Args& args, int64_t rows, int64_t cols,
             void (*run)(const Args&, int64_t, int64_t), ThreadPool& pool) {
  const int64_t grain = std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, cols));
  pool.For(rows, grain, [&](int64_t begin, int64_t end, int) { run(args, begin, end); });
}

bool SameShape(ConstMatrix a, ConstMatrix b) { return a.rows == b.rows && a.cols == b.cols; }

}  // namespace

void RmsNorm(const RmsNormArgs& args, const NormRopeTarget& target, ThreadPool& pool) {
  GLM_CHECK(SameShape(args.x, args.out) && args.weight != nullptr);
  GLM_CHECK(args.residual.data == nullptr || SameShape(args.x, args.residual));
  ForRows(args, args.x.rows, args.x.cols, target.rms_norm, pool);
}

void LayerNorm(const LayerNormArgs& args, const NormRopeTarget& target, ThreadPool& pool) {
  GLM_CHECK(SameShape(args.x, args.out) && args.weight != nullptr && args.bias != nullptr);
  GLM_CHECK(args.activation != Activation::kSwiGlu);
  ForRows(args, args.x.rows, args.x.cols, target.layer_norm, pool);
}

void DepthwiseConv(const DepthwiseConvArgs& args, const NormRopeTarget& target, ThreadPool& pool) {
  const ConvWindows& w = args.windows;
  GLM_CHECK(args.y.rows == w.rows() && args.y.cols == w.image.cols);
  GLM_CHECK(w.image.rows == w.height * w.width && args.weight != nullptr && args.bias != nullptr);
  GLM_CHECK(args.activation == Activation::kNone || args.activation == Activation::kRelu);
  ForRows(args, w.rows(), w.image.cols * w.kernel * w.kernel, target.depthwise_conv, pool);
}

void VisionRope(const VisionRopeArgs& args, const NormRopeTarget& target, ThreadPool& pool) {
  GLM_CHECK(args.head_dim > 0 && args.head_dim % 2 == 0 && args.x.cols % args.head_dim == 0);
  GLM_CHECK(args.cos.rows == args.x.rows && args.cos.cols == args.head_dim / 2 &&
            SameShape(args.cos, args.sin));
  ForRows(args, args.x.rows, args.x.cols, target.vision_rope, pool);
}

void TextRope(const TextRopeArgs& args, const NormRopeTarget& target, ThreadPool& pool) {
  GLM_CHECK(args.head_dim > 0 && args.x.cols % args.head_dim == 0 &&
            2 * args.cos.cols <= args.head_dim);
  GLM_CHECK(args.cos.rows == args.x.rows && SameShape(args.cos, args.sin));
  ForRows(args, args.x.rows, args.x.cols, target.text_rope, pool);
}

void RowStatsOf(ConstMatrix logits, std::span<RowStats> out, const NormRopeTarget& target,
                ThreadPool& pool) {
  GLM_CHECK(static_cast<int64_t>(out.size()) == logits.rows);
  pool.For(logits.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = logits.row(r);
      const LogitScan scan = target.scan_logits(x, logits.cols);
      RowStats& stats = out[static_cast<size_t>(r)];
      stats = {
          .argmax = static_cast<int32_t>(scan.argmax), .max = scan.max, .log_sum_exp = scan.max};
      if (!std::isinf(scan.max)) {
        stats.log_sum_exp = scan.max + std::log(scan.sum_exp);
      } else if (scan.max < 0) {  // nothing above -inf: the first that is not NaN
        const float* first =
            std::find_if(x, x + logits.cols, [](float value) { return !std::isnan(value); });
        stats.argmax = first == x + logits.cols ? 0 : static_cast<int32_t>(first - x);
      }
    }
  });
}

}  // namespace glmocr::cpu
