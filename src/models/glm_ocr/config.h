// The numbers of a GLM-OCR model, from config.json and generation_config.json.
//
//   GLM_ASSIGN(GlmOcrConfig config, GlmOcrConfig::FromFiles("models/GLM-OCR"));
//
// Why strict: the published class defaults belong to no published model (text hidden 1024 instead
// of 1536), so a gap filled from them loads the wrong model and reads nonsense. Every field below
// is required unless it says otherwise; all problems of a file are reported together, each by the
// field's name. Accepted spellings:
//   - text fields inside `text_config`, or flat at the top level (older releases);
//   - `rope_parameters {rope_type, rope_theta, partial_rotary_factor, mrope_section}`, or
//   `rope_theta` and
//     `partial_rotary_factor` beside `rope_scaling {type | rope_type, mrope_section}`; types
//     "default" and "mrope";
//   - `dtype` or `torch_dtype`; `eos_token_id` as a number or a list, generation_config.json before
//   config.json.
// Widths that only the tensors know for certain (the merger's) are not here: see MergerWidth.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"
#include "weights/weight_scope.h"

namespace glmocr {

struct GlmOcrVisionConfig {
  int64_t depth = 0;
  int64_t hidden_size = 0;
  int64_t num_heads = 0;
  int64_t intermediate_size = 0;
  int64_t out_hidden_size = 0;      // = text hidden_size
  int64_t patch_size = 0;           // pixels; 14 is supported
  int64_t temporal_patch_size = 0;  // frames; 2 is supported
  int64_t spatial_merge_size = 0;   // patches a side; 2 is supported
  int64_t in_channels = 0;          // 3 is supported
  float rms_norm_eps = 0;
  bool attention_bias = false;  // qkv, proj and mlp have biases
  std::string hidden_act;       // "silu"

  int64_t head_dim() const { return hidden_size / num_heads; }
  // Columns of one flattened patch: channels * frames * patch^2 (1176).
  int64_t patch_columns() const {
    return in_channels * temporal_patch_size * patch_size * patch_size;
  }
};

struct GlmOcrTextConfig {
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_nextn_predict_layers =
      0;  // 0 (also when absent) or 1; that layer's weights are layers.{num_hidden_layers}
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;  // not hidden_size / heads
  int64_t intermediate_size = 0;
  int64_t max_position_embeddings = 0;  // tokens
  float rms_norm_eps = 0;
  double rope_theta = 0;
  double partial_rotary_factor = 0;
  std::array<int64_t, 3> mrope_section = {0, 0,
                                          0};  // pairs of rotary columns for time, height, width
  bool attention_bias = false;                 // true is refused
  std::string hidden_act;                      // "silu"

  // Columns of a head that rotate: head_dim * partial_rotary_factor, even.
  int64_t rotary_dim() const;
};

struct GlmOcrConfig {
  std::string model_type;    // "glm_ocr"
  std::string architecture;  // "GlmOcrForConditionalGeneration"
  GlmOcrVisionConfig vision;
  GlmOcrTextConfig text;
  int32_t image_start_token_id = -1;
  int32_t image_end_token_id = -1;
  int32_t image_token_id = -1;
  int32_t video_start_token_id = -1;  // this and the next two: -1 when absent
  int32_t video_end_token_id = -1;
  int32_t video_token_id = -1;
  int32_t pad_token_id = -1;           // -1 when absent
  std::vector<int32_t> eos_token_ids;  // at least one
  bool tie_word_embeddings = false;
  std::optional<DType> dtype;  // what the file says; the tensors' own types decide

  // KV cache bytes of one token at `element_bytes` per value: all layers, without and of the MTP
  // layer.
  int64_t KvBytesPerToken(int64_t element_bytes) const;
  int64_t MtpKvBytesPerToken(int64_t element_bytes) const;

  // From a model's folder. generation_config.json may be absent.
  static Result<GlmOcrConfig> FromFiles(const std::filesystem::path& folder);
  // From the files' text; `generation_config` may be empty; `name` stands for config.json in
  // messages. kCorrupt: not JSON, a field missing, of a wrong type or absurd. kUnsupported: another
  // model family, or a value this program does not do.
  static Result<GlmOcrConfig> FromJson(std::string_view config, std::string_view generation_config,
                                       std::string_view name);
};

// Inner width of the vision merger, from merger.gate_proj.weight [width, out_hidden_size] below
// `merger`, the scope "model.visual.merger". Other engines took it from a config field and got it
// wrong; the tensor cannot be. kCorrupt when the tensor is absent or no matrix.
Result<int64_t> MergerWidth(const WeightScope& merger);

// What to tell when config.json announces a draft (MTP) layer and the checkpoint has no
// eh_proj.weight for it: the model reads pages all the same, but nothing can be drafted.
std::string MissingDraftLayerNote(const GlmOcrConfig& config);

}  // namespace glmocr
