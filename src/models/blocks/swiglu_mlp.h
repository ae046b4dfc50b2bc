// down(silu(gate(x)) * up(x)) (Shazeer 2020), with gate and up as one fused product, in slices of
// rows so that the wide intermediate never leaves the cache.
#pragma once

#include "models/blocks/loader.h"
#include "ops/linear.h"

namespace glmocr {

struct SwiGluMlp {
  LinearLayer gate_up;  // [2 * width, n_in], kSwiGlu
  LinearLayer down;     // [n_out, width]

  // Separate tensors gate_proj, up_proj [width, n_in], down_proj [n_out, width], each with or
  // without bias.
  struct Dims {
    int64_t n_in = 0, width = 0, n_out = 0;
  };
  static SwiGluMlp LoadSeparate(Loader& loader, const WeightScope& scope, const Dims& dims,
                                Bias bias);
  // One tensor gate_up_proj [2 * width, n_in], gate in the first half; down_proj [n_out, width]; no
  // biases.
  static SwiGluMlp LoadFused(Loader& loader, const WeightScope& scope, const Dims& dims);

  // out = residual + mlp(x). x [m, n_in], out [m, n_out] (must not overlap x), residual [m, n_out]
  // or empty; it may be out.
  void Forward(const Context& ctx, ConstMatrix x, ConstMatrix residual, Matrix* scratch,
               MutMatrix out) const;
};

}  // namespace glmocr
