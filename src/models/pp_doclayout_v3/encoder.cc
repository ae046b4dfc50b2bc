#include "models/pp_doclayout_v3/encoder.h"

#include <fmt/format.h>

#include <cmath>

namespace glmocr {
namespace {

constexpr ConvNormNames kNames = {"conv", "norm"};
constexpr ConvNormNames kMaskNames = {"convolution", "normalization"};
constexpr float kMaskEps =
    1e-5f;  // torch's default; the reference does not take it from the config
constexpr int kBottlenecks = 3;

// silu(conv1 + conv2): both have the same input, so their filters add up, the 1 x 1 at the centre.
ConvLayer LoadRepVgg(Loader& loader, const WeightScope& scope, int64_t width, float eps) {
  FoldedConv wide = FoldConvNorm(scope.Sub("conv1"), kNames, {width, width, SameConv(3)}, eps);
  const FoldedConv point =
      FoldConvNorm(scope.Sub("conv2"), kNames, {width, width, SameConv(1)}, eps);
  if (wide.weight.empty() || point.weight.empty()) return {};
  for (int64_t o = 0; o < width; ++o) {
    for (int64_t i = 0; i < width; ++i) {
      wide.weight[static_cast<size_t>((o * 9 + 4) * width + i)] +=
          point.weight[static_cast<size_t>(o * width + i)];
    }
    wide.bias[static_cast<size_t>(o)] += point.bias[static_cast<size_t>(o)];
  }
  return {loader.Computed(wide.weight, std::move(wide.bias)), SameConv(3), Activation::kSilu};
}

MaskBranch LoadMasks(Loader& loader, const WeightScope& encoder, const PpDocLayoutConfig& c) {
  const auto [features, channels] = c.mask_feature_channels;
  const auto conv = [&](const WeightScope& scope, int64_t in, int64_t out) {
    return LoadConvNorm(loader, scope, kMaskNames, {in, out, SameConv(3)}, kMaskEps,
                        Activation::kSilu);
  };
  MaskBranch branch;
  const WeightScope head = encoder.Sub("mask_feature_head");
  for (int64_t level = 0; level < kFeatureLevels; ++level) {
    const WeightScope layers = head.Sub("scale_heads").Sub(level).Sub("layers");
    // Convolutions at even places, doublings between and behind them.
    for (int64_t i = 0; i < std::max<int64_t>(1, level); ++i) {
      branch.scale_heads[static_cast<size_t>(level)].push_back(
          conv(layers.Sub(2 * i), i == 0 ? c.encoder_hidden_dim : features, features));
    }
  }
  branch.output_conv = conv(head.Sub("output_conv"), features, channels);
  branch.lateral =
      conv(encoder.Sub("encoder_mask_lateral"), c.backbone.stages[0].out_channels, channels);
  const WeightScope output = encoder.Sub("encoder_mask_output");
  branch.base_conv = conv(output.Sub("base_conv"), channels, channels);
  branch.prototypes =
      loader.Linear(output.Sub("conv"), {c.num_prototypes, channels, 1, 1}, Bias::kYes);
  return branch;
}

// [a, b] side by side, both n wide; part 1 is a copy, part 0 is written by the caller.
void JoinRight(const Context& ctx, const FeatureView& right, FeatureMap* both) {
  const int64_t n = right.pixels.cols;
  both->Resize(right.height, right.width, 2 * n);
  const MutMatrix to = both->pixels.view().Cols(n, n);
  ctx.pool->For(to.rows, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) std::copy_n(right.pixels.row(r), n, to.row(r));
  });
}

}  // namespace

