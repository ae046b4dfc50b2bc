// Every table this machine can run against kernels/reference: the numerical contract at the top of
// kernels.h, views, epilogues.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/gemm_path.h"
#include "kernels/select.h"

namespace glmocr {
namespace {

constexpr float kSentinel = -12345.678f;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

struct GemmUnderTest {
  std::string name;
  bool native_bf16;  // kBF16 over kBF16Pairs16 has its own order of summation
  void (*gemm)(const GemmArgs&, ThreadPool&);
};

std::vector<GemmUnderTest> AllGemms() {
  std::vector<GemmUnderTest> all;
  bool has_avx512 = false, has_amx = false;
  for (const KernelTable* table : RunnableKernels()) {
    if (table == &ReferenceKernels()) continue;
    all.push_back({table->name, table->native_bf16, table->gemm});
    has_avx512 |= all.back().name == "avx512";
    has_amx |= all.back().name == "amx_bf16";
  }
#if defined(__x86_64__)
  if (has_avx512 && !has_amx) {
    all.push_back({"amx_emulated", true, [](const GemmArgs& args, ThreadPool& pool) {
                     const bool amx = args.compute == Compute::kBF16 &&
                                      args.w->layout == WeightLayout::kBF16Pairs16;
                     ThreadPool one(1);  // the emulated registers exist once
                     if (amx)
                       cpu::GemmOverPath(cpu::kAmxEmulatedGemm, args, one);
                     else
                       cpu::GemmAvx512(args, pool);
                   }});
  }
#endif
  return all;
}

// A matrix inside a larger allocation whose other elements must survive (outputs) or poison what
// reads them (inputs).
class Guarded {
 public:
  Guarded(int64_t rows, int64_t cols, float guard)
      : rows_(rows),
        cols_(cols),
        stride_(cols + 3),
        guard_(guard),
        data_(static_cast<size_t>((rows + 2) * stride_), guard) {}
  MutMatrix view() { return {data_.data() + stride_ + 1, rows_, cols_, stride_}; }
  float& at(int64_t r, int64_t c) { return view().row(r)[c]; }
  void Fill(std::mt19937& random) {
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t c = 0; c < cols_; ++c) at(r, c) = normal(random);
    }
  }
  void ExpectGuardsIntact() {
    for (size_t i = 0; i < data_.size(); ++i) {
      const int64_t r = static_cast<int64_t>(i) / stride_ - 1,
                    c = static_cast<int64_t>(i) % stride_ - 1;
      const bool inside = r >= 0 && r < rows_ && c >= 0 && c < cols_;
      if (!inside) {
        ASSERT_EQ(std::bit_cast<uint32_t>(data_[i]), std::bit_cast<uint32_t>(guard_))
            << "element " << i;
      }
    }
  }

 private:
  int64_t rows_, cols_, stride_;
  float guard_;
  std::vector<float> data_;
};

PackedMatrix RandomWeights(int64_t n, int64_t k, WeightLayout layout, WeightForm form,
                           std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n * k));
  for (float& v : values) v = normal(random);
  const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
  ThreadPool pool(1);
  if (form == WeightForm::kPlain) return *PackMatrix({bytes, DType::kF32, {n, k}}, layout, pool);
  return *PackSwiGlu({bytes, DType::kF32, {n / 2, k}},
                     {bytes + n / 2 * k * 4, DType::kF32, {n / 2, k}}, layout, pool);
}

bool Same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

constexpr WeightLayout kLayouts[] = {WeightLayout::kF32Panel16, WeightLayout::kBF16Pairs16};
constexpr Compute kComputes[] = {Compute::kF32, Compute::kBF16};

std::string Describe(const GemmUnderTest& t, WeightLayout layout, Compute compute) {
  return t.name + (layout == WeightLayout::kF32Panel16 ? " float weights" : " bf16 weights") +
         (compute == Compute::kF32 ? " fp32" : " bf16");
}

