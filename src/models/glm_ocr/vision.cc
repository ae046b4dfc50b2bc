#include "models/glm_ocr/vision.h"

#include <fmt/format.h>

#include "models/glm_ocr/positions.h"
#include "ops/attention.h"
#include "ops/norm.h"
#include "ops/rope.h"

namespace glmocr {
namespace {

// The convolution reads [window, channel, a, b]; our rows are [window, (a, b), channel]. Permuting
// the kernel once at load saves transposing the activations of every picture: [out, C, m, m] ->
// [out, m * m, C].
LinearLayer LoadDownsample(Loader& loader, const WeightScope& scope, const GlmOcrVisionConfig& c,
                           std::vector<float>* storage) {
  const int64_t merge = c.spatial_merge_size;
  const Shape shape{c.out_hidden_size, c.hidden_size, merge, merge};
  const TensorView conv = scope.At("weight", shape);
  LinearLayer layer;
  layer.bias = loader.Vector(scope, "bias", c.out_hidden_size);
  if (conv.data == nullptr) return layer;
  const int64_t cells = merge * merge;
  std::vector<float> row(static_cast<size_t>(c.hidden_size * cells));
  storage->resize(static_cast<size_t>(shape.count()));
  for (int64_t o = 0; o < c.out_hidden_size; ++o) {
    CopyAsFloat(conv, o * c.hidden_size * cells, c.hidden_size * cells, row.data());
    float* out = storage->data() + o * c.hidden_size * cells;
    for (int64_t channel = 0; channel < c.hidden_size; ++channel) {
      for (int64_t cell = 0; cell < cells; ++cell) {
        out[cell * c.hidden_size + channel] = row[static_cast<size_t>(channel * cells + cell)];
      }
    }
  }
  const TensorView permuted{reinterpret_cast<const std::byte*>(storage->data()),
                            DType::kF32,
                            {c.out_hidden_size, cells * c.hidden_size}};
  layer.weight = std::move(loader.Stacked({&permuted, 1}).weight);
  return layer;
}

VisionBlock LoadBlock(Loader& loader, const WeightScope& scope, const GlmOcrVisionConfig& c) {
  const int64_t n = c.hidden_size;
  const Bias bias = c.attention_bias ? Bias::kYes : Bias::kNo;
  const WeightScope attn = scope.Sub("attn");
  VisionBlock block;
  block.norm1 = loader.Vector(scope.Sub("norm1"), "weight", n);
  block.norm2 = loader.Vector(scope.Sub("norm2"), "weight", n);
  block.qkv = loader.Linear(attn.Sub("qkv"), {3 * n, n}, bias);
  block.q_norm = loader.Vector(attn.Sub("q_norm"), "weight", n / c.num_heads);
  block.k_norm = loader.Vector(attn.Sub("k_norm"), "weight", n / c.num_heads);
  block.proj = loader.Linear(attn.Sub("proj"), {n, n}, bias);
  block.mlp = SwiGluMlp::LoadSeparate(loader, scope.Sub("mlp"), {n, c.intermediate_size, n}, bias);
  return block;
}

}  // namespace

VisionTower VisionTower::Load(Loader& loader, const WeightScope& visual,
                              const GlmOcrVisionConfig& c) {
  VisionTower tower;
  tower.config_ = c;
  tower.patch_embed_ = loader.Linear(
      visual.Sub("patch_embed.proj"),
      {c.hidden_size, c.in_channels, c.temporal_patch_size, c.patch_size, c.patch_size},
      Bias::kYes);
  for (int64_t i = 0; i < c.depth; ++i) {
    tower.blocks_.push_back(LoadBlock(loader, visual.Sub("blocks").Sub(i), c));
  }
  tower.post_layernorm_ = loader.Vector(visual.Sub("post_layernorm"), "weight", c.hidden_size);
  std::vector<float> permuted;
  tower.downsample_ = LoadDownsample(loader, visual.Sub("downsample"), c, &permuted);

  const WeightScope merger = visual.Sub("merger");
  const int64_t n = c.out_hidden_size;
  tower.merger_.proj = loader.Linear(merger.Sub("proj"), {n, n}, Bias::kNo);
  tower.merger_.post_projection_norm_weight =
      loader.Vector(merger.Sub("post_projection_norm"), "weight", n);
  tower.merger_.post_projection_norm_bias =
      loader.Vector(merger.Sub("post_projection_norm"), "bias", n);
  // Where no width can be told, any stands in: the report names the tensor that is missing or
  // mis-shaped.
  const Result<int64_t> width = MergerWidth(merger);
  tower.merger_.mlp = SwiGluMlp::LoadSeparate(
      loader, merger, {n, width.ok() ? *width : n * c.in_channels, n}, Bias::kNo);
  return tower;
}

// x <- x + proj(attn(norm1 x)); x <- x + mlp(norm2 x)
void VisionTower::ForwardBlock(const Context& ctx, const VisionBlock& block, const RopeTable& rope,
                               std::span<const int64_t> segment_ends, Scratch* s,
                               MutMatrix x) const {
  const int64_t n = config_.hidden_size;
  const int64_t head_dim = n / config_.num_heads;
  RmsNorm(ctx, x, block.norm1, config_.rms_norm_eps, s->norm);
  Linear(ctx, s->norm, block.qkv.weight, s->qkv, {.bias = block.qkv.bias});
  VisionRope(ctx, s->qkv.view().Cols(0, n), block.q_norm, config_.rms_norm_eps, rope, head_dim);
  VisionRope(ctx, s->qkv.view().Cols(n, n), block.k_norm, config_.rms_norm_eps, rope, head_dim);
  SegmentAttention(ctx, s->qkv, config_.num_heads, segment_ends, s->attention);
  Linear(ctx, s->attention, block.proj.weight, x, {.bias = block.proj.bias, .residual = x});
  RmsNorm(ctx, x, block.norm2, config_.rms_norm_eps, s->norm);
  block.mlp.Forward(ctx, s->norm, x, &s->mlp, x);
}

Matrix VisionTower::Forward(const Context& ctx, ConstMatrix pixel_values,
                            std::span<const std::array<int32_t, 3>> grids,
                            TensorObserver* observer) const {
  const auto merge = static_cast<int32_t>(config_.spatial_merge_size);
  std::vector<std::array<int32_t, 2>> hw;
  std::vector<int64_t> segment_ends;
  for (const auto& grid : grids) {
    const auto positions = PatchPositions(grid, merge);
    for (int32_t t = 0; t < grid[0]; ++t) {
      segment_ends.push_back((segment_ends.empty() ? 0 : segment_ends.back()) +
                             int64_t{grid[1]} * grid[2]);
    }
    hw.insert(hw.end(), positions.begin(), positions.end());
  }
  const int64_t n_patches = pixel_values.rows;
  GLM_CHECK(static_cast<int64_t>(hw.size()) == n_patches);
  const RopeTable rope = VisionRopeTable(hw, config_.hidden_size / config_.num_heads);

  Matrix x(n_patches, config_.hidden_size);
  Linear(ctx, pixel_values, patch_embed_.weight, x, {.bias = patch_embed_.bias});
  Observe(observer, "vision.patch_embed", x);

  Scratch scratch;
  scratch.norm.Resize(n_patches, config_.hidden_size);
  scratch.qkv.Resize(n_patches, 3 * config_.hidden_size);
  scratch.attention.Resize(n_patches, config_.hidden_size);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    ForwardBlock(ctx, blocks_[i], rope, segment_ends, &scratch, x);
    if (observer != nullptr) observer->OnTensor(fmt::format("vision.blocks.{}", i), x);
  }
  RmsNorm(ctx, x, post_layernorm_, config_.rms_norm_eps, x);
  Observe(observer, "vision.post_layernorm", x);

  // Merge order puts the merge x merge patches of a window on consecutive rows: one window is one
  // long row.
  const int64_t cells = config_.spatial_merge_size * config_.spatial_merge_size;
  const ConstMatrix windows(x.data(), n_patches / cells, cells * config_.hidden_size);
  Matrix down(windows.rows, config_.out_hidden_size);
  Linear(ctx, windows, downsample_.weight, down, {.bias = downsample_.bias});
  Observe(observer, "vision.downsample", down);

  // torch's LayerNorm default eps; the reference does not take it from the config.
  constexpr float kLayerNormEps = 1e-5f;
  Matrix projected(windows.rows, config_.out_hidden_size);
  Linear(ctx, down, merger_.proj.weight, projected);
  LayerNormGelu(ctx, projected, merger_.post_projection_norm_weight,
                merger_.post_projection_norm_bias, kLayerNormEps, projected);
  merger_.mlp.Forward(ctx, projected, {}, &scratch.mlp, down);
  Observe(observer, "vision.merger", down);
  return down;
}

}  // namespace glmocr
