#include "models/pp_doclayout_v3/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/norm.h"

namespace glmocr {
namespace {

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// Ref: inverse_sigmoid.
float InverseSigmoid(float x) {
  constexpr float kEps = 1e-5f;
  x = std::clamp(x, 0.0f, 1.0f);
  return std::log(std::max(x, kEps) / std::max(1 - x, kEps));
}

// Whether the anchor at a pixel's centre, 0.05 * 2^level wide, lies well inside the page; the
// others' tokens are read as zero. Ref: generate_anchors.
bool ValidAnchor(int64_t y, int64_t x, const FeatureLevel& level, int index) {
  constexpr float kEps = 1e-2f, kGrid = 0.05f;
  const auto inside = [](float a) { return a > kEps && a < 1 - kEps; };
  return inside((static_cast<float>(x) + 0.5f) / static_cast<float>(level.width)) &&
         inside((static_cast<float>(y) + 0.5f) / static_cast<float>(level.height)) &&
         inside(kGrid * static_cast<float>(1 << index));
}

// Centre and size of where a mask is positive, 0..1; zeros for an empty one.
// Ref: mask_to_box_coordinate.
void BoxOfMask(const float* mask, int64_t height, int64_t width, float* box) {
  int64_t x0 = width, x1 = -1, y0 = height, y1 = -1;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      if (!(mask[y * width + x] > 0)) continue;
      x0 = std::min(x0, x);
      x1 = std::max(x1, x);
      y0 = std::min(y0, y);
      y1 = y;
    }
  }
  if (x1 < 0) {
    std::fill(box, box + 4, 0.0f);
    return;
  }
  const auto part = [](int64_t at, int64_t of) {
    return static_cast<float>(at) / static_cast<float>(of);
  };
  const float left = part(x0, width), right = part(x1 + 1, width), top = part(y0, height),
              bottom = part(y1 + 1, height);
  box[0] = (left + right) / 2;
  box[1] = (top + bottom) / 2;
  box[2] = right - left;
  box[3] = bottom - top;
}

// In place, over each of `groups` runs of every row.
void SoftmaxRuns(float* row, int64_t n_runs, int64_t run) {
  for (int64_t g = 0; g < n_runs; ++g, row += run) {
    const float most = *std::max_element(row, row + run);
    float sum = 0;
    for (int64_t i = 0; i < run; ++i) sum += row[i] = std::exp(row[i] - most);
    for (int64_t i = 0; i < run; ++i) row[i] /= sum;
  }
}

// Two maps of one input, with biases, as one.
LinearLayer LoadPair(Loader& loader, const WeightScope& scope, std::string_view first, int64_t n1,
                     std::string_view second, int64_t n2, int64_t k) {
  const std::array<TensorView, 2> parts = {scope.Sub(first).At("weight", {n1, k}),
                                           scope.Sub(second).At("weight", {n2, k})};
  LinearLayer layer = loader.Stacked(parts);
  layer.bias = loader.Vector(scope.Sub(first), "bias", n1);
  const std::vector<float> more = loader.Vector(scope.Sub(second), "bias", n2);
  layer.bias.insert(layer.bias.end(), more.begin(), more.end());
  return layer;
}

Matrix Normed(const Context& ctx, const LayerNormWeights& norm, ConstMatrix x) {
  Matrix out(x.rows, x.cols);
  LayerNorm(ctx, x, norm.weight, norm.bias, norm.eps, out);
  return out;
}

Matrix Apply(const Context& ctx, const LinearLayer& layer, ConstMatrix x) {
  Matrix out(x.rows, layer.weight.n);
  Linear(ctx, x, layer.weight, out, {.bias = layer.bias});
  return out;
}

}  // namespace

