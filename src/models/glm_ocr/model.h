// GLM-OCR, whole: vision tower, token embeddings, text tower, draft layer and output head, loaded
// from a checkpoint directory.
//
// How a page's crop becomes text here:
//   EncodeImages  pixel patches -> one embedding per window           (vision.h)
//   Embed         token ids -> embeddings, image rows overwritten     (runner.cc)
//   text tower    embeddings -> final hidden states                   (text.h)
//   Logits        hidden states -> scores of the next token
//   draft layer   hidden states + next tokens -> drafts               (mtp.h)
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/glm_ocr/mtp.h"
#include "models/glm_ocr/text.h"
#include "models/glm_ocr/vision.h"
#include "weights/checkpoint.h"

namespace glmocr {

class GlmOcrModel {
 public:
  // Reads config.json, generation_config.json and the safetensors of `dir`. Refuses missing and
  // mis-shaped tensors, naming all of them.
  static Result<std::unique_ptr<GlmOcrModel>> Load(const std::filesystem::path& dir,
                                                   const Context& ctx);
  // The same from an already opened checkpoint (the bench's random one).
  static Result<std::unique_ptr<GlmOcrModel>> Load(Checkpoint checkpoint,
                                                   const GlmOcrConfig& config, const Context& ctx);

  const GlmOcrConfig& config() const { return config_; }
  const VisionTower& vision() const { return vision_; }
  const TextTower& text() const { return text_; }
  // Null when the checkpoint has no layer num_hidden_layers.
  const MtpLayer* mtp() const { return mtp_ ? &*mtp_ : nullptr; }

  // Input embeddings of the text tower [vocab, hidden], and of the draft layer (the same unless the
  // checkpoint stores a different copy).
  const TensorView& embed_tokens() const { return embed_tokens_; }
  const TensorView& mtp_embed_tokens() const { return mtp_embed_tokens_; }
  // Output heads [vocab, hidden], likewise.
  const PackedMatrix& lm_head() const { return lm_head_.weight; }
  const PackedMatrix& mtp_head() const { return mtp_head_ ? mtp_head_->weight : lm_head_.weight; }

  // kIo once a file that is still read from (the embeddings) was cut short.
  Status CheckFiles() const { return checkpoint_->CheckFiles(); }
  // Elements of all its tensors, as stored.
  int64_t n_params() const { return checkpoint_->n_params(); }

  // What loading found: tensors nobody asked for, copies that were equal, and so on.
  const std::string& load_notes() const { return load_notes_; }
  // Of these, what a user should hear of unasked: the model works, but not as its files promise.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  GlmOcrModel() = default;
  void LoadDraftLayer(Loader& loader, const WeightScope& language_model,
                      const TensorView& main_head);

  GlmOcrConfig config_;
  std::optional<Checkpoint> checkpoint_;  // keeps the mapped embeddings alive
  VisionTower vision_;
  TextTower text_;
  std::optional<MtpLayer> mtp_;
  TensorView embed_tokens_, mtp_embed_tokens_;
  LinearLayer lm_head_;
  std::optional<LinearLayer> mtp_head_;
  std::string load_notes_;
  std::vector<std::string> warnings_;
};

}  // namespace glmocr
