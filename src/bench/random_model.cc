#include "bench/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/file.h"
#include "base/hash.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

struct Preset {
  std::string_view name;
  int64_t vocab, hidden, layers, heads, kv_heads, head_dim, intermediate, context, rope_sections[3];
  int64_t depth, vision_hidden, vision_heads, vision_intermediate, merger_width;
  int32_t first_special;  // id of the first of the 24 special tokens, <|endoftext|>
};

constexpr Preset kPresets[] = {
    {"glm-ocr-0.9b",
     59392,
     1536,
     16,
     16,
     8,
     128,
     4608,
     131072,
     {16, 24, 24},
     24,
     1024,
     16,
     4096,
     4608,
     59246},
    {"glm-ocr-tiny", 512, 64, 2, 4, 2, 32, 96, 2048, {4, 6, 6}, 2, 64, 2, 96, 160, 400},
};

// The published config.json's fields, with the sizes filled in.
std::string ConfigJson(const Preset& p) {
  return fmt::format(
      R"({{
  "architectures": ["GlmOcrForConditionalGeneration"], "model_type": "glm_ocr", "dtype": "bfloat16", "tie_word_embeddings": false,
  "image_start_token_id": {}, "image_end_token_id": {}, "video_start_token_id": {}, "video_end_token_id": {},
  "image_token_id": {}, "video_token_id": {},
  "text_config": {{
    "model_type": "glm_ocr_text", "vocab_size": {}, "hidden_size": {}, "num_hidden_layers": {}, "num_nextn_predict_layers": 1,
    "num_attention_heads": {}, "num_key_value_heads": {}, "head_dim": {}, "intermediate_size": {}, "hidden_act": "silu",
    "rms_norm_eps": 1e-05, "attention_bias": false, "max_position_embeddings": {}, "pad_token_id": {}, "eos_token_id": [{}, {}],
    "rope_parameters": {{"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0, "mrope_section": [{}, {}, {}]}}
  }},
  "vision_config": {{
    "model_type": "glm_ocr_vision", "depth": {}, "hidden_size": {}, "num_heads": {}, "intermediate_size": {}, "hidden_act": "silu",
    "attention_bias": true, "rms_norm_eps": 1e-05, "patch_size": 14, "temporal_patch_size": 2, "spatial_merge_size": 2,
    "in_channels": 3, "out_hidden_size": {}
  }}
}}
)",
      p.first_special + 10, p.first_special + 11, p.first_special + 12, p.first_special + 13,
      p.first_special + 34, p.first_special + 35, p.vocab, p.hidden, p.layers, p.heads, p.kv_heads,
      p.head_dim, p.intermediate, p.context, p.first_special, p.first_special, p.first_special + 7,
      p.rope_sections[0], p.rope_sections[1], p.rope_sections[2], p.depth, p.vision_hidden,
      p.vision_heads, p.vision_intermediate, p.hidden);
}

// A draft layer's copy has the values of what it is a copy of, as in the published files.
std::string_view ValuesOf(std::string_view name) {
  if (name.ends_with("shared_head.head.weight")) return "lm_head.weight";
  if (name.ends_with("embed_tokens.weight")) return "model.language_model.embed_tokens.weight";
  return name;
}

uint64_t Mix(uint64_t x) {  // splitmix64's output function (Steele 2014)
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr int64_t kChunk = int64_t{1} << 22;  // values written at a time

void Fill(const TensorSpec& spec, uint64_t seed, int64_t begin, int64_t count, bf16* out,
          ThreadPool& pool) {
  const std::string_view name = ValuesOf(spec.name);
  const uint64_t stream = seed ^ HashBytes(name.data(), name.size()).low;
  const bool is_norm = spec.shape.rank() == 1 && name.ends_with("weight");
  const float width =
      0.02f * std::sqrt(12.0f) * 0x1p-16f;  // uniform over 2^16 steps with standard deviation 0.02
  pool.For((count + 3) / 4, 1 << 14, [&](int64_t first, int64_t last, int) {
    for (int64_t i = first; i < last; ++i) {
      uint64_t bits =
          Mix(stream + (static_cast<uint64_t>(begin / 4 + i) + 1) * 0x9e3779b97f4a7c15u);
      for (int64_t j = 4 * i; j < std::min(4 * i + 4, count); ++j, bits >>= 16) {
        const float value = (static_cast<float>(bits & 0xffff) - 32767.5f) * width;
        out[j] = F32ToBF16(is_norm ? 1.0f + value : value);
      }
    }
  });
}

}  // namespace

std::vector<std::string_view> RandomModelNames() {
  std::vector<std::string_view> names;
  for (const Preset& preset : kPresets) names.push_back(preset.name);
  return names;
}

