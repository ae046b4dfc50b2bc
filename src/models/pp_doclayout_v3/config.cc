#include "models/pp_doclayout_v3/config.h"

#include <fmt/format.h>

#include "base/bounded_json.h"
#include "base/file.h"
#include "models/blocks/config_fields.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kMaxConfigBytes = size_t{1} << 20;
constexpr std::string_view kSupported = "use a PP-DocLayoutV3 model as published";

// Far above the published model, low enough that products cannot overflow 63 bits and that what no
// tensor's shape confirms (queries, points, pixels) stays affordable.
constexpr int64_t kMaxWidth = 65536;
constexpr int64_t kMaxLayers = 64;
constexpr int64_t kMaxHeads = 256;
constexpr int64_t kMaxPoints = 64;
constexpr int64_t kMaxQueries = 1000;
constexpr int64_t kMaxLabels = 1000;
constexpr int64_t kMaxSide = 4096;

// Fields that have a default: the value where the field stands, else what the target holds already.
class Defaults {
 public:
  Defaults(const Fields& fields, Problems& problems) : fields_(fields), problems_(problems) {}

  void Int(std::string_view key, int64_t high, int64_t* value, int64_t low = 1) const {
    if (fields_.Has(key)) *value = fields_.Int(key, low, high);
  }
  void Number(std::string_view key, double high, double* value) const {
    if (fields_.Has(key)) *value = fields_.Number(key, 0, high);
  }
  void Eps(std::string_view key, float* value) const {
    if (fields_.Has(key)) *value = static_cast<float>(fields_.Number(key, 0, 0.1));
  }
  // What this program computes in one way only.
  void Text(std::string_view key, std::string_view only) const {
    if (fields_.Has(key)) fields_.Choice(key, {only});
  }
  void Flag(std::string_view key, bool only) const {
    if (fields_.Has(key) && fields_.Bool(key) != only)
      problems_.Unsupported(fmt::format("{} is {}; supported: {}", key, !only, only));
  }
  void List(std::string_view key, const std::vector<int64_t>& only) const {
    if (fields_.Has(key) && fields_.Ints(key, 16, 0, kMaxWidth) != only)
      problems_.Unsupported(fmt::format("{} is not [{}]", key, fmt::join(only, ", ")));
  }
  void Absent(std::string_view key) const {
    if (fields_.Has(key)) problems_.Unsupported(fmt::format("{} is set; supported: null", key));
  }

 private:
  const Fields& fields_;
  Problems& problems_;
};

std::vector<bool> Bools(const Fields& fields, std::string_view key, Problems& problems) {
  const auto [value, path] = fields.Look(key);
  std::vector<bool> out;
  if (value != nullptr && value->is_array()) {
    for (const json& item : *value) {
      if (item.is_boolean()) out.push_back(item.get<bool>());
    }
  }
  if (out.size() != kBackboneStages) {
    problems.Corrupt(fmt::format("{} is not a list of {} truth values", path, kBackboneStages));
    out.assign(kBackboneStages, false);
  }
  return out;
}

HgNetConfig PublishedL() {
  return {.stem_channels = {3, 32, 48},
          .stages = {{{48, 48, 128, 1, 6, 3, false, false},
                      {128, 96, 512, 1, 6, 3, true, false},
                      {512, 192, 1024, 3, 6, 5, true, true},
                      {1024, 384, 2048, 1, 6, 5, true, true}}}};
}

