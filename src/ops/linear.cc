#include "ops/linear.h"

namespace glmocr {

void Linear(const Context& ctx, ConstMatrix x, const PackedMatrix& w, MutMatrix y,
            const LinearEpilogue& epilogue) {
  GLM_CHECK(x.cols == w.k && y.cols == w.out_cols() && x.rows == y.rows);
  GLM_CHECK(epilogue.bias.empty() || static_cast<int64_t>(epilogue.bias.size()) == w.n);
  GLM_CHECK((epilogue.activation == Activation::kSwiGlu) == (w.form == WeightForm::kSwiGlu));
  const ConstMatrix& residual = epilogue.residual;
  GLM_CHECK(residual.data == nullptr || (residual.rows == y.rows && residual.cols == y.cols));
  if (x.rows == 0) return;
  ctx.kernels->gemm({.x = x,
                     .w = &w,
                     .bias = epilogue.bias.empty() ? nullptr : epilogue.bias.data(),
                     .activation = epilogue.activation,
                     .residual = residual,
                     .y = y,
                     .compute = ctx.compute},
                    *ctx.pool);
}

void EmbeddingLookup(const Context& ctx, const TensorView& table, std::span<const int32_t> ids,
                     MutMatrix out) {
  GLM_CHECK(table.shape.rank() == 2 && table.shape[1] == out.cols &&
            out.rows == static_cast<int64_t>(ids.size()));
  const int64_t n = table.shape[1];
  ctx.pool->For(out.rows, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t id = ids[static_cast<size_t>(r)];
      GLM_CHECK(id >= 0 && id < table.shape[0]);
      CopyAsFloat(table, id * n, n, out.row(r));
    }
  });
}

}  // namespace glmocr
