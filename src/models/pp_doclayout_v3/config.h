// The numbers of a PP-DocLayoutV3 model, from config.json.
//
//   GLM_ASSIGN(PpDocLayoutConfig config, PpDocLayoutConfig::FromFiles("models/PP-DocLayoutV3"));
//
// Writers of this format leave out what equals the reference's class defaults (which, unlike
// GLM-OCR's, are the published model's numbers), so an absent field below is its default;
// `model_type`, `backbone_config` and the number of labels must be there, and whatever changes a
// shape is checked against the tensors. Accepted spellings:
//   - `feat_strides` or `feature_strides`; `d_model` or `hidden_size`;
//     `encoder_attention_heads` or `num_attention_heads`;
//   - the backbone by its lists of stages, or by `arch: "L"` alone, which names the published
//   sizes;
//   - labels counted from `id2label`, or by `num_labels`. Their names are not read: the published
//   ones
//     collapse several classes, so labels go by class id (layout/region.h).
// Ref: transformers models/pp_doclayout_v3/configuration_pp_doclayout_v3.py,
// models/hgnet_v2/configuration_hgnet_v2.py.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

inline constexpr int kBackboneStages = 4;
inline constexpr int kFeatureLevels = 3;  // the last three stages, strides 8, 16, 32

struct HgNetStageConfig {
  int64_t in_channels = 0, mid_channels = 0, out_channels = 0;
  int64_t n_blocks = 0, n_layers = 0;
  int64_t kernel = 0;  // of the layers' windows
  bool downsample = false, light = false;
};

struct HgNetConfig {
  std::array<int64_t, 3> stem_channels = {};  // colours, inside, out
  std::array<HgNetStageConfig, kBackboneStages> stages;
};

struct PpDocLayoutConfig {
  HgNetConfig backbone;
  int64_t n_labels = 0;

  int64_t encoder_hidden_dim = 256;
  int64_t encoder_layers = 1;  // of attention on the last level
  int64_t encoder_ffn_dim = 1024;
  int64_t encoder_attention_heads = 8;
  double positional_encoding_temperature = 10000;
  std::array<int64_t, 2> mask_feature_channels = {64, 64};
  int64_t num_prototypes = 32;

  int64_t d_model = 256;
  int64_t num_queries = 300;
  int64_t decoder_layers = 6;
  int64_t decoder_ffn_dim = 1024;
  int64_t decoder_attention_heads = 8;
  int64_t decoder_n_points = 4;
  int64_t global_pointer_head_size = 64;

  float layer_norm_eps = 1e-5f;
  float batch_norm_eps =
      1e-5f;  // of encoder and decoder; the backbone's and the mask head's is 1e-5

  // `name` is how messages call the file. kCorrupt, kUnsupported, kNotFound, kIo.
  static Result<PpDocLayoutConfig> FromFiles(const std::filesystem::path& folder);
  static Result<PpDocLayoutConfig> FromJson(std::string_view text, std::string_view name);
};

// How pictures become the network's input, from preprocessor_config.json: exactly width x height,
// bicubic, divided by 255. kUnsupported for another way than the published one.
struct PpDocLayoutImageConfig {
  int width_px = 0, height_px = 0;  // multiples of 32

  static Result<PpDocLayoutImageConfig> FromFiles(const std::filesystem::path& folder);
  static Result<PpDocLayoutImageConfig> FromJson(std::string_view text, std::string_view name);
};

}  // namespace glmocr
