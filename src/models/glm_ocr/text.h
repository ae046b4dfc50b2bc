// The text tower of GLM-OCR: sandwich-normed decoder layers with interleaved M-RoPE and
// grouped-query attention over a paged cache. Ref: transformers models/glm_ocr/modeling_glm_ocr.py,
// GlmOcrTextModel, GlmOcrTextDecoderLayer.
#pragma once

#include <span>
#include <vector>

#include "models/blocks/loader.h"
#include "models/blocks/observer.h"
#include "models/blocks/swiglu_mlp.h"
#include "models/glm_ocr/config.h"
#include "ops/rope.h"

namespace glmocr {

// Rows of several sequences, ready for the layers.
struct TextRows {
  std::span<const SequenceRows> sequences;
  const RopeTable* rope = nullptr;  // [n_rows, rotary_dim / 2]
};

// Buffers that layers share; they grow to the largest step and stay.
struct TextScratch {
  Matrix norm, qkv, attention, branch, mlp;
};

// language_model.layers.N:
//   h <- h + post_self_attn_layernorm(o_proj(attn(input_layernorm h)))
//   h <- h + post_mlp_layernorm(mlp(post_attention_layernorm h))
struct DecoderLayer {
  std::vector<float> input_layernorm, post_self_attn_layernorm, post_attention_layernorm,
      post_mlp_layernorm;  // [hidden]
  LinearLayer qkv;     // q_proj, k_proj, v_proj stacked: [(heads + 2 kv_heads) * head_dim, hidden]
  LinearLayer o_proj;  // [hidden, heads * head_dim]
  SwiGluMlp mlp;

  static DecoderLayer Load(Loader& loader, const WeightScope& scope,
                           const GlmOcrTextConfig& config);
  // h [n_rows, hidden] in place; writes the rows' keys and values into `cache`.
  void Forward(const Context& ctx, const GlmOcrTextConfig& config, const TextRows& rows,
               const KvLayerView& cache, TextScratch* scratch, MutMatrix h) const;
};

class TextTower {
 public:
  static TextTower Load(Loader& loader, const WeightScope& language_model,
                        const GlmOcrTextConfig& config);

  // embeddings [n_rows, hidden] -> after the final norm, in place. caches: one per layer.
  void Forward(const Context& ctx, const TextRows& rows, std::span<const KvLayerView> caches,
               TextScratch* scratch, MutMatrix h, TensorObserver* observer) const;

  // What one step streams from memory, in its order.
  std::vector<const PackedMatrix*> weights() const;

 private:
  GlmOcrTextConfig config_;
  std::vector<DecoderLayer> layers_;
  std::vector<float> norm_;  // [hidden]
};

}  // namespace glmocr
