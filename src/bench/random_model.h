// Writes a checkpoint of a published architecture with random weights, for measuring on machines
// that do not have the real one: speed does not depend on the values, and every step of loading is
// the ordinary one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "models/glm_ocr/config.h"
#include "weights/safetensors.h"

namespace glmocr {

// Names for WriteRandomModel: "glm-ocr-0.9b", the published sizes; "glm-ocr-tiny", the same shape
// of architecture in 2 MB, for tests.
std::vector<std::string_view> RandomModelNames();

// All tensors of a GLM-OCR checkpoint with this configuration, the draft layer's copies of the
// embedding and the head included, in bf16. `merger_width`: inner width of the vision merger, which
// no configuration field tells.
std::vector<TensorSpec> GlmOcrTensors(const GlmOcrConfig& config, int64_t merger_width);

// config.json and model.safetensors of `name` into the existing folder `dir`. Matrices are uniform
// with standard deviation 0.02, biases too, norm weights about 1; the same bytes for the same seed.
// kInvalidArgument: unknown name; kResourceExhausted, kIo: the disk; kCancelled when `keep_going`
// (may be empty) says no.
Status WriteRandomModel(std::string_view name, const std::filesystem::path& dir, uint64_t seed,
                        ThreadPool& pool, const std::function<bool()>& keep_going);

}  // namespace glmocr
