// Arithmetic and memory traffic that the stages of GLM-OCR cannot do without, counted from its
// configuration.
#pragma once

#include <cstdint>

#include "models/glm_ocr/config.h"

namespace glmocr {

struct Work {
  double flops = 0;  // multiplications and additions
  double bytes = 0;  // weights (and cache) read once
};

// One picture of h x w patches through the vision tower and merger; `value_bytes` per weight.
Work VisionWork(const GlmOcrConfig& config, int64_t merger_width, int64_t h, int64_t w,
                double value_bytes);
// `n_rows` consecutive tokens of one sequence after `start` others through the text layers, and
// `n_logits` rows through the head.
Work TextWork(const GlmOcrTextConfig& config, int64_t start, int64_t n_rows, int64_t n_logits,
              double value_bytes, double cache_value_bytes);
// One step that decodes a token for each of `batch` sequences of `context` tokens: the weights are
// read once for all.
Work DecodeWork(const GlmOcrTextConfig& config, int64_t batch, int64_t context, double value_bytes,
                double cache_value_bytes);

}  // namespace glmocr
