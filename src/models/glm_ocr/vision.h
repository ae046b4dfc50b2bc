// The vision tower of GLM-OCR: patches of pixels in, one embedding per 2 x 2 window out.
// Ref: transformers models/glm_ocr/modeling_glm_ocr.py, GlmOcrVisionModel.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "models/blocks/loader.h"
#include "models/blocks/observer.h"
#include "models/blocks/swiglu_mlp.h"
#include "models/glm_ocr/config.h"

namespace glmocr {

// model.visual.blocks.N: pre-norm attention with q/k norm and 2-D rotary, pre-norm SwiGLU.
struct VisionBlock {
  std::vector<float> norm1, norm2;    // [hidden]
  LinearLayer qkv;                    // [3 * hidden, hidden]: rows q, k, v
  std::vector<float> q_norm, k_norm;  // [head_dim]
  LinearLayer proj;                   // [hidden, hidden]
  SwiGluMlp mlp;
};

// model.visual.merger: proj, LayerNorm, erf GELU, SwiGLU, all without biases but the norm's.
struct VisionMerger {
  LinearLayer proj;  // [out_hidden, out_hidden]
  std::vector<float> post_projection_norm_weight, post_projection_norm_bias;  // [out_hidden]
  SwiGluMlp mlp;  // width taken from the checkpoint
};

class VisionTower {
 public:
  static VisionTower Load(Loader& loader, const WeightScope& visual,
                          const GlmOcrVisionConfig& config);

  // pixel_values [n_patches, in_channels * temporal * patch^2] of all pictures one after the other,
  // each in merge-window order; grids (t, h, w) in patches. Returns [n_patches / merge^2,
  // out_hidden]. Attention never crosses a picture or a temporal patch.
  Matrix Forward(const Context& ctx, ConstMatrix pixel_values,
                 std::span<const std::array<int32_t, 3>> grids, TensorObserver* observer) const;

 private:
  struct Scratch {
    Matrix norm, qkv, attention, mlp;
  };
  void ForwardBlock(const Context& ctx, const VisionBlock& block, const struct RopeTable& rope,
                    std::span<const int64_t> segment_ends, Scratch* scratch, MutMatrix x) const;

  GlmOcrVisionConfig config_;
  LinearLayer patch_embed_;  // Conv3d as [hidden, in_channels * temporal * patch^2]
  std::vector<VisionBlock> blocks_;
  std::vector<float> post_layernorm_;  // [hidden]
  LinearLayer downsample_;  // Conv2d k = s = merge as [out_hidden, merge^2 * hidden], inputs
                            // ordered (patch, channel)
  VisionMerger merger_;
};

}  // namespace glmocr
