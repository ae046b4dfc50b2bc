#include "models/glm_ocr/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/untrusted_text.h"
#include "media/image_processor.h"
#include "tensor/packed_matrix.h"
#include "weights/checkpoint.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kGroupNames = {
    "vision", "merger", "embed_tokens", "text_layers", "lm_head", "mtp", "other"};

// Group of a stored name, in the current or the older style of prefixes. Downsampling counts as
// part of the merger's stage only by its own name: it stays with the vision tower, as in the
// published totals.
std::string_view GroupOf(std::string_view name, int64_t mtp_layer) {
  if (name.starts_with("lm_head.")) return "lm_head";
  const bool current_visual = name.starts_with("model.visual.");
  if (current_visual || name.starts_with("visual.")) {
    return name.substr(current_visual ? 13 : 7).starts_with("merger.") ? "merger" : "vision";
  }
  if (name.starts_with("model.language_model.")) {
    name.remove_prefix(21);
  } else if (name.starts_with("model.")) {
    name.remove_prefix(6);
  } else {
    return "other";
  }
  if (name.starts_with("embed_tokens.")) return "embed_tokens";
  if (name.starts_with(fmt::format("layers.{}.", mtp_layer))) return "mtp";
  return name.starts_with("layers.") || name.starts_with("norm.") ? "text_layers" : "other";
}

// Whether the loader drops this tensor, being a copy of a main one.
bool IsMtpCopy(const ModelSummary::Tensor& tensor) {
  return tensor.group == "mtp" && (tensor.name.ends_with(".embed_tokens.weight") ||
                                   tensor.name.ends_with(".shared_head.head.weight"));
}

// Bytes of a tensor once loaded, with matrix values of `value_bytes`.
uint64_t LoadedBytes(const ModelSummary::Tensor& tensor, uint64_t value_bytes) {
  if (tensor.group == "other" || IsMtpCopy(tensor)) return 0;
  if (tensor.group == "embed_tokens") return tensor.n_bytes;
  const auto count = static_cast<uint64_t>(tensor.shape.count());
  if (tensor.shape.rank() < 2 || count == 0) return count * sizeof(float);
  const auto rows = static_cast<uint64_t>(tensor.shape[0]);
  const uint64_t cols = count / rows;
  const uint64_t panels = (rows + kPanel - 1) / kPanel;
  const uint64_t padded_cols = value_bytes == 2 ? (cols + 1) / 2 * 2 : cols;
  return panels * kPanel * padded_cols * value_bytes;
}

std::string Millions(int64_t n) { return fmt::format("{:.2f} M", static_cast<double>(n) / 1e6); }
std::string MiB(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

void AddTensors(const Checkpoint& weights, ModelSummary& summary) {
  for (const std::string_view name : kGroupNames) summary.groups.push_back({std::string(name)});
  for (const Checkpoint::Tensor& tensor : weights.tensors()) {
    ModelSummary::Tensor row{
        .name = tensor.name,
        .group = std::string(GroupOf(tensor.name, summary.config.text.num_hidden_layers)),
        .dtype = tensor.view.dtype,
        .shape = tensor.view.shape,
        .n_bytes = tensor.view.size_bytes()};
    const int64_t n_params = row.shape.count();
    auto group = std::find_if(summary.groups.begin(), summary.groups.end(),
                              [&](const ModelSummary::Group& g) { return g.name == row.group; });
    ++group->n_tensors;
    group->n_params += n_params;
    group->n_bytes += row.n_bytes;
    auto type =
        std::find_if(summary.types.begin(), summary.types.end(),
                     [&](const ModelSummary::TypeShare& t) { return t.dtype == row.dtype; });
    if (type == summary.types.end()) type = summary.types.insert(type, {row.dtype, 0, 0});
    ++type->n_tensors;
    type->n_params += n_params;
    summary.packed_bf16_bytes += LoadedBytes(row, 2);
    summary.packed_f32_bytes += LoadedBytes(row, 4);
    summary.tensors.push_back(std::move(row));
  }
  std::erase_if(summary.groups, [](const ModelSummary::Group& g) { return g.n_tensors == 0; });
}

// Area limit / (frames * pixels of one token): both frames of a still picture count.
Result<std::optional<int64_t>> MaxImageTokens(const fs::path& folder) {
  const fs::path path = folder / "preprocessor_config.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::optional<int64_t>();
  GLM_ASSIGN(const ImageProcessorConfig config, ImageProcessorConfig::FromFile(path));
  const int64_t pixels = int64_t{config.temporal_patch_size} * config.factor() * config.factor();
  if (pixels <= 0) return std::optional<int64_t>();
  return std::optional<int64_t>(config.longest_edge / pixels);
}

}  // namespace

