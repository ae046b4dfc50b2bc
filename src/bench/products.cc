#include <fmt/format.h>

#include <cmath>
#include <random>

#include "bench/measure.h"
#include "bench/parts.h"

namespace glmocr {
namespace {

struct Product {
  std::string name;
  int64_t m, n, k;
  WeightForm form = WeightForm::kPlain;
};

std::vector<Product> Products(const BenchRun& run) {
  const GlmOcrVisionConfig& v = run.runner.model().config().vision;
  const GlmOcrTextConfig& t = run.runner.model().config().text;
  std::vector<Product> products;
  for (const auto& [h, w] : run.options.pictures) {
    const int64_t m = int64_t{h} * w, windows = m / (v.spatial_merge_size * v.spatial_merge_size);
    products.push_back({"vision patch_embed", m, v.hidden_size, v.patch_columns()});
    products.push_back({"vision qkv", m, 3 * v.hidden_size, v.hidden_size});
    products.push_back({"vision proj", m, v.hidden_size, v.hidden_size});
    products.push_back(
        {"vision gate_up", m, 2 * v.intermediate_size, v.hidden_size, WeightForm::kSwiGlu});
    products.push_back({"vision down", m, v.hidden_size, v.intermediate_size});
    products.push_back(
        {"merger gate_up", windows, 2 * run.merger_width, v.out_hidden_size, WeightForm::kSwiGlu});
  }
  const int64_t q = t.num_attention_heads * t.head_dim, kv = t.num_key_value_heads * t.head_dim;
  const int64_t m = run.options.prompt_tokens;
  products.push_back({"text qkv", m, q + 2 * kv, t.hidden_size});
  products.push_back({"text o_proj", m, t.hidden_size, q});
  products.push_back(
      {"text gate_up", m, 2 * t.intermediate_size, t.hidden_size, WeightForm::kSwiGlu});
  products.push_back({"text down", m, t.hidden_size, t.intermediate_size});
  return products;
}

// Largest |y - exact| / bound over some rows and columns, where the bound is what a sum of k
// products in fp32 stays below but for one chance in thousands, 4 sqrt(k) * 2^-24 * sum |a b|
// (Higham & Mary 2019, theorem 2.4), carried through silu(gate) * up. More than 1 is wrong.
double ErrorInBounds(const Product& p, const BenchRun& run, ConstMatrix x, const PackedMatrix& w,
                     ConstMatrix y) {
  const double unit = 0x1p-24 * 4 * std::sqrt(static_cast<double>(p.k));
  double worst = 0;
  for (int64_t r = 0; r < p.m; r += std::max<int64_t>(1, p.m / 3)) {
    for (int64_t o = 0; o < y.cols; o += std::max<int64_t>(1, y.cols / 37)) {
      const auto dot = [&](int64_t row) {
        double sum = 0, magnitude = 0;
        for (int64_t i = 0; i < p.k; ++i) {
          float a = x.row(r)[i];
          if (run.compute == Compute::kBF16) a = BF16ToF32(F32ToBF16(a));
          const double product = double{a} * w.At(row, i);
          sum += product;
          magnitude += std::fabs(product);
        }
        return std::pair{sum, magnitude * unit};
      };
      auto [value, bound] = dot(o);
      if (p.form == WeightForm::kSwiGlu) {
        const auto [up, up_bound] = dot(o + p.n / 2);
        const double silu = value / (1 + std::exp(-value));
        bound = 1.1 * bound * (std::fabs(up) + up_bound) +
                std::fabs(silu) * (up_bound + 0x1p-20 * std::fabs(up));  // |silu'| < 1.1
        value = silu * up;
      }
      worst = std::max(worst, std::fabs(value - y.row(r)[o]) / bound);
    }
  }
  return std::isfinite(worst) ? worst : HUGE_VAL;
}

Status BenchProduct(const Product& p, const BenchRun& run) {
  ThreadPool& pool = *run.runner.context().pool;
  std::mt19937 random(3);
  std::vector<bf16> weights(static_cast<size_t>(p.n * p.k));
  for (bf16& w : weights)
    w = F32ToBF16((static_cast<float>(random() >> 8) * 0x1p-24f - 0.5f) * 0.07f);
  Matrix x(p.m, p.k), y(p.m, p.form == WeightForm::kSwiGlu ? p.n / 2 : p.n);
  for (int64_t i = 0; i < p.m * p.k; ++i)
    x.data()[i] = (static_cast<float>(random() >> 8) * 0x1p-24f - 0.5f) * 3.5f;
  const auto* bytes = reinterpret_cast<const std::byte*>(weights.data());
  const WeightLayout layout =
      run.weight_value_bytes == 2 ? WeightLayout::kBF16Pairs16 : WeightLayout::kF32Panel16;
  const bool swiglu = p.form == WeightForm::kSwiGlu;
  Result<PackedMatrix> packed =
      swiglu ? PackSwiGlu({bytes, DType::kBF16, {p.n / 2, p.k}},
                          {bytes + p.n / 2 * p.k * 2, DType::kBF16, {p.n / 2, p.k}}, layout, pool)
             : PackMatrix({bytes, DType::kBF16, {p.n, p.k}}, layout, pool);
  if (!packed.ok()) return packed.error();
  const GemmArgs args = {.x = x.view(),
                         .w = &*packed,
                         .activation = swiglu ? Activation::kSwiGlu : Activation::kNone,
                         .y = y.view(),
                         .compute = run.compute};
  run.kernels.gemm(args, pool);
  const std::string name = fmt::format("{} {}x{}x{}", p.name, p.m, p.n, p.k);
  GLM_RETURN_IF_ERROR(run.Check(name + " in units of the rounding bound",
                                ErrorInBounds(p, run, x.view(), *packed, y.view()), 1));
  std::vector<double> seconds;
  double total = 0;
  for (int i = 0; i < run.options.repeats || total < 0.4; ++i) {
    seconds.push_back(Seconds([&] { run.kernels.gemm(args, pool); }));
    total += seconds.back();
  }
  run.report.products.push_back(
      {.name = name,
       .flops = 2 * static_cast<double>(p.m * p.n) * static_cast<double>(p.k),
       .bytes = static_cast<double>(packed->buffer.size_bytes()),
       .peak_gflops = run.peak_gflops(),
       .time = Summarize(std::move(seconds))});
  return OkStatus();
}

}  // namespace

Status BenchProducts(const BenchRun& run) {
  for (const Product& product : Products(run)) {
    GLM_RETURN_IF_ERROR(run.Next(product.name));
    GLM_RETURN_IF_ERROR(BenchProduct(product, run));
  }
  return OkStatus();
}

}  // namespace glmocr