LayoutDecoder LayoutDecoder::Load(Loader& loader, const WeightScope& model,
                                  const PpDocLayoutConfig& c) {
  LayoutDecoder d;
  d.config_ = c;
  const int64_t n = c.d_model,
                samples = c.decoder_attention_heads * kFeatureLevels * c.decoder_n_points;
  for (int64_t i = 0; i < kFeatureLevels; ++i) {
    d.input_proj_[static_cast<size_t>(i)] =
        LoadConvNorm(loader, model.Sub("decoder_input_proj").Sub(i), {"0", "1"},
                     {c.encoder_hidden_dim, n, SameConv(1)}, c.batch_norm_eps, Activation::kNone);
  }
  model.Skip("denoising_class_embed.weight", "used in training only");
  d.enc_output_ = loader.Linear(model.Sub("enc_output.0"), {n, n}, Bias::kYes);
  d.enc_output_norm_ = LoadNorm(loader, model.Sub("enc_output.1"), n, c.layer_norm_eps);
  d.score_head_ = loader.Linear(model.Sub("enc_score_head"), {c.n_labels, n}, Bias::kYes);
  // Every layer's class and box heads are the encoder's (tied weights).
  d.bbox_head_ =
      MlpHead::Load(loader, model.Sub("enc_bbox_head"), std::array<int64_t, 4>{n, n, n, 4});
  d.mask_query_head_ = MlpHead::Load(loader, model.Sub("mask_query_head"),
                                     std::array<int64_t, 4>{n, n, n, c.num_prototypes});
  const WeightScope decoder = model.Sub("decoder");
  d.query_pos_head_ =
      MlpHead::Load(loader, decoder.Sub("query_pos_head"), std::array<int64_t, 3>{4, 2 * n, n});
  for (int64_t i = 0; i < c.decoder_layers; ++i) {
    const WeightScope layer = decoder.Sub("layers").Sub(i), cross = layer.Sub("encoder_attn");
    d.layers_.push_back(
        {SelfAttentionLayer::Load(loader, layer, {n, c.decoder_attention_heads, c.layer_norm_eps}),
         {LoadPair(loader, cross, "sampling_offsets", 2 * samples, "attention_weights", samples, n),
          loader.Linear(cross.Sub("value_proj"), {n, n}, Bias::kYes),
          loader.Linear(cross.Sub("output_proj"), {n, n}, Bias::kYes),
          LoadNorm(loader, layer.Sub("encoder_attn_layer_norm"), n, c.layer_norm_eps),
          c.decoder_attention_heads, c.decoder_n_points},
         FeedForwardLayer::Load(loader, layer, {n, c.decoder_ffn_dim, c.layer_norm_eps},
                                Activation::kRelu)});
    const WeightScope order = model.Sub("decoder_order_head").Sub(i);
    if (i + 1 == c.decoder_layers) {
      d.order_head_ = loader.Linear(order, {n, n}, Bias::kYes);
    } else {
      order.Skip("weight", "the last layer's order is the answer");
      order.Skip("bias", "the last layer's order is the answer");
    }
  }
  d.norm_ = LoadNorm(loader, model.Sub("decoder_norm"), n, c.layer_norm_eps);
  d.global_pointer_ = loader.Linear(model.Sub("decoder_global_pointer.dense"),
                                    {2 * c.global_pointer_head_size, n}, Bias::kYes);
  return d;
}

LayoutDecoder::Tokens LayoutDecoder::Flatten(const Context& ctx, const EncodedPage& page) const {
  Tokens tokens;
  int64_t n = 0;
  for (size_t i = 0; i < kFeatureLevels; ++i) {
    const FeatureMap& level = page.levels[i];
    tokens.levels[i] = {n, level.height, level.width};
    n += level.height * level.width;
  }
  tokens.source.Resize(n, config_.d_model);
  for (size_t i = 0; i < kFeatureLevels; ++i) {
    const FeatureLevel& level = tokens.levels[i];
    input_proj_[i].Forward(ctx, page.levels[i],
                           tokens.source.view().Rows(level.first, level.height * level.width));
    for (int64_t y = 0; y < level.height; ++y) {
      for (int64_t x = 0; x < level.width; ++x)
        tokens.valid.push_back(ValidAnchor(y, x, level, static_cast<int>(i)));
    }
  }
  return tokens;
}

