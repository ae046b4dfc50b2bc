#include "models/glm_ocr/positions.h"

#include <fmt/format.h>

#include <algorithm>

namespace glmocr {

Result<PromptPositions> ComputePromptPositions(std::span<const int32_t> ids, int32_t image_token_id,
                                               std::span<const std::array<int32_t, 3>> grids,
                                               int32_t merge_size) {
  PromptPositions out;
  out.positions.reserve(ids.size());
  int32_t next = 0;
  size_t picture = 0;
  for (size_t i = 0; i < ids.size();) {
    if (ids[i] != image_token_id) {
      out.positions.push_back({next, next, next});
      ++next;
      ++i;
      continue;
    }
    if (picture == grids.size()) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format(
              "the prompt has an image placeholder at token {} but only {} image(s) were given", i,
              grids.size())};
    }
    const int32_t rows = grids[picture][1] / merge_size;
    const int32_t cols = grids[picture][2] / merge_size;
    for (int32_t r = 0; r < rows; ++r) {
      for (int32_t c = 0; c < cols; ++c, ++i) {
        if (i >= ids.size() || ids[i] != image_token_id) {
          return Error{ErrorCode::kInvalidArgument,
                       fmt::format("image {} needs {} placeholder tokens, the prompt has fewer",
                                   picture + 1, rows * cols)};
        }
        out.positions.push_back({next, next + r, next + c});
      }
    }
    next += std::max(rows, cols);
    ++picture;
  }
  if (picture != grids.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} image(s) were given but the prompt has placeholders for {}",
                             grids.size(), picture)};
  }
  out.rope_delta = next - static_cast<int32_t>(ids.size());
  return out;
}

std::vector<std::array<int32_t, 2>> PatchPositions(const std::array<int32_t, 3>& grid,
                                                   int32_t merge_size) {
  std::vector<std::array<int32_t, 2>> hw;
  hw.reserve(static_cast<size_t>(grid[0]) * static_cast<size_t>(grid[1]) *
             static_cast<size_t>(grid[2]));
  for (int32_t t = 0; t < grid[0]; ++t) {
    for (int32_t wy = 0; wy < grid[1]; wy += merge_size) {
      for (int32_t wx = 0; wx < grid[2]; wx += merge_size) {
        for (int32_t a = 0; a < merge_size; ++a) {
          for (int32_t b = 0; b < merge_size; ++b) hw.push_back({wy + a, wx + b});
        }
      }
    }
  }
  return hw;
}

}  // namespace glmocr
