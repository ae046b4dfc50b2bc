#include "models/glm_ocr/model.h"

#include <algorithm>
#include <cstring>

namespace glmocr {
namespace {

// Lets go of the pages on the way: the embedding, the head and their copies together are half a
// gigabyte.
bool SameBytes(const TensorView& a, const TensorView& b, const Checkpoint& checkpoint) {
  constexpr size_t kPiece = size_t{32} << 20;
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  for (size_t begin = 0; begin < a.size_bytes(); begin += kPiece) {
    if (std::memcmp(a.data + begin, b.data + begin, std::min(kPiece, a.size_bytes() - begin)) != 0)
      return false;
    checkpoint.DropPages();
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<GlmOcrModel>> GlmOcrModel::Load(const std::filesystem::path& dir,
                                                       const Context& ctx) {
  GLM_ASSIGN(GlmOcrConfig config, GlmOcrConfig::FromFiles(dir));
  GLM_ASSIGN(Checkpoint checkpoint, Checkpoint::Open(dir));
  return Load(std::move(checkpoint), config, ctx);
}

// Layer num_hidden_layers is the draft layer. Its copies of embed_tokens and of the head are
// dropped when they equal the main ones.
void GlmOcrModel::LoadDraftLayer(Loader& loader, const WeightScope& language_model,
                                 const TensorView& main_head) {
  const WeightScope scope = language_model.Sub("layers").Sub(config_.text.num_hidden_layers);
  if (config_.text.num_nextn_predict_layers == 0) return;
  // Any tensor of it means that the layer is meant to be there: then all must be.
  if (!scope.HasAny()) {
    warnings_.push_back(MissingDraftLayerNote(config_));
    return;
  }
  mtp_ = MtpLayer::Load(loader, scope, config_.text);
  const Shape shape{config_.text.vocab_size, config_.text.hidden_size};
  if (scope.Has("embed_tokens.weight")) {
    const TensorView copy = scope.At("embed_tokens.weight", shape);
    if (copy.data != nullptr && embed_tokens_.data != nullptr &&
        !SameBytes(copy, embed_tokens_, *checkpoint_))
      mtp_embed_tokens_ = copy;
  }
  if (scope.Has("shared_head.head.weight")) {
    const TensorView copy = scope.At("shared_head.head.weight", shape);
    if (copy.data != nullptr && main_head.data != nullptr &&
        !SameBytes(copy, main_head, *checkpoint_))
      mtp_head_ = loader.Stacked({&copy, 1});
  }
}

Result<std::unique_ptr<GlmOcrModel>> GlmOcrModel::Load(Checkpoint checkpoint,
                                                       const GlmOcrConfig& config,
                                                       const Context& ctx) {
  std::unique_ptr<GlmOcrModel> model(new GlmOcrModel());
  model->config_ = config;
  model->checkpoint_ = std::move(checkpoint);
  LoadReport report;
  const WeightScope root(*model->checkpoint_, report);
  const WeightScope visual = root.Sub("model.visual");
  const WeightScope language_model = root.Sub("model.language_model");
  Loader loader(*model->checkpoint_, *ctx.pool, ctx.compute);

  const Shape vocabulary{config.text.vocab_size, config.text.hidden_size};
  model->vision_ = VisionTower::Load(loader, visual, config.vision);
  model->embed_tokens_ = language_model.At("embed_tokens.weight", vocabulary);
  model->mtp_embed_tokens_ = model->embed_tokens_;
  model->text_ = TextTower::Load(loader, language_model, config.text);
  const TensorView head =
      config.tie_word_embeddings ? model->embed_tokens_ : root.At("lm_head.weight", vocabulary);
  model->lm_head_ = loader.Stacked({&head, 1});
  model->LoadDraftLayer(loader, language_model, head);

  report.Finish();
  report.notes.insert(report.notes.end(), model->warnings_.begin(), model->warnings_.end());
  GLM_RETURN_IF_ERROR(report.ToStatus());
  GLM_RETURN_IF_ERROR(loader.status());
  GLM_RETURN_IF_ERROR(model->CheckFiles());
  model->load_notes_ = report.ToText();
  model->checkpoint_->DropPages();  // everything but the embeddings now lives in packed form
  return model;
}

}  // namespace glmocr