HgNetConfig ReadBackbone(const json& root, Problems& problems) {
  const json* object = Member(&root, "backbone_config");
  if (object == nullptr || !object->is_object()) {
    problems.Corrupt("backbone_config is missing");
    return {};
  }
  const Fields fields({{object, "backbone_config."}}, problems);
  const Defaults optional(fields, problems);
  optional.Text("model_type", "hgnet_v2");
  optional.Text("hidden_act", "relu");
  optional.List("num_channels", std::vector<int64_t>{3});
  optional.List("stem_strides", std::vector<int64_t>{2, 1, 1, 2, 1});
  optional.List("stage_downsample_strides", std::vector<int64_t>{2, 2, 2, 2});
  optional.Flag("use_learnable_affine_block", false);
  if (fields.Has("return_idx")) optional.List("return_idx", std::vector<int64_t>{0, 1, 2, 3});
  if (!fields.Has("stage_in_channels")) {
    if (fields.Choice("arch", {"L"}) == "L") return PublishedL();
    return {};
  }
  HgNetConfig config;
  const auto ints = [&](std::string_view key, size_t n, int64_t high) {
    std::vector<int64_t> values = fields.Ints(key, n, 1, high);
    if (values.size() != n) {
      problems.Corrupt(fmt::format("backbone_config.{} must have {} entries", key, n));
      values.assign(n, 1);
    }
    return values;
  };
  const auto stem = ints("stem_channels", 3, kMaxWidth);
  std::copy(stem.begin(), stem.end(), config.stem_channels.begin());
  const auto in = ints("stage_in_channels", kBackboneStages, kMaxWidth),
             mid = ints("stage_mid_channels", kBackboneStages, kMaxWidth),
             out = ints("stage_out_channels", kBackboneStages, kMaxWidth),
             blocks = ints("stage_num_blocks", kBackboneStages, kMaxLayers),
             layers = ints("stage_numb_of_layers", kBackboneStages, kMaxLayers),
             kernels = ints("stage_kernel_size", kBackboneStages, 15);
  const auto down = Bools(fields, "stage_downsample", problems),
             light = Bools(fields, "stage_light_block", problems);
  for (size_t i = 0; i < kBackboneStages; ++i) {
    config.stages[i] = {in[i], mid[i], out[i], blocks[i], layers[i], kernels[i], down[i], light[i]};
    if (kernels[i] % 2 == 0) problems.Unsupported("backbone_config.stage_kernel_size is even");
    if (down[i] != (i != 0))
      problems.Unsupported("backbone_config.stage_downsample is not [false, true, true, true]");
    if (in[i] != (i == 0 ? stem[2] : out[i - 1]))
      problems.Corrupt("backbone_config.stage_in_channels does not follow from what comes before");
  }
  if (stem[0] != 3) problems.Unsupported("backbone_config.stem_channels does not begin with 3");
  if (stem[1] % 2 != 0) problems.Unsupported("backbone_config.stem_channels[1] is odd");
  return config;
}

void CheckDivides(std::string_view whole, int64_t n, std::string_view parts, int64_t by,
                  int64_t times, Problems& problems) {
  if (by > 0 && n % (by * times) != 0)
    problems.Corrupt(
        fmt::format("{} {} cannot be cut into {} {} parts", whole, n, by * times, parts));
}

}  // namespace

Result<PpDocLayoutConfig> PpDocLayoutConfig::FromFiles(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  GLM_ASSIGN(const std::string text, ReadFile(path, kMaxConfigBytes));
  return FromJson(text, path.string());
}

Result<PpDocLayoutConfig> PpDocLayoutConfig::FromJson(std::string_view text,
                                                      std::string_view name) {
  GLM_ASSIGN(const json root, ParseBoundedJson(text, name));
  if (!root.is_object())
    return Error{ErrorCode::kCorrupt, fmt::format("'{}' is not a JSON object", name)};
  Problems problems(kSupported);
  const Fields fields({{&root, ""}}, problems);
  const Defaults optional(fields, problems);
  PpDocLayoutConfig c;
  fields.Choice("model_type", {"pp_doclayout_v3"});
  c.backbone = ReadBackbone(root, problems);
  if (const json* labels = Member(&root, "id2label"); labels != nullptr && labels->is_object())
    c.n_labels = static_cast<int64_t>(labels->size());
  else
    c.n_labels = fields.Int("num_labels", 1, kMaxLabels);
  if (c.n_labels < 1 || c.n_labels > kMaxLabels)
    problems.Corrupt(fmt::format("id2label has {} labels", c.n_labels));

  optional.Int("encoder_hidden_dim", kMaxWidth, &c.encoder_hidden_dim);
  optional.Int("encoder_layers", kMaxLayers, &c.encoder_layers, 0);
  optional.Int("encoder_ffn_dim", kMaxWidth, &c.encoder_ffn_dim);
  optional.Int("num_attention_heads", kMaxHeads, &c.encoder_attention_heads);
  optional.Int("encoder_attention_heads", kMaxHeads, &c.encoder_attention_heads);
  optional.Number("positional_encoding_temperature", 1e9, &c.positional_encoding_temperature);
  optional.Int("num_prototypes", kMaxWidth, &c.num_prototypes);
  optional.Int("hidden_size", kMaxWidth, &c.d_model);
  optional.Int("d_model", kMaxWidth, &c.d_model);
  optional.Int("num_queries", kMaxQueries, &c.num_queries);
  optional.Int("decoder_layers", kMaxLayers, &c.decoder_layers);
  optional.Int("decoder_ffn_dim", kMaxWidth, &c.decoder_ffn_dim);
  optional.Int("decoder_attention_heads", kMaxHeads, &c.decoder_attention_heads);
  optional.Int("decoder_n_points", kMaxPoints, &c.decoder_n_points);
  optional.Int("global_pointer_head_size", kMaxWidth, &c.global_pointer_head_size);
  optional.Eps("layer_norm_eps", &c.layer_norm_eps);
  optional.Eps("batch_norm_eps", &c.batch_norm_eps);
  if (fields.Has("mask_feature_channels")) {
    const auto channels = fields.Ints("mask_feature_channels", 2, 1, kMaxWidth);
    if (channels.size() == 2)
      std::copy(channels.begin(), channels.end(), c.mask_feature_channels.begin());
    else
      problems.Corrupt("mask_feature_channels must have 2 entries");
  }

  const auto& stages = c.backbone.stages;
  optional.List("x4_feat_dim", std::vector<int64_t>{stages[0].out_channels});
  optional.List(
      "encoder_in_channels",
      std::vector<int64_t>{stages[1].out_channels, stages[2].out_channels, stages[3].out_channels});
  optional.List("decoder_in_channels", std::vector<int64_t>(kFeatureLevels, c.encoder_hidden_dim));
  optional.List("feat_strides", std::vector<int64_t>{8, 16, 32});
  optional.List("feature_strides", std::vector<int64_t>{8, 16, 32});
  optional.List("encode_proj_layers", std::vector<int64_t>{kFeatureLevels - 1});
  optional.List("num_feature_levels", std::vector<int64_t>{kFeatureLevels});
  optional.Text("encoder_activation_function", "gelu");
  optional.Text("activation_function", "silu");
  optional.Text("decoder_activation_function", "relu");
  optional.Flag("normalize_before", false);
  optional.Flag("mask_enhanced", true);
  optional.Flag("learn_initial_query", false);
  optional.Absent("eval_size");
  optional.Absent("anchor_image_size");
  if (fields.Has("hidden_expansion") && fields.Number("hidden_expansion", 0, 100) != 1)
    problems.Unsupported("hidden_expansion is not 1");
  // Attention turns pairs of channels; position embeddings are sines and cosines of two axes.
  CheckDivides("encoder_hidden_dim", c.encoder_hidden_dim, "head", c.encoder_attention_heads, 2,
               problems);
  CheckDivides("encoder_hidden_dim", c.encoder_hidden_dim, "position", 4, 1, problems);
  CheckDivides("d_model", c.d_model, "head", c.decoder_attention_heads, 2, problems);
  if (!problems.empty()) return problems.ToError(name);
  return c;
}

