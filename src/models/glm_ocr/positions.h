// Rope position ids of a GLM-OCR prompt (M-RoPE), and the grid positions of vision patches.
// Ref: transformers models/glm_ocr get_rope_index, get_vision_position_ids.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "models/model_runner.h"

namespace glmocr {

struct PromptPositions {
  std::vector<RopePosition> positions;  // [n], axes t, h, w
  // Position of the token with sequence index s >= n is s + rope_delta on all axes.
  int32_t rope_delta = 0;
};

// Text runs count up on all axes from p; a picture of gh x gw windows (grid / merge_size) at p gets
// (p, p + i, p + j) row-major and advances p by max(gh, gw). `grids`: one (t, h, w) in patches per
// picture, in order; t must be 1. Every run of `image_token_id` must be as long as its pictures'
// windows.
Result<PromptPositions> ComputePromptPositions(std::span<const int32_t> ids, int32_t image_token_id,
                                               std::span<const std::array<int32_t, 3>> grids,
                                               int32_t merge_size);

// (h, w) of every patch of one picture in merge-window order: windows row-major, the merge x merge
// patches of a window row-major; repeated for each t.
std::vector<std::array<int32_t, 2>> PatchPositions(const std::array<int32_t, 3>& grid,
                                                   int32_t merge_size);

}  // namespace glmocr