Result<Matrix> LayoutDecoder::SelectQueries(const Context& ctx, const Tokens& tokens,
                                            const DecoderChoices& choices,
                                            TensorObserver* observer) const {
  const int64_t n_tokens = tokens.source.rows(), n = config_.d_model;
  if (n_tokens < config_.num_queries) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("pictures of this size have {} tokens, fewer than the model's {} "
                             "queries; use the preprocessor_config.json published with the weights",
                             n_tokens, config_.num_queries)};
  }
  Matrix memory(n_tokens, n);
  for (int64_t r = 0; r < n_tokens; ++r) {
    if (tokens.valid[static_cast<size_t>(r)])
      std::copy_n(tokens.source.row(r), n, memory.row(r));
    else
      std::fill_n(memory.row(r), n, 0.0f);
  }
  const Matrix hidden = Normed(ctx, enc_output_norm_, Apply(ctx, enc_output_, memory));
  Observe(observer, "enc_output", hidden);
  const Matrix scores = Apply(ctx, score_head_, hidden);
  Observe(observer, "enc_score_head", scores);

  std::vector<int64_t> queries(choices.queries.begin(), choices.queries.end());
  if (queries.empty()) {
    std::vector<float> best(static_cast<size_t>(n_tokens));
    for (int64_t r = 0; r < n_tokens; ++r) {
      const float most = *std::max_element(scores.row(r), scores.row(r) + scores.cols());
      // NaN (of broken weights) must not break the order that sorting relies on.
      best[static_cast<size_t>(r)] =
          std::isnan(most) ? -std::numeric_limits<float>::infinity() : most;
    }
    queries.resize(static_cast<size_t>(n_tokens));
    std::iota(queries.begin(), queries.end(), 0);
    const auto before = [&best](int64_t a, int64_t b) {
      const float x = best[static_cast<size_t>(a)], y = best[static_cast<size_t>(b)];
      return x != y ? x > y : a < b;
    };
    std::partial_sort(queries.begin(), queries.begin() + config_.num_queries, queries.end(),
                      before);
    queries.resize(static_cast<size_t>(config_.num_queries));
  }
  if (observer != nullptr) {
    Matrix as_floats(1, static_cast<int64_t>(queries.size()));
    std::copy(queries.begin(), queries.end(), as_floats.row(0));
    observer->OnTensor("queries", as_floats);
  }
  Matrix target(static_cast<int64_t>(queries.size()), n);
  for (size_t i = 0; i < queries.size(); ++i) {
    GLM_CHECK(queries[i] >= 0 && queries[i] < n_tokens);
    std::copy_n(hidden.row(queries[i]), n, target.row(static_cast<int64_t>(i)));
  }
  return target;
}

Result<Matrix> LayoutOutputs::Masks(const Context& ctx, std::span<const int64_t> queries) const {
  const ConstMatrix features = mask_features.pixels;
  const TensorView as_weight = {reinterpret_cast<const std::byte*>(features.data), DType::kF32,
                                Shape{features.rows, features.cols}};
  GLM_ASSIGN(const PackedMatrix packed,
             PackMatrix(as_weight, WeightLayout::kF32Panel16, *ctx.pool));
  Matrix chosen(static_cast<int64_t>(queries.size()), features.cols);
  for (size_t i = 0; i < queries.size(); ++i) {
    std::copy_n(mask_queries.row(queries[i]), features.cols, chosen.row(static_cast<int64_t>(i)));
  }
  Matrix masks(chosen.rows(), features.rows);
  Linear(ctx, chosen, packed, masks);
  return masks;
}

Result<Matrix> LayoutDecoder::BoxesOfMasks(const Context& ctx, const Matrix& target,
                                           const LayoutOutputs& out) const {
  std::vector<int64_t> all(static_cast<size_t>(target.rows()));
  std::iota(all.begin(), all.end(), 0);
  GLM_ASSIGN(const Matrix masks, out.Masks(ctx, all));
  Matrix boxes(target.rows(), 4);
  const int64_t height = out.mask_features.height, width = out.mask_features.width;
  ctx.pool->For(boxes.rows(), 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t q = begin; q < end; ++q) {
      BoxOfMask(masks.row(q), height, width, boxes.row(q));
      // The reference hands on logits and takes their sigmoid at once.
      for (int i = 0; i < 4; ++i) boxes.row(q)[i] = Sigmoid(InverseSigmoid(boxes.row(q)[i]));
    }
  });
  return boxes;
}