std::vector<TensorSpec> GlmOcrTensors(const GlmOcrConfig& config, int64_t merger_width) {
  std::vector<TensorSpec> specs;
  const auto add = [&](std::string name, Shape shape) {
    specs.push_back({std::move(name), DType::kBF16, std::move(shape)});
  };
  const GlmOcrVisionConfig& v = config.vision;
  const auto add_linear = [&](const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    if (v.attention_bias) add(name + ".bias", {out});
  };
  const std::string visual = "model.visual.";
  add(visual + "patch_embed.proj.weight",
      {v.hidden_size, v.in_channels, v.temporal_patch_size, v.patch_size, v.patch_size});
  add(visual + "patch_embed.proj.bias", {v.hidden_size});
  for (int64_t i = 0; i < v.depth; ++i) {
    const std::string block = fmt::format("{}blocks.{}.", visual, i);
    add(block + "norm1.weight", {v.hidden_size});
    add(block + "norm2.weight", {v.hidden_size});
    add_linear(block + "attn.qkv", 3 * v.hidden_size, v.hidden_size);
    add_linear(block + "attn.proj", v.hidden_size, v.hidden_size);
    add(block + "attn.q_norm.weight", {v.head_dim()});
    add(block + "attn.k_norm.weight", {v.head_dim()});
    add_linear(block + "mlp.gate_proj", v.intermediate_size, v.hidden_size);
    add_linear(block + "mlp.up_proj", v.intermediate_size, v.hidden_size);
    add_linear(block + "mlp.down_proj", v.hidden_size, v.intermediate_size);
  }
  add(visual + "post_layernorm.weight", {v.hidden_size});
  add(visual + "downsample.weight",
      {v.out_hidden_size, v.hidden_size, v.spatial_merge_size, v.spatial_merge_size});
  add(visual + "downsample.bias", {v.out_hidden_size});
  const std::string merger = visual + "merger.";
  add(merger + "proj.weight", {v.out_hidden_size, v.out_hidden_size});
  add(merger + "post_projection_norm.weight", {v.out_hidden_size});
  add(merger + "post_projection_norm.bias", {v.out_hidden_size});
  add(merger + "gate_proj.weight", {merger_width, v.out_hidden_size});
  add(merger + "up_proj.weight", {merger_width, v.out_hidden_size});
  add(merger + "down_proj.weight", {v.out_hidden_size, merger_width});

  const GlmOcrTextConfig& t = config.text;
  const std::string text = "model.language_model.";
  add(text + "embed_tokens.weight", {t.vocab_size, t.hidden_size});
  for (int64_t i = 0; i < t.num_hidden_layers + t.num_nextn_predict_layers; ++i) {
    const std::string layer = fmt::format("{}layers.{}.", text, i);
    add(layer + "self_attn.q_proj.weight", {t.num_attention_heads * t.head_dim, t.hidden_size});
    add(layer + "self_attn.k_proj.weight", {t.num_key_value_heads * t.head_dim, t.hidden_size});
    add(layer + "self_attn.v_proj.weight", {t.num_key_value_heads * t.head_dim, t.hidden_size});
    add(layer + "self_attn.o_proj.weight", {t.hidden_size, t.num_attention_heads * t.head_dim});
    add(layer + "mlp.gate_up_proj.weight", {2 * t.intermediate_size, t.hidden_size});
    add(layer + "mlp.down_proj.weight", {t.hidden_size, t.intermediate_size});
    for (const char* norm : {"input_layernorm", "post_self_attn_layernorm",
                             "post_attention_layernorm", "post_mlp_layernorm"}) {
      add(layer + norm + ".weight", {t.hidden_size});
    }
    if (i < t.num_hidden_layers) continue;
    for (const char* norm : {"enorm", "hnorm", "shared_head.norm"})
      add(layer + norm + ".weight", {t.hidden_size});
    add(layer + "eh_proj.weight", {t.hidden_size, 2 * t.hidden_size});
    add(layer + "shared_head.head.weight", {t.vocab_size, t.hidden_size});
    add(layer + "embed_tokens.weight", {t.vocab_size, t.hidden_size});
  }
  add(text + "norm.weight", {t.hidden_size});
  add("lm_head.weight", {t.vocab_size, t.hidden_size});
  return specs;
}

Status WriteRandomModel(std::string_view name, const fs::path& dir, uint64_t seed, ThreadPool& pool,
                        const std::function<bool()>& keep_going) {
  const auto* preset = std::find_if(std::begin(kPresets), std::end(kPresets),
                                    [&](const Preset& p) { return p.name == name; });
  if (preset == std::end(kPresets)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("there is no random model '{}' (known: {})", name,
                             fmt::join(RandomModelNames(), ", "))};
  }
  const std::string config_json = ConfigJson(*preset);
  GLM_ASSIGN(const GlmOcrConfig config, GlmOcrConfig::FromJson(config_json, "", "config.json"));
  const std::vector<TensorSpec> specs = GlmOcrTensors(config, preset->merger_width);
  uint64_t n_bytes = 0;
  for (const TensorSpec& spec : specs)
    n_bytes += static_cast<uint64_t>(spec.shape.count()) * sizeof(bf16);
  std::error_code ignored;
  const fs::space_info space = fs::space(dir, ignored);
  if (!ignored && space.available < n_bytes) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("'{}' has {:.1f} GB free, the random model needs {:.1f} GB (choose "
                             "another place with TMPDIR)",
                             dir.string(), static_cast<double>(space.available) * 1e-9,
                             static_cast<double>(n_bytes) * 1e-9)};
  }
  GLM_RETURN_IF_ERROR(WriteFileAtomically(dir / "config.json", config_json));
  GLM_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::Open(dir / "model.safetensors", specs));
  std::vector<bf16> chunk(static_cast<size_t>(kChunk));
  for (const TensorSpec& spec : specs) {
    const int64_t total = spec.shape.count();
    for (int64_t begin = 0; begin < total; begin += kChunk) {
      if (keep_going && !keep_going())
        return Error{ErrorCode::kCancelled, "interrupted while writing the random model"};
      const int64_t count = std::min(kChunk, total - begin);
      Fill(spec, seed, begin, count, chunk.data(), pool);
      GLM_RETURN_IF_ERROR(writer.Append(chunk.data(), static_cast<size_t>(count) * sizeof(bf16)));
    }
  }
  return writer.Commit();
}

}  // namespace glmocr
