#include "models/glm_ocr/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/bounded_json.h"
#include "base/file.h"
#include "base/untrusted_text.h"
#include "models/blocks/config_fields.h"
#include "weights/model_folder.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kMaxConfigBytes = size_t{4} << 20;
constexpr std::string_view kModelType = "glm_ocr";
constexpr std::string_view kArchitecture = "GlmOcrForConditionalGeneration";

// Sane caps: far above any published model, low enough that products of them cannot overflow 63
// bits.
constexpr int64_t kMaxWidth = 1'000'000;
constexpr int64_t kMaxLayers = 1'000;
constexpr int64_t kMaxHeads = 4'096;
constexpr int64_t kMaxHeadDim = 4'096;
constexpr int64_t kMaxVocab = 16'000'000;
constexpr int64_t kMaxPositions = int64_t{1} << 30;

void CheckFamily(const json& root, GlmOcrConfig& config, Problems& problems) {
  const Fields top({{&root, ""}}, problems);
  const json* architectures = Member(&root, "architectures");
  if (!top.Has("model_type") && architectures == nullptr) {
    problems.Corrupt("model_type is missing");
    return;
  }
  config.model_type =
      top.Has("model_type") ? top.Choice("model_type", {kModelType}) : std::string(kModelType);
  config.architecture = kArchitecture;
  if (architectures == nullptr) return;
  const bool listed =
      architectures->is_array() &&
      std::any_of(architectures->begin(), architectures->end(),
                  [](const json& item) { return item.is_string() && item == kArchitecture; });
  if (!listed)
    problems.Unsupported(
        fmt::format("architectures does not list the supported {}", kArchitecture));
}

// Quantised copies keep the fields of the original: their weights would be misread in silence.
void CheckQuantization(const json& root, Problems& problems) {
  const json* quantization = Member(&root, "quantization_config");
  if (quantization == nullptr || quantization->is_null()) return;
  const json* method = Member(quantization, "quant_method");
  const bool named = method != nullptr && method->is_string();
  problems.Unsupported(fmt::format(
      "the weights are quantised ({}); only bf16, f16 and f32 weights are read",
      named ? QuoteUntrusted(method->get_ref<const std::string&>()) : "quantization_config"));
}

