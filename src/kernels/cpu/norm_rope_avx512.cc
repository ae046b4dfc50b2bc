// Inner loops of norms, rotations and logit statistics on AVX512.
#define GLM_LANES_AVX512
#include "kernels/cpu/norm_rope_inl.h"

namespace glmocr::cpu {

constinit const NormRopeTarget kAvx512NormRope = {
    .rms_norm = lanes::RmsNormRows,
    .layer_norm = lanes::LayerNormRows,
    .depthwise_conv = lanes::DepthwiseConvWindows,
    .vision_rope = lanes::VisionRopeRows,
    .text_rope = lanes::TextRopeRows,
    .scan_logits = lanes::ScanLogits,
};

}  // namespace glmocr::cpu
