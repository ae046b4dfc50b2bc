// Query selection and the deformable decoder of PP-DocLayoutV3: 300 queries out of all pixels,
// refined box by box in six layers, then classes, masks and the pairwise reading order. Ref:
// transformers models/pp_doclayout_v3/modeling_pp_doclayout_v3.py, PPDocLayoutV3Model.forward,
// PPDocLayoutV3Decoder, PPDocLayoutV3GlobalPointer; Zhu 2021 (deformable attention); Su 2022
// (global pointer).
#pragma once

#include <array>
#include <span>
#include <vector>

#include "models/pp_doclayout_v3/encoder.h"
#include "ops/deformable.h"

namespace glmocr {

// Ref: PPDocLayoutV3MultiscaleDeformableAttention.
struct DeformableLayer {
  LinearLayer
      offsets_weights;  // rows: sampling_offsets (head, level, point, xy), attention_weights
  LinearLayer value_proj, output_proj;
  LayerNormWeights norm;
  int64_t n_heads = 0, n_points = 0;
};

struct LayoutDecoderLayer {
  SelfAttentionLayer self_attention;
  DeformableLayer cross_attention;
  FeedForwardLayer mlp;
};

// What the network says of one page.
struct LayoutOutputs {
  Matrix logits;        // [num_queries, n_labels]
  Matrix boxes;         // [num_queries, 4] centre x, centre y, width, height; 0..1 of the page
  Matrix order_logits;  // [num_queries, num_queries]; (i, j), i < j: j follows i. -1e4 for i >= j
  Matrix mask_queries;  // [num_queries, num_prototypes]; a mask is one of them times mask_features
  FeatureMap mask_features;  // [mask pixels, num_prototypes], a quarter of the input's size

  // Logits of the masks of these queries, [queries, mask pixels].
  Result<Matrix> Masks(const Context& ctx, std::span<const int64_t> queries) const;
};

// For comparing with another implementation stage by stage: choices that rounding may decide either
// way, taken from it instead. Empty: not.
struct DecoderChoices {
  std::span<const int64_t> queries;  // [num_queries] tokens
  ConstMatrix reference_points;      // [num_queries, 4]
};

class LayoutDecoder {
 public:
  static LayoutDecoder Load(Loader& loader, const WeightScope& model,
                            const PpDocLayoutConfig& config);
  // Observed: decoder_input_proj [tokens, d_model] of all levels, enc_output, enc_score_head,
  // queries [1, num_queries], reference_points [num_queries, 4], decoder.layers.I,
  // decoder.layers.I.boxes, decoder_norm, logits, boxes, order_logits, mask_queries.
  // kInvalidArgument when the page has fewer tokens than queries.
  Result<LayoutOutputs> Forward(const Context& ctx, EncodedPage page, const DecoderChoices& choices,
                                TensorObserver* observer) const;

 private:
  struct Tokens {
    Matrix source;  // [n_tokens, d_model]
    std::array<FeatureLevel, kFeatureLevels> levels;
    std::vector<bool> valid;
  };
  Tokens Flatten(const Context& ctx, const EncodedPage& page) const;
  // The best tokens' rows of enc_output, best first.
  Result<Matrix> SelectQueries(const Context& ctx, const Tokens& tokens,
                               const DecoderChoices& choices, TensorObserver* observer) const;
  Result<Matrix> BoxesOfMasks(const Context& ctx, const Matrix& target,
                              const LayoutOutputs& out) const;
  void CrossAttend(const Context& ctx, const DeformableLayer& layer, const Tokens& tokens,
                   ConstMatrix positions, ConstMatrix boxes, MutMatrix x) const;
  Matrix Order(const Context& ctx, ConstMatrix queries) const;

  PpDocLayoutConfig config_;
  std::array<ConvLayer, kFeatureLevels> input_proj_;
  LinearLayer enc_output_;
  LayerNormWeights enc_output_norm_;
  LinearLayer score_head_;
  MlpHead bbox_head_, mask_query_head_, query_pos_head_;
  std::vector<LayoutDecoderLayer> layers_;
  LayerNormWeights norm_;
  LinearLayer order_head_;      // of the last layer
  LinearLayer global_pointer_;  // [2 * head_size, d_model]: queries, keys
};

}  // namespace glmocr