Result<ModelSummary> InspectModel(const fs::path& path) {
  ModelSummary summary;
  GLM_ASSIGN(summary.config, GlmOcrConfig::FromFiles(path));
  GLM_ASSIGN(const Checkpoint weights, Checkpoint::Open(path));
  for (const SafetensorsFile& file : weights.files())
    summary.files.push_back(file.path().filename().string());
  summary.notes = weights.notes();
  summary.n_params = weights.n_params();
  summary.n_bytes = weights.n_bytes();
  AddTensors(weights, summary);
  summary.kv_bytes_per_token = summary.config.KvBytesPerToken(2);
  summary.mtp_kv_bytes_per_token = summary.config.MtpKvBytesPerToken(2);
  const bool has_draft_layer = std::any_of(
      summary.tensors.begin(), summary.tensors.end(), [](const ModelSummary::Tensor& tensor) {
        return tensor.group == "mtp" && tensor.name.ends_with(".eh_proj.weight");
      });
  if (summary.config.text.num_nextn_predict_layers > 0 && !has_draft_layer)
    summary.notes.push_back(MissingDraftLayerNote(summary.config));
  GLM_ASSIGN(summary.max_image_tokens, MaxImageTokens(path));
  if (!summary.max_image_tokens) {
    summary.notes.emplace_back(
        "preprocessor_config.json is missing; pages cannot be read without it");
  }
  return summary;
}

std::string ModelSummary::ToText(TensorListing listing) const {
  const GlmOcrTextConfig& text = config.text;
  const GlmOcrVisionConfig& vision = config.vision;
  std::string out = fmt::format("architecture   {} ({})\n", config.architecture, config.model_type);
  out += fmt::format(
      "text           {} layers + {} draft, hidden {}, heads {}/{} of {}, vocabulary {}, context "
      "{}\n",
      text.num_hidden_layers, text.num_nextn_predict_layers, text.hidden_size,
      text.num_attention_heads, text.num_key_value_heads, text.head_dim, text.vocab_size,
      text.max_position_embeddings);
  out +=
      fmt::format("vision         {} blocks, hidden {}, heads {} of {}, patch {}\n", vision.depth,
                  vision.hidden_size, vision.num_heads, vision.head_dim(), vision.patch_size);
  for (const std::string& file : files)
    out += fmt::format("file           {}\n", QuoteUntrusted(file));
  out += "\nparameters\n";
  for (const Group& group : groups) {
    out += fmt::format("  {:<13}{:>12}{:>14}  {:>6} tensors\n", group.name,
                       Millions(group.n_params), MiB(group.n_bytes), group.n_tensors);
  }
  out += fmt::format("  {:<13}{:>12}{:>14}  {:>6} tensors\n", "total", Millions(n_params),
                     MiB(n_bytes), tensors.size());
  for (const TypeShare& type : types) {
    out += fmt::format("  {:<13}{:>12}{:>14}  {:>6} tensors\n", DTypeName(type.dtype),
                       Millions(type.n_params), "", type.n_tensors);
  }
  out += fmt::format("\nmemory to run  {} (bf16 weights), {} (f32 weights)\n",
                     MiB(packed_bf16_bytes), MiB(packed_f32_bytes));
  out += fmt::format("cache          {} + {} draft bytes a token in bf16\n", kv_bytes_per_token,
                     mtp_kv_bytes_per_token);
  if (max_image_tokens) out += fmt::format("image          at most {} tokens\n", *max_image_tokens);
  for (const std::string& note : notes) out += "note           " + note + "\n";
  if (listing == TensorListing::kNone) return out;
  out += "\n";
  for (const Tensor& tensor : tensors) {
    out += fmt::format("{:<5}{:<24}{:>13}  {}\n", DTypeName(tensor.dtype), tensor.shape.ToString(),
                       tensor.n_bytes, QuoteUntrusted(tensor.name));
  }
  return out;
}

std::string ModelSummary::ToJson() const {
  using nlohmann::ordered_json;
  ordered_json json = {{"architecture", config.architecture}, {"model_type", config.model_type}};
  json["files"] = files;
  json["parameters"] = n_params;
  json["bytes"] = n_bytes;
  json["groups"] = ordered_json::array();
  for (const Group& group : groups) {
    json["groups"].push_back({{"name", group.name},
                              {"tensors", group.n_tensors},
                              {"parameters", group.n_params},
                              {"bytes", group.n_bytes}});
  }
  json["dtypes"] = ordered_json::array();
  for (const TypeShare& type : types) {
    json["dtypes"].push_back({{"dtype", std::string(DTypeName(type.dtype))},
                              {"tensors", type.n_tensors},
                              {"parameters", type.n_params}});
  }
  json["memory"] = {{"weights_bf16_bytes", packed_bf16_bytes},
                    {"weights_f32_bytes", packed_f32_bytes},
                    {"kv_bytes_per_token_bf16", kv_bytes_per_token},
                    {"mtp_kv_bytes_per_token_bf16", mtp_kv_bytes_per_token}};
  json["max_context_tokens"] = config.text.max_position_embeddings;
  json["max_image_tokens"] =
      max_image_tokens ? ordered_json(*max_image_tokens) : ordered_json(nullptr);
  json["notes"] = notes;
  json["tensors"] = ordered_json::array();
  for (const Tensor& tensor : tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"group", tensor.group},
                               {"dtype", std::string(DTypeName(tensor.dtype))},
                               {"shape", tensor.shape.dims()},
                               {"bytes", tensor.n_bytes}});
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace glmocr
