// The draft (multi-token-prediction) layer of GLM-OCR: from the target's final hidden state of
// position p and the token at p + 1 it predicts the token at p + 2. Ref: DeepSeek-V3 report
// section 2.2; sglang glm_ocr_nextn.py (roles of the tensors).
#pragma once

#include "models/glm_ocr/text.h"

namespace glmocr {

class MtpLayer {
 public:
  // Tensors of layers.{num_hidden_layers}: a decoder layer plus enorm, hnorm, eh_proj,
  // shared_head.norm. `embed_tokens` and shared_head.head are compared with the main ones by the
  // model (GlmOcrModel::Load).
  static MtpLayer Load(Loader& loader, const WeightScope& scope, const GlmOcrTextConfig& config);

  struct Inputs {
    ConstMatrix embeddings;  // [n_rows, hidden] of the token at p + 1
    ConstMatrix hidden;      // [n_rows, hidden] of the target at p, after its final norm
  };
  // u = eh_proj([enorm(e); hnorm(h)]); unnormed = layer(u); out = shared_head.norm(unnormed). out
  // [n_rows, hidden] may be one of the inputs; `unnormed` is resized to it. Its own cache, the same
  // slots.
  void Forward(const Context& ctx, const TextRows& rows, const KvLayerView& cache, const Inputs& in,
               TextScratch* scratch, Matrix* unnormed, MutMatrix out) const;

 private:
  GlmOcrTextConfig config_;
  std::vector<float> enorm_, hnorm_;  // [hidden]
  LinearLayer eh_proj_;               // [hidden, 2 * hidden], embedding half first
  DecoderLayer layer_;
  std::vector<float> shared_head_norm_;  // [hidden]
};

}  // namespace glmocr
