// The scalar kernels: obvious loops that state what every other table must compute. Slow on
// purpose; never optimised.
#pragma once

#include "kernels/kernels.h"

namespace glmocr::reference {

void Gemm(const GemmArgs& args, ThreadPool& pool);                          // gemm.cc
void DepthwiseConv(const DepthwiseConvArgs& args, ThreadPool& pool);        // gemm.cc
void RmsNorm(const RmsNormArgs& args, ThreadPool& pool);                    // norm_rope.cc
void LayerNorm(const LayerNormArgs& args, ThreadPool& pool);                // norm_rope.cc
void VisionRope(const VisionRopeArgs& args, ThreadPool& pool);              // norm_rope.cc
void TextRope(const TextRopeArgs& args, ThreadPool& pool);                  // norm_rope.cc
void RowStatsOf(ConstMatrix logits, std::span<RowStats> out, ThreadPool&);  // norm_rope.cc
void SegmentAttention(const SegmentAttentionArgs& args, ThreadPool& pool);  // attention.cc
void KvWrite(const KvWriteArgs& args, ThreadPool& pool);                    // attention.cc
void PagedAttention(const PagedAttentionArgs& args, ThreadPool& pool);      // attention.cc

}  // namespace glmocr::reference