bool OwnOrder(const GemmUnderTest& t, WeightLayout layout, Compute compute) {
  return t.native_bf16 && layout == WeightLayout::kBF16Pairs16 && compute == Compute::kBF16;
}

// |reference - table| for a path with its own order: both sum the same k exact products (of values
// rounded to bf16) with at most one rounding (2^-24 relative) per product, so each is within k
// 2^-24 sum|x w| (1 + O(k 2^-24)) of the exact sum. Denormal inputs and sums may be flushed to
// zero: k times the least normal number.
class OrderBounds {
 public:
  OrderBounds(ConstMatrix x, const PackedMatrix& w) : k_(w.k) {
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t i = 0; i < k_; ++i) x_.push_back(Magnitude(x.row(r)[i]));
    }
    for (int64_t o = 0; o < w.n; ++o) {
      for (int64_t i = 0; i < k_; ++i) w_.push_back(Magnitude(w.At(o, i)));
    }
  }
  float At(int64_t r, int64_t o) const {
    const double* x = x_.data() + r * k_;
    const double* w = w_.data() + o * k_;
    double magnitude = 0;
    for (int64_t i = 0; i < k_; ++i) magnitude += x[i] * w[i];
    const auto k = static_cast<double>(k_);
    return static_cast<float>(2.02 * k * std::ldexp(magnitude, -24) + k * std::ldexp(1.0, -125));
  }

 private:
  static double Magnitude(float v) { return std::fabs(double{BF16ToF32(F32ToBF16(v))}); }
  int64_t k_;
  std::vector<double> x_, w_;  // [rows, k], [n, k]: |values rounded to bf16|
};

struct Problem {
  int64_t m, k, n;
};

// Sums alone, for every table: equal bit for bit where the contract says so, within the bound
// elsewhere.
void CheckSums(const Problem& s, WeightLayout layout, Compute compute, ThreadPool& pool) {
  std::mt19937 random(static_cast<uint32_t>(s.m * 10007 + s.k * 101 + s.n));
  const PackedMatrix w = RandomWeights(s.n, s.k, layout, WeightForm::kPlain, random);
  Guarded x(s.m, s.k, kNan), expected(s.m, s.n, kSentinel);
  x.Fill(random);
  ReferenceKernels().gemm({.x = x.view(), .w = &w, .y = expected.view(), .compute = compute}, pool);
  std::optional<OrderBounds> bounds;
  for (const GemmUnderTest& t : AllGemms()) {
    SCOPED_TRACE(Describe(t, layout, compute));
    Guarded y(s.m, s.n, kSentinel);
    t.gemm({.x = x.view(), .w = &w, .y = y.view(), .compute = compute}, pool);
    y.ExpectGuardsIntact();
    const bool own_order = OwnOrder(t, layout, compute);
    if (own_order && !bounds) bounds.emplace(x.view(), w);
    for (int64_t r = 0; r < s.m; ++r) {
      for (int64_t o = 0; o < s.n; ++o) {
        const float a = expected.at(r, o), b = y.at(r, o);
        if (own_order) {
          ASSERT_LE(std::fabs(a - b), bounds->At(r, o)) << r << "," << o;
        } else {
          ASSERT_TRUE(Same(a, b)) << r << "," << o << ": " << a << " " << b;
        }
      }
    }
  }
}

