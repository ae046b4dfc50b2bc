#include <cmath>
#include <vector>

#include "kernels/reference/reference.h"

namespace glmocr::reference {
namespace {

float Round(float x, Compute compute) {
  return compute == Compute::kBF16 ? BF16ToF32(F32ToBF16(x)) : x;
}
float Silu(float x) { return x / (1.0f + std::exp(-x)); }
float GeluErf(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f)); }

}  // namespace

void Gemm(const GemmArgs& args, ThreadPool& pool) {
  const PackedMatrix& w = *args.w;
  GLM_CHECK(args.x.cols == w.k && args.y.cols == w.out_cols() && args.x.rows == args.y.rows);
  GLM_CHECK((args.activation == Activation::kSwiGlu) == (w.form == WeightForm::kSwiGlu));
  pool.For(args.x.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const auto dot = [&](int64_t o) {
        float sum = 0;
        for (int64_t i = 0; i < w.k; ++i) {
          sum =
              std::fma(Round(args.x.row(r)[i], args.compute), Round(w.At(o, i), args.compute), sum);
        }
        return args.bias == nullptr ? sum : sum + args.bias[o];
      };
      for (int64_t o = 0; o < w.out_cols(); ++o) {
        float y = dot(o);
        if (args.activation == Activation::kSwiGlu) y = Silu(y) * dot(o + w.out_cols());
        if (args.activation == Activation::kGeluErf) y = GeluErf(y);
        if (args.residual.data != nullptr) y = args.residual.row(r)[o] + y;
        args.y.row(r)[o] = y;
      }
    }
  });
}

}  // namespace glmocr::reference
