#include "bench/work.h"

namespace glmocr {
namespace {

double TextLayerWeights(const GlmOcrTextConfig& c) {
  const int64_t q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
  return static_cast<double>(c.hidden_size) *
         static_cast<double>(2 * q + 2 * kv + 3 * c.intermediate_size);
}

double HeadWeights(const GlmOcrTextConfig& c) {
  return static_cast<double>(c.vocab_size) * static_cast<double>(c.hidden_size);
}

}  // namespace

Work VisionWork(const GlmOcrConfig& config, int64_t merger_width, int64_t h, int64_t w,
                double value_bytes) {
  const GlmOcrVisionConfig& v = config.vision;
  const auto patches = static_cast<double>(h * w);
  const double windows = patches / static_cast<double>(v.spatial_merge_size * v.spatial_merge_size);
  const auto hidden = static_cast<double>(v.hidden_size),
             out = static_cast<double>(v.out_hidden_size);
  const double embed = hidden * static_cast<double>(v.patch_columns());
  const double blocks = static_cast<double>(v.depth) * hidden *
                        (4 * hidden + 3 * static_cast<double>(v.intermediate_size));
  const double merger =
      out * (static_cast<double>(v.spatial_merge_size * v.spatial_merge_size) * hidden + out +
             3 * static_cast<double>(merger_width));
  const double attention = static_cast<double>(v.depth) * 4 * patches * patches *
                           hidden;  // q k^T and the weighted sum of v
  return {.flops = 2 * patches * (embed + blocks) + 2 * windows * merger + attention,
          .bytes = (embed + blocks + merger) * value_bytes};
}

Work TextWork(const GlmOcrTextConfig& c, int64_t start, int64_t n_rows, int64_t n_logits,
              double value_bytes, double cache_value_bytes) {
  const auto rows = static_cast<double>(n_rows), layers = static_cast<double>(c.num_hidden_layers);
  const double pairs = rows * static_cast<double>(start) + rows * (rows + 1) / 2;
  const double attention =
      layers * 4 * pairs * static_cast<double>(c.num_attention_heads * c.head_dim);
  const double cache = layers * 2 *
                       static_cast<double>((start + n_rows) * c.num_key_value_heads * c.head_dim) *
                       cache_value_bytes;
  return {.flops = 2 * rows * layers * TextLayerWeights(c) +
                   2 * static_cast<double>(n_logits) * HeadWeights(c) + attention,
          .bytes = (layers * TextLayerWeights(c) + HeadWeights(c)) * value_bytes + cache};
}

Work DecodeWork(const GlmOcrTextConfig& c, int64_t batch, int64_t context, double value_bytes,
                double cache_value_bytes) {
  const Work one = TextWork(c, context, 1, 1, value_bytes, cache_value_bytes);
  const double weights =
      (static_cast<double>(c.num_hidden_layers) * TextLayerWeights(c) + HeadWeights(c)) *
      value_bytes;
  const auto n = static_cast<double>(batch);
  return {.flops = n * one.flops, .bytes = weights + n * (one.bytes - weights)};
}

}  // namespace glmocr
