// What a model's folder holds, without running or packing it: for `glm-ocr inspect MODEL [--json]`.
//
//   GLM_ASSIGN(ModelSummary summary, InspectModel("models/GLM-OCR"));
//   summary.ToText(TensorListing::kFull)  or  summary.ToJson()
//
// Reads config.json, the headers of the weights and preprocessor_config.json; no tensor data, so it
// takes milliseconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/glm_ocr/config.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace glmocr {

enum class TensorListing { kNone, kFull };

struct ModelSummary {
  struct Tensor {
    std::string name;  // the file's own name
    std::string group;
    DType dtype = DType::kF32;
    Shape shape;
    uint64_t n_bytes = 0;
  };
  // In this order: "vision" (without the merger), "merger", "embed_tokens", "text_layers" (with the
  // final norm), "lm_head", "mtp" (the layer after the last), "other" (names that GLM-OCR does not
  // have). Empty groups are left out.
  struct Group {
    std::string name;
    int64_t n_tensors = 0;
    int64_t n_params = 0;
    uint64_t n_bytes = 0;
  };
  struct TypeShare {
    DType dtype = DType::kF32;
    int64_t n_tensors = 0;
    int64_t n_params = 0;
  };

  GlmOcrConfig config;
  std::vector<std::string> files;  // of the weights
  std::vector<Tensor> tensors;     // ascending by name
  std::vector<Group> groups;
  std::vector<TypeShare> types;
  int64_t n_params = 0;
  uint64_t n_bytes = 0;

  // Memory of the weights once loaded: matrices packed in panels of 16 outputs at 2 or 4 bytes a
  // value, vectors as floats, the embedding rows as stored. The MTP layer's copies of the embedding
  // and of the head are not counted: equal ones are dropped.
  uint64_t packed_bf16_bytes = 0;
  uint64_t packed_f32_bytes = 0;
  // Key/value cache of one token in bf16 (twice that in f32).
  int64_t kv_bytes_per_token = 0;
  int64_t mtp_kv_bytes_per_token = 0;
  std::optional<int64_t>
      max_image_tokens;  // of one still picture; nullopt without preprocessor_config.json
  std::vector<std::string> notes;

  std::string ToText(TensorListing listing) const;
  // One JSON object, indented by two; sizes in bytes.
  std::string ToJson() const;
};

// `path`: a model's folder. kNotFound when config.json or the weights are missing, saying which;
// kCorrupt and kUnsupported as GlmOcrConfig::FromFiles and Checkpoint::Open.
Result<ModelSummary> InspectModel(const std::filesystem::path& path);

}  // namespace glmocr
