// Turns checkpoint tensors into the forms that modules compute with: packed matrices and float
// vectors.
//
// A module's Load function declares each of its tensors once, with path and shape; problems
// (missing, mis-shaped) collect in the WeightScope's report, which refuses the model after all
// modules were declared. Running out of memory collects here.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/kernels.h"
#include "tensor/packed_matrix.h"
#include "weights/checkpoint.h"
#include "weights/weight_scope.h"

namespace glmocr {

// y = x W^T + b.
struct LinearLayer {
  PackedMatrix weight;
  std::vector<float> bias;  // [n] or empty
};

enum class Bias { kNo, kYes };

class Loader {
 public:
  // Packs on `pool`. The pages of `checkpoint` are let go as the packing proceeds, so that a model
  // is never resident twice.
  Loader(const Checkpoint& checkpoint, ThreadPool& pool, Compute compute)
      : checkpoint_(checkpoint), pool_(pool), compute_(compute) {}

  // `scope`.weight [shape] (rank > 2 is flattened to [shape[0], rest]) and `scope`.bias [shape[0]].
  LinearLayer Linear(const WeightScope& scope, const Shape& shape, Bias bias);
  // Linear maps of one input stacked: rows of parts[0], parts[1], ... (no biases).
  LinearLayer Stacked(std::span<const TensorView> parts);
  // gate and up interleaved for Activation::kSwiGlu; biases may be empty.
  LinearLayer SwiGlu(const TensorView& gate, const TensorView& up,
                     std::vector<float> gate_then_up_bias);
  // weight [bias.size(), k] as computed by the caller from tensors that it declared itself; empty
  // for an empty weight. Packed as fp32.
  LinearLayer Computed(std::span<const float> weight, std::vector<float> bias);
  // `scope`.name [n] as floats.
  std::vector<float> Vector(const WeightScope& scope, std::string_view name, int64_t n);

  // The first failure that is not a defect of the checkpoint (those are in the report).
  Status status() const { return status_; }

 private:
  WeightLayout LayoutFor(DType dtype) const;
  PackedMatrix Keep(Result<PackedMatrix> packed);

  const Checkpoint& checkpoint_;
  ThreadPool& pool_;
  Compute compute_;
  size_t n_bytes_since_drop_ = 0;
  Status status_;
};

}  // namespace glmocr
