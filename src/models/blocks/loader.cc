#include "models/blocks/loader.h"

namespace glmocr {
namespace {
constexpr size_t kDropBytes =
    size_t{64}
    << 20;  // a drop walks the page tables: rare enough not to be noticed, small beside a model
}  // namespace

WeightLayout Loader::LayoutFor(DType dtype) const {
  // bf16 pairs hold a bf16 checkpoint exactly and are half the memory to read; fp32 keeps other
  // checkpoints exact in fp32 computation.
  return compute_ == Compute::kBF16 || dtype == DType::kBF16 ? WeightLayout::kBF16Pairs16
                                                             : WeightLayout::kF32Panel16;
}

PackedMatrix Loader::Keep(Result<PackedMatrix> packed) {
  if (packed.ok()) {
    n_bytes_since_drop_ += packed->buffer.size_bytes();
    if (n_bytes_since_drop_ > kDropBytes) {
      checkpoint_.DropPages();
      n_bytes_since_drop_ = 0;
    }
    return std::move(packed).value();
  }
  if (status_.ok()) status_ = packed.error();
  return {};
}

LinearLayer Loader::Linear(const WeightScope& scope, const Shape& shape, Bias bias) {
  LinearLayer layer;
  const TensorView weight = scope.At("weight", shape);
  if (weight.data != nullptr)
    layer.weight = Keep(PackMatrix(weight, LayoutFor(weight.dtype), pool_));
  if (bias == Bias::kYes) layer.bias = Vector(scope, "bias", shape[0]);
  return layer;
}

LinearLayer Loader::Stacked(std::span<const TensorView> parts) {
  for (const TensorView& part : parts) {
    if (part.data == nullptr) return {};
  }
  return {.weight = Keep(PackStacked(parts, LayoutFor(parts[0].dtype), pool_)), .bias = {}};
}

LinearLayer Loader::SwiGlu(const TensorView& gate, const TensorView& up,
                           std::vector<float> gate_then_up_bias) {
  if (gate.data == nullptr || up.data == nullptr) return {};
  return {.weight = Keep(PackSwiGlu(gate, up, LayoutFor(gate.dtype), pool_)),
          .bias = std::move(gate_then_up_bias)};
}

LinearLayer Loader::Computed(std::span<const float> weight, std::vector<float> bias) {
  if (weight.empty()) return {};
  const auto n = static_cast<int64_t>(bias.size());
  const TensorView view = {reinterpret_cast<const std::byte*>(weight.data()), DType::kF32,
                           Shape{n, static_cast<int64_t>(weight.size()) / n}};
  return {.weight = Keep(PackMatrix(view, WeightLayout::kF32Panel16, pool_)),
          .bias = std::move(bias)};
}

std::vector<float> Loader::Vector(const WeightScope& scope, std::string_view name, int64_t n) {
  const TensorView tensor = scope.At(name, Shape{n});
  std::vector<float> values(static_cast<size_t>(n));
  if (tensor.data != nullptr) CopyAsFloat(tensor, 0, n, values.data());
  return values;
}

}  // namespace glmocr
