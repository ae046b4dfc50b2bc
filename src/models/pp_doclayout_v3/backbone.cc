#include "models/pp_doclayout_v3/backbone.h"

#include <fmt/format.h>

namespace glmocr {
namespace {

constexpr ConvNormNames kNames = {"convolution", "normalization"};
constexpr float kEps = 1e-5f;  // the reference's frozen normalisation has no other
constexpr int64_t kColours = 3, kStoredColours = 4;

// A convolution over colours that lie four to a pixel: packing reads four floats at a time.
ConvLayer LoadOverColours(Loader& loader, const WeightScope& scope, int64_t out,
                          const ConvShape& shape) {
  const FoldedConv folded = FoldConvNorm(scope, kNames, {kColours, out, shape}, kEps);
  const size_t runs = folded.weight.size() / kColours;
  std::vector<float> weight(runs * kStoredColours);
  for (size_t r = 0; r < runs; ++r) {
    for (size_t c = 0; c < kColours; ++c)
      weight[r * kStoredColours + c] = folded.weight[r * kColours + c];
  }
  return {loader.Computed(weight, folded.bias), shape, Activation::kRelu};
}

ConvLayer LoadConv(Loader& loader, const WeightScope& scope, const ConvDims& dims,
                   Activation activation = Activation::kRelu) {
  return LoadConvNorm(loader, scope, kNames, dims, kEps, activation);
}

HgNetBlock LoadBlock(Loader& loader, const WeightScope& scope, const HgNetStageConfig& c,
                     int64_t in) {
  HgNetBlock block;
  for (int64_t i = 0; i < c.n_layers; ++i) {
    const WeightScope layer = scope.Sub("layers").Sub(i);
    const int64_t from = i == 0 ? in : c.mid_channels;
    if (c.light) {
      block.layers.push_back(
          {LoadConv(loader, layer.Sub("conv1"), {from, c.mid_channels, SameConv(1)},
                    Activation::kNone),
           LoadDepthwiseNorm(layer.Sub("conv2"), kNames,
                             {c.mid_channels, c.mid_channels, SameConv(c.kernel)}, kEps,
                             Activation::kRelu)});
    } else {
      block.layers.push_back(
          {LoadConv(loader, layer, {from, c.mid_channels, SameConv(c.kernel)}), {}});
    }
  }
  const int64_t all = in + c.n_layers * c.mid_channels, half = c.out_channels / 2;
  const WeightScope aggregation = scope.Sub("aggregation");
  block.squeeze = LoadConv(loader, aggregation.Sub(int64_t{0}), {all, half, SameConv(1)});
  block.excite = LoadConv(loader, aggregation.Sub(1), {half, c.out_channels, SameConv(1)});
  return block;
}

HgNetStage LoadStage(Loader& loader, const WeightScope& scope, const HgNetStageConfig& c) {
  HgNetStage stage{.config = c, .downsample = {}, .blocks = {}};
  if (c.downsample) {
    stage.downsample =
        LoadDepthwiseNorm(scope.Sub("downsample"), kNames,
                          {c.in_channels, c.in_channels, SameConv(3, 2)}, kEps, Activation::kNone);
  }
  for (int64_t i = 0; i < c.n_blocks; ++i) {
    stage.blocks.push_back(
        LoadBlock(loader, scope.Sub("blocks").Sub(i), c, i == 0 ? c.in_channels : c.out_channels));
  }
  return stage;
}

// Reads the block's input from the first `in` columns of s->concat; out may be the columns that the
// next block reads its own input from.
void ForwardBlock(const Context& ctx, const HgNetBlock& block, int64_t mid, FeatureMap* concat,
                  Matrix* squeezed, Matrix* light, MutMatrix out, ConstMatrix residual) {
  const int64_t h = concat->height, w = concat->width;
  const MutMatrix all = concat->pixels;
  const auto n_layers = static_cast<int64_t>(block.layers.size());
  const int64_t in = all.cols - n_layers * mid;
  for (int64_t i = 0; i < n_layers; ++i) {
    const HgNetLayer& layer = block.layers[static_cast<size_t>(i)];
    const FeatureView x = {i == 0 ? all.Cols(0, in) : all.Cols(in + (i - 1) * mid, mid), h, w};
    const MutMatrix y = all.Cols(in + i * mid, mid);
    if (layer.depthwise.weight.empty()) {
      layer.conv.Forward(ctx, x, y);
    } else {
      light->Resize(all.rows, mid);
      layer.conv.Forward(ctx, x, *light);
      layer.depthwise.Forward(ctx, {*light, h, w}, y);
    }
  }
  squeezed->Resize(all.rows, block.squeeze.out_channels());
  block.squeeze.Forward(ctx, {all, h, w}, *squeezed);
  block.excite.Forward(ctx, {*squeezed, h, w}, out, residual);
}

}  // namespace

HgNet HgNet::Load(Loader& loader, const WeightScope& scope, const HgNetConfig& config) {
  HgNet net;
  const WeightScope embedder = scope.Sub("embedder");
  const auto [colours, inner, outer] = config.stem_channels;
  GLM_CHECK(colours == kColours);
  // Windows of two reach over the lower and the right edge.
  const ConvShape two = {.kernel = 2, .stride = 1, .pad = 0, .pad_end = 1};
  net.stem_ = {LoadOverColours(loader, embedder.Sub("stem1"), inner, SameConv(3, 2)),
               LoadConv(loader, embedder.Sub("stem2a"), {inner, inner / 2, two}),
               LoadConv(loader, embedder.Sub("stem2b"), {inner / 2, inner, two}),
               LoadConv(loader, embedder.Sub("stem3"), {2 * inner, inner, SameConv(3, 2)}),
               LoadConv(loader, embedder.Sub("stem4"), {inner, outer, SameConv(1)})};
  for (int64_t i = 0; i < kBackboneStages; ++i) {
    net.stages_.push_back(LoadStage(loader, scope.Sub("encoder.stages").Sub(i),
                                    config.stages[static_cast<size_t>(i)]));
  }
  return net;
}

// out [height / 4 * width / 4, stem_channels[2]]
void HgNet::Stem(const Context& ctx, const FeatureView& image, Scratch* s, MutMatrix out) const {
  const int64_t inner = stem_.stem1.out_channels();
  stem_.stem1.Forward(ctx, image, &s->a);
  stem_.stem2a.Forward(ctx, s->a, &s->b);
  FeatureMap both;  // pooled, convolved
  both.Resize(s->a.height, s->a.width, 2 * inner);
  MaxPool2x2(ctx, s->a, both.pixels.view().Cols(0, inner));
  stem_.stem2b.Forward(ctx, s->b, both.pixels.view().Cols(inner, inner));
  stem_.stem3.Forward(ctx, both, &s->a);
  stem_.stem4.Forward(ctx, s->a, out);
}

// The stage's input lies in the first columns of s->concat.
void HgNet::Stage(const Context& ctx, const HgNetStage& stage, Scratch* s, FeatureMap* out) {
  const HgNetStageConfig& c = stage.config;
  out->Resize(s->concat.height, s->concat.width, c.out_channels);
  for (size_t i = 0; i < stage.blocks.size(); ++i) {
    if (i > 0) {
      s->concat.Resize(out->height, out->width, c.out_channels + c.n_layers * c.mid_channels);
      const MutMatrix input = s->concat.pixels.view().Cols(0, c.out_channels);
      ctx.pool->For(input.rows, 64, [&](int64_t begin, int64_t end, int) {
        for (int64_t r = begin; r < end; ++r)
          std::copy_n(out->pixels.row(r), c.out_channels, input.row(r));
      });
    }
    // Blocks after the first add to what they read; a product may read and write the same element
    // of its residual.
    ForwardBlock(ctx, stage.blocks[i], c.mid_channels, &s->concat, &s->squeezed, &s->light,
                 out->pixels, i == 0 ? ConstMatrix() : ConstMatrix(out->pixels));
  }
}

void HgNet::Forward(const Context& ctx, const FeatureView& image, TensorObserver* observer,
                    Features* features) const {
  Scratch s;
  for (size_t i = 0; i < stages_.size(); ++i) {
    const HgNetStageConfig& c = stages_[i].config;
    const int64_t divisor = int64_t{4} << i;
    s.concat.Resize(image.height / divisor, image.width / divisor,
                    c.in_channels + c.n_layers * c.mid_channels);
    const MutMatrix input = s.concat.pixels.view().Cols(0, c.in_channels);
    if (i == 0)
      Stem(ctx, image, &s, input);
    else
      stages_[i].downsample.Forward(ctx, (*features)[i - 1], input);
    Stage(ctx, stages_[i], &s, &(*features)[i]);
    if (observer != nullptr)
      observer->OnTensor(fmt::format("backbone.stages.{}", i), (*features)[i].pixels);
  }
}

}  // namespace glmocr
