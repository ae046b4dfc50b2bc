// Linear maps with their epilogues, and embedding look-up.
#pragma once

#include <cstdint>
#include <span>

#include "ops/context.h"

namespace glmocr {

// What follows x @ W^T in the same pass over memory.
struct LinearEpilogue {
  std::span<const float> bias = {};  // [w.n] or empty
  Activation activation =
      Activation::kNone;      // kSwiGlu exactly when w.form is kSwiGlu: y = silu(gate) * up
  ConstMatrix residual = {};  // [m, w.out_cols()] or empty; may be y
};

// y = residual + activation(x @ W^T + bias). x [m, w.k], y [m, w.out_cols()], not overlapping x.
void Linear(const Context& ctx, ConstMatrix x, const PackedMatrix& w, MutMatrix y,
            const LinearEpilogue& epilogue = {});

// out[r] = table[ids[r]] as float. table [vocab, n] of F32, F16 or BF16; every id must be in [0,
// vocab).
void EmbeddingLookup(const Context& ctx, const TensorView& table, std::span<const int32_t> ids,
                     MutMatrix out);

}  // namespace glmocr