TEST(Gemm, AgreesWithReferenceAtOddSizes) {
  ThreadPool pool(2);
  for (const int64_t m : {1, 2, 3, 5, 7, 12, 13, 17, 31, 61}) {
    for (const int64_t k : {1, 2, 3, 15, 16, 17, 64, 65, 300}) {
      for (const int64_t n : {1, 15, 16, 17, 33, 48, 100}) {
        if (k == 300 && m > 31) continue;
        SCOPED_TRACE(testing::Message() << m << " x " << k << " x " << n);
        for (const WeightLayout layout : kLayouts) {
          for (const Compute compute : kComputes) CheckSums({m, k, n}, layout, compute, pool);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// Several blocks of rows, columns and inputs; 130 rows x 20000 inputs also exceed the memory for
// packed rows.
TEST(Gemm, AgreesWithReferenceAcrossBlocks) {
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (const Problem& s :
         {Problem{130, 600, 260}, Problem{401, 257, 40}, Problem{130, 20001, 5}}) {
      SCOPED_TRACE(testing::Message()
                   << s.m << " x " << s.k << " x " << s.n << ", threads " << threads);
      for (const WeightLayout layout : kLayouts) {
        for (const Compute compute : kComputes) CheckSums(s, layout, compute, pool);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Infinities and NaN come out where, and only where, the reference has them.
TEST(Gemm, SpecialValuesSpreadAsInReference) {
  ThreadPool pool(2);
  for (const int64_t k : {7, 40}) {
    std::mt19937 random(5);
    std::vector<float> values(static_cast<size_t>(20 * k), 1.0f);
    values[static_cast<size_t>(3 * k + 2)] = kInf;
    values[static_cast<size_t>(17 * k + k - 1)] = kNan;
    values[static_cast<size_t>(5 * k + k - 1)] = -kInf;
    for (const WeightLayout layout : kLayouts) {
      const PackedMatrix w = *PackMatrix(
          {reinterpret_cast<const std::byte*>(values.data()), DType::kF32, {20, k}}, layout, pool);
      for (const Compute compute : kComputes) {
        Guarded x(30, k, 1.0f), expected(30, 20, kSentinel);
        x.Fill(random);
        x.at(1, 2) = 0;  // 0 * inf
        x.at(2, k - 1) = kNan;
        x.at(29, 0) = -kInf;
        x.at(28, 0) = 3e38f;
        ReferenceKernels().gemm({.x = x.view(), .w = &w, .y = expected.view(), .compute = compute},
                                pool);
        for (const GemmUnderTest& t : AllGemms()) {
          SCOPED_TRACE(Describe(t, layout, compute));
          Guarded y(30, 20, kSentinel);
          t.gemm({.x = x.view(), .w = &w, .y = y.view(), .compute = compute}, pool);
          for (int64_t r = 0; r < 30; ++r) {
            for (int64_t o = 0; o < 20; ++o) {
              const float a = expected.at(r, o), b = y.at(r, o);
              if (std::isfinite(a)) {
                ASSERT_TRUE(std::isfinite(b)) << r << "," << o;
              } else {
                ASSERT_TRUE(Same(a, b)) << r << "," << o << ": " << a << " " << b;
              }
            }
          }
        }
      }
    }
  }
}

// y = residual + activation(sum + bias), from the table's own sums by libm in double. What remains
// is the error of the vector exp and erf: silu 2^-22 (exp) + 3 roundings, gelu x/2 (5e-7 (erf) + 4
// roundings of values <= 2), and the roundings of the products and the sum.
struct Epilogue {
  bool bias, residual, in_place;
  Activation activation;
};

void CheckEpilogue(const GemmUnderTest& t, const Problem& s, WeightLayout layout, Compute compute,
                   const Epilogue& e, ThreadPool& pool) {
  std::mt19937 random(static_cast<uint32_t>(s.n + 77));
  const bool swiglu = e.activation == Activation::kSwiGlu;
  const int64_t stored = swiglu ? 2 * s.n : s.n;
  std::mt19937 weights_random = random;
  const PackedMatrix w =
      RandomWeights(stored, s.k, layout, swiglu ? WeightForm::kSwiGlu : WeightForm::kPlain, random);
  const PackedMatrix plain = RandomWeights(stored, s.k, layout, WeightForm::kPlain, weights_random);
  Guarded x(s.m, s.k, kNan), sums(s.m, stored, kSentinel), residual(s.m, s.n, kNan),
      y(s.m, s.n, kSentinel);
  x.Fill(random), residual.Fill(random);
  std::vector<float> bias(static_cast<size_t>(
      stored));  // ends where it ends: AddressSanitizer sees every read behind it
  std::normal_distribution<float> normal;
  for (float& b : bias) b = normal(random);
  for (int64_t c = 0; c < s.n && e.in_place; ++c) {
    for (int64_t r = 0; r < s.m; ++r) y.at(r, c) = residual.at(r, c);
  }
  t.gemm({.x = x.view(), .w = &plain, .y = sums.view(), .compute = compute}, pool);
  GemmArgs args = {
      .x = x.view(), .w = &w, .activation = e.activation, .y = y.view(), .compute = compute};
  if (e.bias) args.bias = bias.data();
  if (e.residual) args.residual = e.in_place ? ConstMatrix(y.view()) : ConstMatrix(residual.view());
  t.gemm(args, pool);
  y.ExpectGuardsIntact();
  for (int64_t r = 0; r < s.m; ++r) {
    for (int64_t o = 0; o < s.n; ++o) {
      const float v = sums.at(r, o) + (e.bias ? bias[static_cast<size_t>(o)] : 0.0f);
      double expected = v, bound = 0;
      if (swiglu) {
        const float up = sums.at(r, o + s.n) + (e.bias ? bias[static_cast<size_t>(o + s.n)] : 0.0f);
        expected = v / (1 + std::exp(-double{v})) * up;
        bound = std::fabs(expected) * std::ldexp(1.0, -20);
      } else if (e.activation == Activation::kGeluErf) {
        expected = 0.5 * v * (1 + std::erf(v * std::sqrt(0.5)));
        bound = std::fabs(0.5 * v) * 1e-6;
      }
      if (e.residual) expected += residual.at(r, o);
      bound += std::fabs(expected) * std::ldexp(1.0, -23) + 1e-37;
      if (e.activation == Activation::kNone) {
        ASSERT_EQ(y.at(r, o), static_cast<float>(expected)) << r << "," << o;
      } else {
        ASSERT_NEAR(y.at(r, o), expected, bound) << r << "," << o << " sum " << v;
      }
    }
  }
}

TEST(Gemm, Epilogues) {
  const Epilogue epilogues[] = {
      {true, false, false, Activation::kNone},    {false, true, false, Activation::kNone},
      {true, true, true, Activation::kNone},      {true, false, false, Activation::kGeluErf},
      {false, true, false, Activation::kGeluErf}, {false, false, false, Activation::kSwiGlu},
      {true, true, false, Activation::kSwiGlu},   {false, true, true, Activation::kSwiGlu}};
  ThreadPool pool(3);
  for (const GemmUnderTest& t : AllGemms()) {
    for (const WeightLayout layout : kLayouts) {
      for (const Compute compute : kComputes) {
        for (const Problem& s :
             {Problem{1, 9, 1}, Problem{5, 33, 17}, Problem{14, 64, 48}, Problem{50, 300, 100}}) {
          for (const Epilogue& e : epilogues) {
            SCOPED_TRACE(testing::Message() << Describe(t, layout, compute) << " m " << s.m << " n "
                                            << s.n << " epilogue " << (&e - epilogues));
            CheckEpilogue(t, s, layout, compute, e, pool);
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

// The activations over their whole range, through an identity matrix: one product, the others
// exactly zero.
TEST(Gemm, ActivationsOverTheirRange) {
  ThreadPool pool(1);
  std::vector<float> inputs = {0.0f,   -0.0f,   1e-30f, -1e-30f, 88.0f, -88.0f, -89.5f,
                               104.0f, -104.0f, 1e30f,  -1e30f,  kInf,  kNan,   -kInf};
  for (float v = -20; v < 20; v += 0.0037f) inputs.push_back(v);
  const auto m = static_cast<int64_t>(inputs.size());
  const float ones[2] = {1.0f, 1.0f};
  const auto* bytes = reinterpret_cast<const std::byte*>(ones);
  const PackedMatrix gelu =
      *PackMatrix({bytes, DType::kF32, {1, 1}}, WeightLayout::kF32Panel16, pool);
  const PackedMatrix swiglu = *PackSwiGlu(
      {bytes, DType::kF32, {1, 1}}, {bytes, DType::kF32, {1, 1}}, WeightLayout::kF32Panel16, pool);
  std::vector<float> expected(inputs.size()), y(inputs.size());
  for (const Activation activation : {Activation::kGeluErf, Activation::kSwiGlu}) {
    GemmArgs args = {.x = ConstMatrix(inputs.data(), m, 1),
                     .w = activation == Activation::kSwiGlu ? &swiglu : &gelu,
                     .activation = activation};
    args.y = MutMatrix(expected.data(), m, 1);
    ReferenceKernels().gemm(args, pool);
    for (const GemmUnderTest& t : AllGemms()) {
      args.y = MutMatrix(y.data(), m, 1);
      t.gemm(args, pool);
      for (size_t i = 0; i < inputs.size(); ++i) {
        const float v = inputs[i], a = expected[i], b = y[i];
        if (!std::isfinite(a)) {
          ASSERT_TRUE(Same(a, b)) << t.name << " " << v << ": " << a << " " << b;
          continue;
        }
        // Twice the bounds of CheckEpilogue: libm's floats err too. SwiGlu here is silu(v) v.
        const double bound = activation == Activation::kSwiGlu
                                 ? std::fabs(a) * std::ldexp(1.0, -19) + 1e-37
                                 : std::fabs(v) * 1e-6 + 1e-37;
        ASSERT_NEAR(a, b, bound) << t.name << " " << v;
      }
    }
  }
}

// Row r of a batch = the same row alone, bit for bit, with activation, for every path and number of
// threads.
TEST(Gemm, RowsDoNotDependOnTheBatch) {
  std::mt19937 random(11);
  for (const WeightLayout layout : kLayouts) {
    for (const Compute compute : kComputes) {
      const PackedMatrix w = RandomWeights(2 * 70, 777, layout, WeightForm::kSwiGlu, random);
      Guarded x(90, 777, kNan);
      x.Fill(random);
      for (const GemmUnderTest& t : AllGemms()) {
        SCOPED_TRACE(Describe(t, layout, compute));
        ThreadPool one(1);
        Guarded alone(90, 70, kSentinel);
        for (int64_t r = 0; r < 90; ++r) {
          t.gemm({.x = x.view().Rows(r, 1),
                  .w = &w,
                  .activation = Activation::kSwiGlu,
                  .y = alone.view().Rows(r, 1),
                  .compute = compute},
                 one);
        }
        for (const int threads : {1, 2, 3}) {
          ThreadPool pool(threads);
          for (const int64_t m : {2, 5, 12, 13, 23, 37, 90}) {
            Guarded y(m, 70, kSentinel);
            t.gemm({.x = x.view().Rows(0, m),
                    .w = &w,
                    .activation = Activation::kSwiGlu,
                    .y = y.view(),
                    .compute = compute},
                   pool);
            for (int64_t r = 0; r < m; ++r) {
              ASSERT_EQ(std::memcmp(y.view().row(r), alone.view().row(r), 70 * sizeof(float)), 0)
                  << "row " << r << " of " << m;
            }
          }
        }
      }
    }
  }
}

TEST(Gemm, NoRows) {
  ThreadPool pool(2);
  std::mt19937 random(1);
  const PackedMatrix w =
      RandomWeights(20, 8, WeightLayout::kBF16Pairs16, WeightForm::kPlain, random);
  for (const GemmUnderTest& t : AllGemms())
    t.gemm({.x = ConstMatrix(nullptr, 0, 8), .w = &w, .y = MutMatrix(nullptr, 0, 20)}, pool);
}

TEST(SelectKernels, NamesAndRefuses) {
  for (const KernelTable* table : RunnableKernels()) EXPECT_EQ(*SelectKernels(table->name), table);
  EXPECT_EQ(RunnableKernels().back(), &ReferenceKernels());
  const auto unknown = SelectKernels("sse9");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("reference"), std::string::npos);
}

}  // namespace
}  // namespace glmocr