// x <- norm(x + output_proj(sampled values)); location = centre + offset / n_points * size / 2
void LayoutDecoder::CrossAttend(const Context& ctx, const DeformableLayer& layer,
                                const Tokens& tokens, ConstMatrix positions, ConstMatrix boxes,
                                MutMatrix x) const {
  const int64_t samples = layer.n_heads * kFeatureLevels * layer.n_points;
  Matrix placed(x.rows, x.cols);
  AddRows(ctx, x, positions, placed);
  Matrix both = Apply(ctx, layer.offsets_weights, placed);
  const MutMatrix locations = both.view().Cols(0, 2 * samples),
                  weights = both.view().Cols(2 * samples, samples);
  const auto n_points = static_cast<float>(layer.n_points);
  for (int64_t q = 0; q < x.rows; ++q) {
    const float* box = boxes.row(q);
    float* at = locations.row(q);
    for (int64_t i = 0; i < 2 * samples; ++i)
      at[i] = box[i % 2] + at[i] / n_points * box[2 + i % 2] * 0.5f;
    SoftmaxRuns(weights.row(q), layer.n_heads, samples / layer.n_heads);
  }
  const Matrix value = Apply(ctx, layer.value_proj, tokens.source);
  DeformableAttention(ctx,
                      {.value = value,
                       .locations = locations,
                       .weights = weights,
                       .n_heads = layer.n_heads,
                       .n_points = layer.n_points},
                      tokens.levels, placed);
  Linear(ctx, placed, layer.output_proj.weight, x, {.bias = layer.output_proj.bias, .residual = x});
  LayerNorm(ctx, x, layer.norm.weight, layer.norm.bias, layer.norm.eps, x);
}

// Ref: PPDocLayoutV3GlobalPointer.
Matrix LayoutDecoder::Order(const Context& ctx, ConstMatrix queries) const {
  constexpr float kNever = -1e4f;
  const int64_t n = config_.global_pointer_head_size;
  const Matrix pairs = Apply(ctx, global_pointer_, Apply(ctx, order_head_, queries));
  const float root = std::sqrt(static_cast<float>(n));
  Matrix order(queries.rows, queries.rows);
  ctx.pool->For(queries.rows, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < queries.rows; ++j) {
        float dot = kNever * root;
        if (i < j) {
          const float *q = pairs.row(i), *k = pairs.row(j) + n;
          dot = 0;
          for (int64_t c = 0; c < n; ++c) dot += q[c] * k[c];
        }
        order.row(i)[j] = i < j ? dot / root : kNever;
      }
    }
  });
  return order;
}

Result<LayoutOutputs> LayoutDecoder::Forward(const Context& ctx, EncodedPage page,
                                             const DecoderChoices& choices,
                                             TensorObserver* observer) const {
  LayoutOutputs out;
  const Tokens tokens = Flatten(ctx, page);
  out.mask_features = std::move(page.mask_features);
  Observe(observer, "decoder_input_proj", tokens.source);
  GLM_ASSIGN(Matrix x, SelectQueries(ctx, tokens, choices, observer));

  Matrix boxes;
  if (choices.reference_points.data == nullptr) {
    out.mask_queries = mask_query_head_.Forward(ctx, Normed(ctx, norm_, x));
    GLM_ASSIGN(boxes, BoxesOfMasks(ctx, x, out));
  } else {
    GLM_CHECK(choices.reference_points.rows == x.rows() && choices.reference_points.cols == 4);
    boxes.Resize(x.rows(), 4);
    for (int64_t q = 0; q < x.rows(); ++q)
      std::copy_n(choices.reference_points.row(q), 4, boxes.row(q));
  }
  Observe(observer, "reference_points", boxes);

  for (size_t i = 0; i < layers_.size(); ++i) {
    const LayoutDecoderLayer& layer = layers_[i];
    const Matrix positions = query_pos_head_.Forward(ctx, boxes);
    layer.self_attention.Forward(ctx, positions, x);
    CrossAttend(ctx, layer.cross_attention, tokens, positions, boxes, x);
    layer.mlp.Forward(ctx, x);
    const Matrix corners = bbox_head_.Forward(ctx, x);
    for (int64_t q = 0; q < x.rows(); ++q) {
      for (int c = 0; c < 4; ++c)
        boxes.row(q)[c] = Sigmoid(corners.row(q)[c] + InverseSigmoid(boxes.row(q)[c]));
    }
    if (observer != nullptr) {
      observer->OnTensor(fmt::format("decoder.layers.{}", i), x);
      observer->OnTensor(fmt::format("decoder.layers.{}.boxes", i), boxes);
    }
  }
  const Matrix normed = Normed(ctx, norm_, x);
  Observe(observer, "decoder_norm", normed);
  out.logits = Apply(ctx, score_head_, normed);
  out.boxes = std::move(boxes);
  out.mask_queries = mask_query_head_.Forward(ctx, normed);
  out.order_logits = Order(ctx, normed);
  Observe(observer, "logits", out.logits);
  Observe(observer, "boxes", out.boxes);
  Observe(observer, "mask_queries", out.mask_queries);
  Observe(observer, "order_logits", out.order_logits);
  return out;
}

}  // namespace glmocr
