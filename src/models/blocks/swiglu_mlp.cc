#include "models/blocks/swiglu_mlp.h"

#include <algorithm>

namespace glmocr {
namespace {
// Rows of one slice: 768 rows x 4,608 floats are 14 MB, inside a server's L3, and large enough that
// packing the slice for the GEMM is amortised over its columns.
constexpr int64_t kSliceRows = 768;
}  // namespace

SwiGluMlp SwiGluMlp::LoadSeparate(Loader& loader, const WeightScope& scope, const Dims& dims,
                                  Bias bias) {
  std::vector<float> biases;
  if (bias == Bias::kYes) {
    biases = loader.Vector(scope.Sub("gate_proj"), "bias", dims.width);
    const std::vector<float> up = loader.Vector(scope.Sub("up_proj"), "bias", dims.width);
    biases.insert(biases.end(), up.begin(), up.end());
  }
  SwiGluMlp mlp;
  mlp.gate_up =
      loader.SwiGlu(scope.At("gate_proj.weight", {dims.width, dims.n_in}),
                    scope.At("up_proj.weight", {dims.width, dims.n_in}), std::move(biases));
  mlp.down = loader.Linear(scope.Sub("down_proj"), {dims.n_out, dims.width}, bias);
  return mlp;
}

SwiGluMlp SwiGluMlp::LoadFused(Loader& loader, const WeightScope& scope, const Dims& dims) {
  const TensorView both = scope.At("gate_up_proj.weight", {2 * dims.width, dims.n_in});
  TensorView gate{both.data, both.dtype, {dims.width, dims.n_in}};
  TensorView up = gate;
  if (both.data != nullptr) up.data += gate.size_bytes();
  SwiGluMlp mlp;
  mlp.gate_up = loader.SwiGlu(gate, up, {});
  mlp.down = loader.Linear(scope.Sub("down_proj"), {dims.n_out, dims.width}, Bias::kNo);
  return mlp;
}

void SwiGluMlp::Forward(const Context& ctx, ConstMatrix x, ConstMatrix residual, Matrix* scratch,
                        MutMatrix out) const {
  scratch->Resize(std::min(x.rows, kSliceRows), gate_up.weight.out_cols());
  for (int64_t begin = 0; begin < x.rows; begin += kSliceRows) {
    const int64_t rows = std::min(kSliceRows, x.rows - begin);
    const MutMatrix inner = scratch->view().Rows(0, rows);
    Linear(ctx, x.Rows(begin, rows), gate_up.weight, inner,
           {.bias = gate_up.bias, .activation = Activation::kSwiGlu});
    const ConstMatrix rest = residual.data == nullptr ? ConstMatrix{} : residual.Rows(begin, rows);
    Linear(ctx, inner, down.weight, out.Rows(begin, rows), {.bias = down.bias, .residual = rest});
  }
}

}  // namespace glmocr
