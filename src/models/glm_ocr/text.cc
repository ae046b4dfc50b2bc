#include "models/glm_ocr/text.h"

#include <fmt/format.h>

#include "ops/attention.h"
#include "ops/norm.h"

namespace glmocr {

DecoderLayer DecoderLayer::Load(Loader& loader, const WeightScope& scope,
                                const GlmOcrTextConfig& c) {
  const int64_t n = c.hidden_size;
  const int64_t q = c.num_attention_heads * c.head_dim;
  const int64_t kv = c.num_key_value_heads * c.head_dim;
  const WeightScope attn = scope.Sub("self_attn");
  DecoderLayer layer;
  layer.input_layernorm = loader.Vector(scope.Sub("input_layernorm"), "weight", n);
  const TensorView qkv[] = {attn.At("q_proj.weight", {q, n}), attn.At("k_proj.weight", {kv, n}),
                            attn.At("v_proj.weight", {kv, n})};
  layer.qkv = loader.Stacked(qkv);
  layer.o_proj = loader.Linear(attn.Sub("o_proj"), {n, q}, Bias::kNo);
  layer.post_self_attn_layernorm =
      loader.Vector(scope.Sub("post_self_attn_layernorm"), "weight", n);
  layer.post_attention_layernorm =
      loader.Vector(scope.Sub("post_attention_layernorm"), "weight", n);
  layer.mlp = SwiGluMlp::LoadFused(loader, scope.Sub("mlp"), {n, c.intermediate_size, n});
  layer.post_mlp_layernorm = loader.Vector(scope.Sub("post_mlp_layernorm"), "weight", n);
  return layer;
}

void DecoderLayer::Forward(const Context& ctx, const GlmOcrTextConfig& c, const TextRows& rows,
                           const KvLayerView& cache, TextScratch* s, MutMatrix h) const {
  const int64_t n_q = c.num_attention_heads * c.head_dim;
  const int64_t n_kv = c.num_key_value_heads * c.head_dim;
  s->norm.Resize(h.rows, c.hidden_size);
  s->branch.Resize(h.rows, c.hidden_size);
  s->qkv.Resize(h.rows, n_q + 2 * n_kv);
  s->attention.Resize(h.rows, n_q);

  RmsNorm(ctx, h, input_layernorm, c.rms_norm_eps, s->norm);
  Linear(ctx, s->norm, qkv.weight, s->qkv);
  const MutMatrix q = s->qkv.view().Cols(0, n_q);
  const MutMatrix k = s->qkv.view().Cols(n_q, n_kv);
  const MutMatrix v = s->qkv.view().Cols(n_q + n_kv, n_kv);
  TextRope(ctx, q, *rows.rope, c.head_dim);
  TextRope(ctx, k, *rows.rope, c.head_dim);
  CausalAttention(ctx, {q, k, v}, rows.sequences, cache, s->attention);
  Linear(ctx, s->attention, o_proj.weight, s->branch);
  AddRmsNorm(ctx, s->branch, post_self_attn_layernorm, c.rms_norm_eps, h);

  RmsNorm(ctx, h, post_attention_layernorm, c.rms_norm_eps, s->norm);
  mlp.Forward(ctx, s->norm, {}, &s->mlp, s->branch);
  AddRmsNorm(ctx, s->branch, post_mlp_layernorm, c.rms_norm_eps, h);
}

TextTower TextTower::Load(Loader& loader, const WeightScope& language_model,
                          const GlmOcrTextConfig& config) {
  TextTower tower;
  tower.config_ = config;
  // Layer num_hidden_layers of the checkpoint is the draft layer (mtp.h), never an ordinary one.
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    tower.layers_.push_back(
        DecoderLayer::Load(loader, language_model.Sub("layers").Sub(i), config));
  }
  tower.norm_ = loader.Vector(language_model.Sub("norm"), "weight", config.hidden_size);
  return tower;
}

std::vector<const PackedMatrix*> TextTower::weights() const {
  std::vector<const PackedMatrix*> weights;
  for (const DecoderLayer& layer : layers_) {
    for (const LinearLayer* linear :
         {&layer.qkv, &layer.o_proj, &layer.mlp.gate_up, &layer.mlp.down})
      weights.push_back(&linear->weight);
  }
  return weights;
}

void TextTower::Forward(const Context& ctx, const TextRows& rows,
                        std::span<const KvLayerView> caches, TextScratch* scratch, MutMatrix h,
                        TensorObserver* observer) const {
  GLM_CHECK(caches.size() >= layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].Forward(ctx, config_, rows, caches[i], scratch, h);
    if (observer != nullptr) observer->OnTensor(fmt::format("text.layers.{}", i), h);
  }
  RmsNorm(ctx, h, norm_, config_.rms_norm_eps, h);
  if (observer != nullptr) observer->OnTensor("text.norm", h);
}

}  // namespace glmocr