Matrix SinePositions(int64_t height, int64_t width, int64_t n, double temperature) {
  const int64_t quarter = n / 4;
  Matrix positions(height * width, n);
  for (int64_t i = 0; i < quarter; ++i) {
    const double omega =
        1.0 / std::pow(temperature, static_cast<double>(i) / static_cast<double>(quarter));
    for (int64_t r = 0; r < height * width; ++r) {
      const double h = static_cast<double>(r / width) * omega,
                   w = static_cast<double>(r % width) * omega;
      float* row = positions.row(r);
      row[i] = static_cast<float>(std::sin(h));
      row[quarter + i] = static_cast<float>(std::cos(h));
      row[2 * quarter + i] = static_cast<float>(std::sin(w));
      row[3 * quarter + i] = static_cast<float>(std::cos(w));
    }
  }
  return positions;
}

CspRepLayer CspRepLayer::Load(Loader& loader, const WeightScope& scope, int64_t width, float eps) {
  const ConvDims dims = {2 * width, width, SameConv(1)};
  CspRepLayer layer{LoadConvNorm(loader, scope.Sub("conv1"), kNames, dims, eps, Activation::kSilu),
                    LoadConvNorm(loader, scope.Sub("conv2"), kNames, dims, eps, Activation::kSilu),
                    {}};
  for (int64_t i = 0; i < kBottlenecks; ++i)
    layer.bottlenecks.push_back(LoadRepVgg(loader, scope.Sub("bottlenecks").Sub(i), width, eps));
  return layer;
}

void CspRepLayer::Forward(const Context& ctx, const FeatureView& x, MutMatrix out) const {
  FeatureMap a, b;
  conv1.Forward(ctx, x, &a);
  for (const ConvLayer& bottleneck : bottlenecks) {
    bottleneck.Forward(ctx, a, &b);
    std::swap(a, b);
  }
  conv2.Forward(ctx, x, out, a.pixels);
}

HybridEncoder HybridEncoder::Load(Loader& loader, const WeightScope& model,
                                  const PpDocLayoutConfig& c) {
  HybridEncoder e;
  e.width_ = c.encoder_hidden_dim;
  e.temperature_ = c.positional_encoding_temperature;
  const int64_t n = e.width_;
  const float eps = c.batch_norm_eps;
  for (size_t i = 0; i < kFeatureLevels; ++i) {
    // A plain BatchNorm2d: torch's default eps.
    e.input_proj_[i] = LoadConvNorm(
        loader, model.Sub("encoder_input_proj").Sub(static_cast<int64_t>(i)), {"0", "1"},
        {c.backbone.stages[i + 1].out_channels, n, SameConv(1)}, 1e-5f, Activation::kNone);
  }
  const WeightScope encoder = model.Sub("encoder");
  for (int64_t i = 0; i < c.encoder_layers; ++i) {
    const WeightScope layer = encoder.Sub("encoder.0.layers").Sub(i);
    e.aifi_.push_back(
        {SelfAttentionLayer::Load(loader, layer, {n, c.encoder_attention_heads, c.layer_norm_eps}),
         FeedForwardLayer::Load(loader, layer, {n, c.encoder_ffn_dim, c.layer_norm_eps},
                                Activation::kGeluErf)});
  }
  for (size_t i = 0; i + 1 < kFeatureLevels; ++i) {
    const auto at = static_cast<int64_t>(i);
    e.lateral_convs_[i] = LoadConvNorm(loader, encoder.Sub("lateral_convs").Sub(at), kNames,
                                       {n, n, SameConv(1)}, eps, Activation::kSilu);
    e.downsample_convs_[i] = LoadConvNorm(loader, encoder.Sub("downsample_convs").Sub(at), kNames,
                                          {n, n, SameConv(3, 2)}, eps, Activation::kSilu);
    e.fpn_blocks_[i] = CspRepLayer::Load(loader, encoder.Sub("fpn_blocks").Sub(at), n, eps);
    e.pan_blocks_[i] = CspRepLayer::Load(loader, encoder.Sub("pan_blocks").Sub(at), n, eps);
  }
  e.masks_ = LoadMasks(loader, encoder, c);
  return e;
}

