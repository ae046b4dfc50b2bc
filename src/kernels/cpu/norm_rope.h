// Norms, rotations and logit statistics on CPUs: one driver (norm_rope.cc) for every instruction
// set, and the border to the inner loops (norm_rope_<target>.cc). Bound to a table like
// attention.h's functions. Sums run in 4 x 16 lanes on every target, row by row: results depend
// neither on the number of rows nor on threads.
#pragma once

#include "kernels/kernels.h"

namespace glmocr::cpu {

struct LogitScan {
  float max;       // greatest element that is not NaN; -inf if there is none
  int64_t argmax;  // lowest index of max; 0 if max is -inf
  float sum_exp;   // sum of exp(x - max); meaningless if max is infinite
};

struct NormRopeTarget {
  // Rows [begin, end).
  void (*rms_norm)(const RmsNormArgs& args, int64_t begin, int64_t end);
  void (*layer_norm)(const LayerNormArgs& args, int64_t begin, int64_t end);
  // Windows [begin, end).
  void (*depthwise_conv)(const DepthwiseConvArgs& args, int64_t begin, int64_t end);
  void (*vision_rope)(const VisionRopeArgs& args, int64_t begin, int64_t end);
  void (*text_rope)(const TextRopeArgs& args, int64_t begin, int64_t end);
  LogitScan (*scan_logits)(const float* x, int64_t n);
};

#if defined(__x86_64__)
extern const NormRopeTarget kAvx2NormRope;
extern const NormRopeTarget kAvx512NormRope;
#elif defined(__aarch64__)
extern const NormRopeTarget kNeonNormRope;
#endif

void RmsNorm(const RmsNormArgs& args, const NormRopeTarget& target, ThreadPool& pool);
void LayerNorm(const LayerNormArgs& args, const NormRopeTarget& target, ThreadPool& pool);
void DepthwiseConv(const DepthwiseConvArgs& args, const NormRopeTarget& target, ThreadPool& pool);
void VisionRope(const VisionRopeArgs& args, const NormRopeTarget& target, ThreadPool& pool);
void TextRope(const TextRopeArgs& args, const NormRopeTarget& target, ThreadPool& pool);
void RowStatsOf(ConstMatrix logits, std::span<RowStats> out, const NormRopeTarget& target,
                ThreadPool& pool);

}  // namespace glmocr::cpu
