// Inner loops of norms, rotations and logit statistics on NEON.
#define GLM_LANES_NEON
#include "kernels/cpu/norm_rope_inl.h"

namespace glmocr::cpu {

constinit const NormRopeTarget kNeonNormRope = {
    .rms_norm = lanes::RmsNormRows,
    .layer_norm = lanes::LayerNormRows,
    .depthwise_conv = lanes::DepthwiseConvWindows,
    .vision_rope = lanes::VisionRopeRows,
    .text_rope = lanes::TextRopeRows,
    .scan_logits = lanes::ScanLogits,
};

}  // namespace glmocr::cpu