void ReadVision(const json& root, GlmOcrVisionConfig& vision, Problems& problems) {
  const json* object = Member(&root, "vision_config");
  if (object == nullptr || !object->is_object()) {
    problems.Corrupt("vision_config is missing");
    return;
  }
  const Fields fields({{object, "vision_config."}}, problems);
  if (fields.Has("model_type")) fields.Choice("model_type", {"glm_ocr_vision"});
  vision.depth = fields.Int("depth", 1, kMaxLayers);
  vision.hidden_size = fields.Int("hidden_size", 1, kMaxWidth);
  vision.num_heads = fields.Int("num_heads", 1, kMaxHeads);
  vision.intermediate_size = fields.Int("intermediate_size", 1, kMaxWidth);
  vision.out_hidden_size = fields.Int("out_hidden_size", 1, kMaxWidth);
  vision.rms_norm_eps = static_cast<float>(fields.Number("rms_norm_eps", 0, 0.1));
  vision.attention_bias = fields.Bool("attention_bias");
  vision.hidden_act = fields.Choice("hidden_act", {"silu"});

  const auto fixed = [&](std::string_view key, int64_t supported) {
    const int64_t value = fields.Int(key, 1, 1'024);
    if (value != 0 && value != supported) {
      problems.Unsupported(
          fmt::format("vision_config.{} is {}; only {} is supported", key, value, supported));
    }
    return value;
  };
  vision.patch_size = fixed("patch_size", 14);
  vision.temporal_patch_size = fixed("temporal_patch_size", 2);
  vision.spatial_merge_size = fixed("spatial_merge_size", 2);
  vision.in_channels = fixed("in_channels", 3);

  if (vision.num_heads == 0 || vision.hidden_size == 0) return;
  if (vision.hidden_size % vision.num_heads != 0) {
    problems.Corrupt(fmt::format("vision_config.hidden_size {} is not divisible by num_heads {}",
                                 vision.hidden_size, vision.num_heads));
  } else if (vision.head_dim() % 16 != 0) {
    problems.Unsupported(
        fmt::format("vision_config has heads of {} columns; only multiples of 16 are supported",
                    vision.head_dim()));
  }
}

// rope_parameters first, then the older spelling.
void ReadRope(const json* text_object, const json& root, GlmOcrTextConfig& text,
              Problems& problems) {
  const json* nested = Member(text_object, "rope_parameters");
  if (nested == nullptr) nested = Member(&root, "rope_parameters");
  const json* scaling = Member(text_object, "rope_scaling");
  if (scaling == nullptr) scaling = Member(&root, "rope_scaling");
  std::vector<Place> places;
  if (nested != nullptr) places.push_back({nested, "rope_parameters."});
  if (text_object != nullptr) places.push_back({text_object, "text_config."});
  places.push_back({&root, ""});
  const Fields flat(places, problems);
  if (scaling != nullptr)
    places.insert(places.begin() + (nested != nullptr), Place{scaling, "rope_scaling."});
  const Fields all(std::move(places), problems);

  // The type stands only inside the two rope objects; absent means that nothing is scaled.
  for (const Place& place : {Place{nested, "rope_parameters."}, Place{scaling, "rope_scaling."}}) {
    const Fields fields({place}, problems);
    for (const std::string_view key : {"rope_type", "type"}) {
      if (fields.Has(key)) fields.Choice(key, {"default", "mrope"});
    }
  }
  text.rope_theta = flat.Number("rope_theta", 1, 1e12);
  text.partial_rotary_factor = flat.Number("partial_rotary_factor", 0, 1);
  const std::vector<int64_t> section = all.Ints("mrope_section", 3, 0, kMaxHeadDim);
  if (section.size() == 3) {
    std::copy(section.begin(), section.end(), text.mrope_section.begin());
  } else if (!section.empty()) {
    problems.Corrupt(fmt::format("mrope_section has {} entries instead of 3", section.size()));
  }

  const double rotary = static_cast<double>(text.head_dim) * text.partial_rotary_factor;
  if (section.size() != 3 || rotary == 0) return;
  const int64_t sum = section[0] + section[1] + section[2];
  if (rotary != std::floor(rotary) || text.rotary_dim() % 2 != 0) {
    problems.Corrupt(
        fmt::format("partial_rotary_factor {} of head_dim {} is not an even number of columns",
                    text.partial_rotary_factor, text.head_dim));
  } else if (sum != text.rotary_dim() / 2) {
    problems.Corrupt(
        fmt::format("mrope_section sums to {} instead of half the {} rotary columns of a head", sum,
                    text.rotary_dim()));
  }
}

void ReadText(const json& root, GlmOcrTextConfig& text, Problems& problems) {
  const json* object = Member(&root, "text_config");
  if (object != nullptr && !object->is_object()) {
    problems.Corrupt("text_config is not an object");
    return;
  }
  std::vector<Place> places;
  if (object != nullptr) places.push_back({object, "text_config."});
  places.push_back({&root, ""});
  const Fields fields(std::move(places), problems);
  if (Member(object, "model_type") != nullptr) {
    Fields({{object, "text_config."}}, problems).Choice("model_type", {"glm_ocr_text"});
  }
  text.vocab_size = fields.Int("vocab_size", 1, kMaxVocab);
  text.hidden_size = fields.Int("hidden_size", 1, kMaxWidth);
  text.num_hidden_layers = fields.Int("num_hidden_layers", 1, kMaxLayers);
  text.num_nextn_predict_layers = fields.IntOr("num_nextn_predict_layers", 0, 0, kMaxLayers);
  text.num_attention_heads = fields.Int("num_attention_heads", 1, kMaxHeads);
  text.num_key_value_heads = fields.Int("num_key_value_heads", 1, kMaxHeads);
  text.head_dim = fields.Int("head_dim", 1, kMaxHeadDim);
  text.intermediate_size = fields.Int("intermediate_size", 1, kMaxWidth);
  text.max_position_embeddings = fields.Int("max_position_embeddings", 1, kMaxPositions);
  text.rms_norm_eps = static_cast<float>(fields.Number("rms_norm_eps", 0, 0.1));
  text.attention_bias = fields.Bool("attention_bias");
  text.hidden_act = fields.Choice("hidden_act", {"silu"});

  if (text.num_nextn_predict_layers > 1) {
    problems.Unsupported(fmt::format("num_nextn_predict_layers is {}; 0 and 1 are supported",
                                     text.num_nextn_predict_layers));
  }
  if (text.attention_bias)
    problems.Unsupported("attention_bias of the text model is true; only false is supported");
  if (text.num_key_value_heads > 0 && text.num_attention_heads % text.num_key_value_heads != 0) {
    problems.Corrupt(
        fmt::format("num_attention_heads {} is not divisible by num_key_value_heads {}",
                    text.num_attention_heads, text.num_key_value_heads));
  }
  if (text.head_dim % 2 != 0) {
    problems.Corrupt(fmt::format(
        "head_dim {} is odd, which leaves a column without its rotary partner", text.head_dim));
  } else if (text.head_dim % 16 != 0) {
    problems.Unsupported(
        fmt::format("head_dim is {}; only multiples of 16 are supported", text.head_dim));
  }
  ReadRope(object, root, text, problems);
}

void ReadTokens(const json& root, const json& generation, GlmOcrConfig& config,
                Problems& problems) {
  const int64_t last = std::max<int64_t>(config.text.vocab_size, 1) - 1;
  const json* text = Member(&root, "text_config");
  const Fields top({{&root, ""}}, problems);
  const auto id = [&](std::string_view key) { return static_cast<int32_t>(top.Int(key, 0, last)); };
  const auto optional_id = [&](std::string_view key) {
    return static_cast<int32_t>(top.IntOr(key, -1, 0, last));
  };
  config.image_start_token_id = id("image_start_token_id");
  config.image_end_token_id = id("image_end_token_id");
  config.image_token_id = id("image_token_id");
  config.video_start_token_id = optional_id("video_start_token_id");
  config.video_end_token_id = optional_id("video_end_token_id");
  config.video_token_id = optional_id("video_token_id");

  const Fields stops({{&generation, "generation_config."}, {text, "text_config."}, {&root, ""}},
                     problems);
  config.pad_token_id = static_cast<int32_t>(stops.IntOr("pad_token_id", -1, 0, last));
  for (const int64_t eos : stops.Ints("eos_token_id", 64, 0, last)) {
    config.eos_token_ids.push_back(static_cast<int32_t>(eos));
  }
}

void ReadDType(const json& root, GlmOcrConfig& config, Problems& problems) {
  const Fields fields({{&root, ""}, {Member(&root, "text_config"), "text_config."}}, problems);
  for (const std::string_view key : {"dtype", "torch_dtype"}) {
    if (!fields.Has(key)) continue;
    const std::string name = fields.Choice(key, {"bfloat16", "float16", "float32"});
    config.dtype = name == "bfloat16"  ? DType::kBF16
                   : name == "float16" ? DType::kF16
                                       : DType::kF32;
    return;
  }
}

}  // namespace

