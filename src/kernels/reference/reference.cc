#include "kernels/reference/reference.h"

namespace glmocr {

const KernelTable& ReferenceKernels() {
  static constexpr KernelTable kTable = {
      .name = "reference",
      .native_bf16 = false,
      .gemm = reference::Gemm,
      .rms_norm = reference::RmsNorm,
      .layer_norm = reference::LayerNorm,
      .depthwise_conv = reference::DepthwiseConv,
      .vision_rope = reference::VisionRope,
      .text_rope = reference::TextRope,
      .segment_attention = reference::SegmentAttention,
      .kv_write = reference::KvWrite,
      .paged_attention = reference::PagedAttention,
      .row_stats = reference::RowStatsOf,
  };
  return kTable;
}

}  // namespace glmocr