void HybridEncoder::Forward(const Context& ctx, const HgNet::Features& features,
                            TensorObserver* observer, EncodedPage* out) const {
  std::array<FeatureMap, kFeatureLevels> p;
  for (size_t i = 0; i < kFeatureLevels; ++i) {
    input_proj_[i].Forward(ctx, features[i + 1], &p[i]);
    if (observer != nullptr)
      observer->OnTensor(fmt::format("encoder_input_proj.{}", i), p[i].pixels);
  }
  FeatureMap& coarsest = p[kFeatureLevels - 1];
  const Matrix positions = SinePositions(coarsest.height, coarsest.width, width_, temperature_);
  for (const AifiLayer& layer : aifi_) {
    layer.attention.Forward(ctx, positions, coarsest.pixels);
    layer.mlp.Forward(ctx, coarsest.pixels);
  }
  Observe(observer, "encoder.aifi", coarsest.pixels);

  // Top down: the finer level gets what the coarser one knows. tops[i]: lateral output, coarsest
  // first.
  std::array<FeatureMap, kFeatureLevels - 1> tops;
  FeatureMap current = std::move(coarsest), both;
  for (size_t i = 0; i + 1 < kFeatureLevels; ++i) {
    lateral_convs_[i].Forward(ctx, current, &tops[i]);
    JoinRight(ctx, p[kFeatureLevels - 2 - i], &both);
    UpsampleNearest2x(ctx, tops[i], both.pixels.view().Cols(0, width_));
    current.Resize(both.height, both.width, width_);
    fpn_blocks_[i].Forward(ctx, both, current.pixels);
    if (observer != nullptr)
      observer->OnTensor(fmt::format("encoder.fpn_blocks.{}", i), current.pixels);
  }
  // Bottom up.
  out->levels[0] = std::move(current);
  for (size_t i = 0; i + 1 < kFeatureLevels; ++i) {
    JoinRight(ctx, tops[kFeatureLevels - 2 - i], &both);
    downsample_convs_[i].Forward(ctx, out->levels[i], both.pixels.view().Cols(0, width_));
    FeatureMap& next = out->levels[i + 1];
    next.Resize(both.height, both.width, width_);
    pan_blocks_[i].Forward(ctx, both, next.pixels);
    if (observer != nullptr)
      observer->OnTensor(fmt::format("encoder.pan_blocks.{}", i), next.pixels);
  }
  Masks(ctx, features[0], observer, out);
}

void HybridEncoder::Masks(const Context& ctx, const FeatureView& stride4, TensorObserver* observer,
                          EncodedPage* page) const {
  FeatureMap sum, a, b;
  masks_.scale_heads[0][0].Forward(ctx, page->levels[0], &sum);
  for (size_t level = 1; level < kFeatureLevels; ++level) {
    const std::vector<ConvLayer>& head = masks_.scale_heads[level];
    for (size_t i = 0; i < head.size(); ++i) {
      head[i].Forward(ctx, i == 0 ? FeatureView(page->levels[level]) : FeatureView(b), &a);
      if (i + 1 == head.size()) {  // the last doubling reaches the size of the sum
        UpsampleBilinear2x(ctx, a, sum.pixels, Blend::kAdd);
      } else {
        b.Resize(2 * a.height, 2 * a.width, a.pixels.cols());
        UpsampleBilinear2x(ctx, a, b.pixels, Blend::kReplace);
      }
    }
  }
  masks_.output_conv.Forward(ctx, sum, &a);
  Observe(observer, "encoder.mask_feature_head", a.pixels);
  masks_.lateral.Forward(ctx, stride4, &b);
  UpsampleBilinear2x(ctx, a, b.pixels, Blend::kAdd);
  masks_.base_conv.Forward(ctx, b, &a);
  FeatureMap& features = page->mask_features;
  features.Resize(a.height, a.width, masks_.prototypes.weight.n);
  Linear(ctx, a.pixels, masks_.prototypes.weight, features.pixels,
         {.bias = masks_.prototypes.bias});
  Observe(observer, "encoder.mask_feat", features.pixels);
}

}  // namespace glmocr