int64_t GlmOcrTextConfig::rotary_dim() const {
  return static_cast<int64_t>(static_cast<double>(head_dim) * partial_rotary_factor);
}

int64_t GlmOcrConfig::MtpKvBytesPerToken(int64_t element_bytes) const {
  return text.num_nextn_predict_layers * 2 * text.num_key_value_heads * text.head_dim *
         element_bytes;
}

int64_t GlmOcrConfig::KvBytesPerToken(int64_t element_bytes) const {
  return text.num_hidden_layers * 2 * text.num_key_value_heads * text.head_dim * element_bytes;
}

Result<GlmOcrConfig> GlmOcrConfig::FromFiles(const fs::path& folder) {
  GLM_RETURN_IF_ERROR(CheckModelFolder(folder));
  const fs::path path = folder / "config.json";
  GLM_ASSIGN(const std::string text, ReadFile(path, kMaxConfigBytes));
  const fs::path generation_path = folder / "generation_config.json";
  std::string generation;
  std::error_code ignored;
  if (fs::exists(generation_path, ignored)) {
    GLM_ASSIGN(generation, ReadFile(generation_path, kMaxConfigBytes));
    if (generation.empty()) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("'{}': it is empty; download it again, or remove it",
                               generation_path.string())};
    }
  }
  return FromJson(text, generation, path.string());
}

Result<GlmOcrConfig> GlmOcrConfig::FromJson(std::string_view config_text,
                                            std::string_view generation_text,
                                            std::string_view name) {
  GLM_ASSIGN(const json root, ParseBoundedJson(config_text, name));
  json generation = json::object();
  if (!generation_text.empty()) {
    GLM_ASSIGN(generation, ParseBoundedJson(generation_text, "generation_config.json"));
  }
  if (!root.is_object() || !generation.is_object()) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("'{}': config.json and generation_config.json must each be a JSON object",
                    name)};
  }
  GlmOcrConfig config;
  Problems problems("use a GLM-OCR model with the published architecture");
  CheckFamily(root, config, problems);
  CheckQuantization(root, problems);
  if (!problems.empty())
    return problems.ToError(name);  // fields of another family would only confuse
  ReadVision(root, config.vision, problems);
  ReadText(root, config.text, problems);
  ReadTokens(root, generation, config, problems);
  ReadDType(root, config, problems);
  config.tie_word_embeddings =
      Fields({{&root, ""}, {Member(&root, "text_config"), "text_config."}}, problems)
          .Bool("tie_word_embeddings");
  if (problems.empty() && config.vision.out_hidden_size != config.text.hidden_size) {
    problems.Corrupt(
        fmt::format("vision_config.out_hidden_size {} differs from the text hidden_size {}",
                    config.vision.out_hidden_size, config.text.hidden_size));
  }
  if (!problems.empty()) return problems.ToError(name);
  return config;
}

std::string MissingDraftLayerNote(const GlmOcrConfig& config) {
  return fmt::format(
      "config.json says num_nextn_predict_layers {}, but the weights have no layer {} "
      "(no eh_proj.weight): text is read without drafts, which is slower; the published checkpoint "
      "has the layer",
      config.text.num_nextn_predict_layers, config.text.num_hidden_layers);
}

Result<int64_t> MergerWidth(const WeightScope& merger) {
  const std::optional<Shape> shape = merger.ShapeOf("gate_proj.weight");
  if (shape && shape->rank() == 2 && (*shape)[0] > 0) return (*shape)[0];
  return Error{
      ErrorCode::kCorrupt,
      fmt::format("tensor {} {}; the weights are not those of a GLM-OCR model",
                  merger.Path("gate_proj.weight"),
                  shape ? "has shape " + shape->ToString() + " instead of [width, out_hidden_size]"
                        : "is missing")};
}

}  // namespace glmocr
