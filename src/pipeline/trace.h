// Every named intermediate of one prompt: the instrument with which a port is debugged and parity
// is proven.
//
// Runs the prompt alone through the model, one prefill and then greedy steps, and records what each
// stage produced under the name of the checkpoint's module. tools/parity compares the result with
// the reference implementation, stage by stage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/glm_ocr/runner.h"

namespace glmocr {

// One recorded tensor: fp32 or int64, row-major.
struct TraceTensor {
  std::string name;
  Shape shape;
  std::vector<float> f32;  // exactly one of the two is filled
  std::vector<int64_t> i64;
};

struct TraceInput {
  std::vector<int32_t> input_ids;  // placeholders already expanded
  std::vector<ImageInput> images;  // in prompt order
  int64_t max_new_tokens = 8;
  int32_t n_drafts =
      3;  // chained drafts after the last prompt slot, when the model has a draft layer
};

// input_ids [n], position_ids [3, n], pixel_values [n_patches, 1176], image_grid_thw [n_images, 3],
// vision.patch_embed, vision.blocks.I, vision.post_layernorm, vision.downsample, vision.merger,
// text.embed, text.layers.I, text.norm, logits [n, vocab], generated_ids [m], step_logits [m,
// vocab] (what each generated id was chosen from), mtp.hidden and mtp.logits [n - 1, ...] (slots 0
// .. n - 2), mtp.drafts [n_drafts]. kResourceExhausted when the prompt does not fit into the
// runner's cache.
Result<std::vector<TraceTensor>> Trace(GlmOcrRunner& runner, const TraceInput& input);

}  // namespace glmocr
