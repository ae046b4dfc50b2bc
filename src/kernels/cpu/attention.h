// Attention and the key/value cache on CPUs: one driver for every instruction set. A table's
// functions bind a target:
//   .segment_attention = [](const SegmentAttentionArgs& a, ThreadPool& p) {
//   cpu::SegmentAttention(a, cpu::kAvx2Attention, p); }
// Results of a row do not depend on threads, on the rows beside it or on how a prompt was cut into
// chunks.
#pragma once

#include "kernels/cpu/attention_tile.h"
#include "kernels/kernels.h"

namespace glmocr::cpu {

void SegmentAttention(const SegmentAttentionArgs& args, const AttentionTarget& target,
                      ThreadPool& pool);
void KvWrite(const KvWriteArgs& args, const AttentionTarget& target, ThreadPool& pool);
void PagedAttention(const PagedAttentionArgs& args, const AttentionTarget& target,
                    ThreadPool& pool);

}  // namespace glmocr::cpu