Result<PpDocLayoutImageConfig> PpDocLayoutImageConfig::FromFiles(const fs::path& folder) {
  const fs::path path = folder / "preprocessor_config.json";
  GLM_ASSIGN(const std::string text, ReadFile(path, kMaxConfigBytes));
  return FromJson(text, path.string());
}

Result<PpDocLayoutImageConfig> PpDocLayoutImageConfig::FromJson(std::string_view text,
                                                                std::string_view name) {
  GLM_ASSIGN(const json root, ParseBoundedJson(text, name));
  if (!root.is_object())
    return Error{ErrorCode::kCorrupt, fmt::format("'{}' is not a JSON object", name)};
  Problems problems(kSupported);
  const Fields fields({{&root, ""}}, problems);
  const Defaults optional(fields, problems);
  PpDocLayoutImageConfig c;
  const json* size = Member(&root, "size");
  const Fields sides({{size, "size."}}, problems);
  c.width_px = static_cast<int>(sides.Int("width", 32, kMaxSide));
  c.height_px = static_cast<int>(sides.Int("height", 32, kMaxSide));
  if (c.width_px % 32 != 0 || c.height_px % 32 != 0)
    problems.Unsupported(
        fmt::format("size {} x {} is not a multiple of 32", c.width_px, c.height_px));
  optional.Flag("do_resize", true);
  optional.Flag("do_rescale", true);
  optional.Flag("do_pad", false);
  optional.Flag("do_center_crop", false);
  optional.List("resample", std::vector<int64_t>{3});
  if (fields.Has("rescale_factor") &&
      std::abs(fields.Number("rescale_factor", 0, 1) - 1.0 / 255) > 1e-9)
    problems.Unsupported("rescale_factor is not 1/255");
  // (x - 0) / 1 leaves x: the only normalisation that this format publishes.
  for (const auto& [key, only] : {std::pair{"image_mean", 0.0}, std::pair{"image_std", 1.0}}) {
    const json* values = Member(&root, key);
    if (values == nullptr) continue;
    const bool same = values->is_array() && values->size() == 3 &&
                      std::all_of(values->begin(), values->end(), [expected = only](const json& v) {
                        return v.is_number() && v.get<double>() == expected;
                      });
    if (!same) problems.Unsupported(fmt::format("{} is not [{}, {}, {}]", key, only, only, only));
  }
  if (!problems.empty()) return problems.ToError(name);
  return c;
}

}  // namespace glmocr
