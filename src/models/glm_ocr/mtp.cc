#include "models/glm_ocr/mtp.h"

#include "ops/linear.h"
#include "ops/norm.h"

namespace glmocr {

MtpLayer MtpLayer::Load(Loader& loader, const WeightScope& scope, const GlmOcrTextConfig& c) {
  MtpLayer mtp;
  mtp.config_ = c;
  mtp.enorm_ = loader.Vector(scope.Sub("enorm"), "weight", c.hidden_size);
  mtp.hnorm_ = loader.Vector(scope.Sub("hnorm"), "weight", c.hidden_size);
  mtp.eh_proj_ = loader.Linear(scope.Sub("eh_proj"), {c.hidden_size, 2 * c.hidden_size}, Bias::kNo);
  mtp.layer_ = DecoderLayer::Load(loader, scope, c);
  mtp.shared_head_norm_ = loader.Vector(scope.Sub("shared_head.norm"), "weight", c.hidden_size);
  return mtp;
}

void MtpLayer::Forward(const Context& ctx, const TextRows& rows, const KvLayerView& cache,
                       const Inputs& in, TextScratch* scratch, Matrix* unnormed,
                       MutMatrix out) const {
  const int64_t n = config_.hidden_size;
  Matrix both(in.hidden.rows, 2 * n);
  RmsNorm(ctx, in.embeddings, enorm_, config_.rms_norm_eps, both.view().Cols(0, n));
  RmsNorm(ctx, in.hidden, hnorm_, config_.rms_norm_eps, both.view().Cols(n, n));
  unnormed->Resize(in.hidden.rows, n);
  Linear(ctx, both, eh_proj_.weight, *unnormed);
  layer_.Forward(ctx, config_, rows, cache, scratch, *unnormed);
  RmsNorm(ctx, *unnormed, shared_head_norm_, config_.rms_norm_eps, out);
}

}  // namespace glmocr
