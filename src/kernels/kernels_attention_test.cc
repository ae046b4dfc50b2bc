// Attention: worked examples against the reference, then every table against the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/kernels_test_util.h"

namespace glmocr {
namespace {

TEST(AttentionReference, SegmentsByHand) {
  ThreadPool pool(1);
  // One head of 2; segments {row 0}, {rows 1, 2}. Row 0 returns its own value. In the second
  // segment scores differ by ln 3, so that the weights are 1/4 and 3/4.
  std::vector<float> q = {5, 5, 1, 0, 0, 1}, k = {9, 9, 0, std::log(3.0f), std::log(3.0f), 0},
                     v = {7, 8, 4, 0, 8, 4}, out(6);
  const std::vector<int64_t> ends = {1, 3};
  ReferenceKernels().segment_attention({.q = {q.data(), 3, 2},
                                        .k = {k.data(), 3, 2},
                                        .v = {v.data(), 3, 2},
                                        .n_heads = 1,
                                        .head_dim = 2,
                                        .scale = 1,
                                        .segment_ends = ends,
                                        .out = {out.data(), 3, 2}},
                                       pool);
  const std::vector<float> expected = {7, 8, 7, 3, 5, 1};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(out[i], expected[i], 1e-5f) << i;
}

TEST(AttentionReference, PagedIsCausalAndGrouped) {
  ThreadPool pool(1);
  constexpr int64_t kD = 16;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    // Two tokens, one kv head, two query heads. Keys are unit vectors e0, e1; queries choose: head
    // 0 of token 1 scores (ln 3, 0).
    std::vector<float> k(2 * kD), v(2 * kD), q(2 * 2 * kD), out(q.size(), -1);
    k[0] = 1;
    k[kD + 1] = 1;
    for (size_t i = 0; i < kD; ++i) {
      v[i] = 4;
      v[kD + i] = static_cast<float>(i);
    }
    q[2 * kD] = std::log(3.0f) / 0.5f;
    std::vector<std::byte> memory(3 * 2 * kD * kKvBlock * DTypeBytes(dtype));
    const KvLayerView cache = {memory.data(), dtype, 3, 1, kD};
    const std::vector<int32_t> table = {2};
    const std::vector<SequenceRows> sequences = {
        {.row_begin = 0, .n_rows = 2, .start = 0, .block_table = table}};
    ReferenceKernels().kv_write(
        {.k = {k.data(), 2, kD}, .v = {v.data(), 2, kD}, .sequences = sequences, .cache = cache},
        pool);
    ReferenceKernels().paged_attention({.q = {q.data(), 2, 2 * kD},
                                        .n_heads = 2,
                                        .scale = 0.5f,
                                        .sequences = sequences,
                                        .cache = cache,
                                        .out = {out.data(), 2, 2 * kD}},
                                       pool);
    for (size_t i = 0; i < kD; ++i) {
      const float x = static_cast<float>(i);
      EXPECT_NEAR(out[i], 4.0f, 1e-6f);                            // token 0 sees itself only
      EXPECT_NEAR(out[2 * kD + i], 0.75f * 4 + 0.25f * x, 1e-5f);  // token 1, head 0
      EXPECT_NEAR(out[3 * kD + i], 0.5f * 4 + 0.5f * x, 1e-5f);    // token 1, head 1: equal scores
    }
  }
}

// ---- every table against the reference ----

constexpr float kSentinel = -12345.0f;

// A matrix whose rows lie apart; the gaps and the ends hold sentinels, which Check() expects
// unharmed.
class Guarded {
 public:
  Guarded(int64_t rows, int64_t cols, int64_t gap)
      : rows_(rows),
        cols_(cols),
        stride_(cols + gap),
        data_(static_cast<size_t>((rows + 2) * stride_), kSentinel) {}
  MutMatrix view() { return {data_.data() + stride_, rows_, cols_, stride_}; }
  void FillNormal(std::mt19937& rng, float scale) {
    std::normal_distribution<float> normal(0, scale);
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t c = 0; c < cols_; ++c) view().row(r)[c] = normal(rng);
    }
  }
  void Check() {
    for (int64_t i = 0; i < static_cast<int64_t>(data_.size()); ++i) {
      const int64_t row = i / stride_ - 1, col = i % stride_;
      if (row >= 0 && row < rows_ && col < cols_) continue;
      ASSERT_EQ(data_[static_cast<size_t>(i)], kSentinel)
          << "written outside: row " << row << " column " << col;
    }
  }

 private:
  int64_t rows_, cols_, stride_;
  std::vector<float> data_;
};

bool SameBits(ConstMatrix a, ConstMatrix b) {
  for (int64_t r = 0; r < a.rows; ++r) {
    if (std::memcmp(a.row(r), b.row(r), static_cast<size_t>(a.cols) * sizeof(float)) != 0)
      return false;
  }
  return true;
}

float Greatest(ConstMatrix m) {
  float greatest = 0;
  for (int64_t r = 0; r < m.rows; ++r) {
    for (int64_t c = 0; c < m.cols; ++c) greatest = std::max(greatest, std::fabs(m.row(r)[c]));
  }
  return greatest;
}

// Queries and keys are normal with this deviation, so that scores (scale = 1/sqrt(d)) have the
// deviation kSigma^2.
constexpr float kSigma = 1.5f;

// How far two correct results may lie apart, over n keys.
//   kF32: a score is a chain of d roundings of partial sums below 5 kSigma^2 (five deviations);
//   they add like a random walk, sqrt(d) eps/2 5 kSigma^2 on each of the two sides. A score's
//   absolute error is its weight's relative error, and so is an exponential's (2 ulp) and that of a
//   sum of n positive weights (random walk, sqrt(n) eps/2 per side). Numerators and denominators
//   have them: twice, times the greatest value. kBF16: both sides round the same factors of the
//   scores to the same bf16 numbers, whose products are exact in fp32; but they round the weights
//   exp(score - max) relative to different maxima: half an ulp of 8 bits, 2^-9, per side,
//   numerators only.
float Tolerance(Compute compute, int64_t d, int64_t n, float max_value) {
  const float eps = std::numeric_limits<float>::epsilon();
  const float f32 = 2 * eps *
                    (std::sqrt(static_cast<float>(d)) * 5 * kSigma * kSigma + 4 +
                     std::sqrt(static_cast<float>(n)));
  return max_value * (compute == Compute::kF32 ? f32 : f32 + 0x1p-8f);
}

void ExpectClose(ConstMatrix actual, ConstMatrix expected, float tolerance) {
  for (int64_t r = 0; r < actual.rows; ++r) {
    for (int64_t c = 0; c < actual.cols; ++c) {
      ASSERT_NEAR(actual.row(r)[c], expected.row(r)[c], tolerance)
          << "row " << r << " column " << c;
    }
  }
}

class EveryTable : public KernelTableTest {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryTable);
INSTANTIATE_TEST_SUITE_P(Attention, EveryTable, testing::ValuesIn(TablesToTest()), TableName);

struct SegmentCase {
  int64_t n_heads, head_dim;
  std::vector<int64_t> ends;
};

TEST_P(EveryTable, SegmentAttentionMatchesReference) {
  const std::vector<SegmentCase> cases = {
      {2, 64, {1, 2, 130, 130, 193}},  // one token, one token, over 64, empty, odd
      {3, 16, {15, 32, 49}},
      {1, 20, {70}},
      {2, 32, {65}},
      {1, 40, {3, 67}},
      {1, 72, {64}},
      {2, 80, {50}},
      {1, 128, {100}},
  };
  std::mt19937 rng(1);
  for (const SegmentCase& c : cases) {
    const int64_t m = c.ends.back(), width = c.n_heads * c.head_dim;
    // q, k and v are column ranges of one matrix, as in the model.
    Guarded qkv(m, 3 * width, 5), out(m, width, 3), expected(m, width, 0), again(m, width, 7);
    qkv.FillNormal(rng, kSigma);
    SegmentAttentionArgs args = {.q = qkv.view().Cols(0, width),
                                 .k = qkv.view().Cols(width, width),
                                 .v = qkv.view().Cols(2 * width, width),
                                 .n_heads = c.n_heads,
                                 .head_dim = c.head_dim,
                                 .scale = 1 / std::sqrt(static_cast<float>(c.head_dim)),
                                 .segment_ends = c.ends};
    for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
      SCOPED_TRACE("head_dim " + std::to_string(c.head_dim) +
                   (compute == Compute::kBF16 ? " bf16" : " f32"));
      args.compute = compute;
      ThreadPool one(1), three(3);
      args.out = expected.view();
      ReferenceKernels().segment_attention(args, one);
      args.out = out.view();
      table().segment_attention(args, one);
      ExpectClose(out.view(), expected.view(), Tolerance(compute, c.head_dim, m, Greatest(args.v)));
      out.Check();
      args.out = again.view();
      table().segment_attention(args, three);
      EXPECT_TRUE(SameBits(out.view(), again.view())) << "threads change the result";
    }
  }
}

TEST_P(EveryTable, SegmentsDoNotSeeEachOther) {
  constexpr int64_t kD = 64;
  std::mt19937 rng(2);
  Guarded all(150, 3 * kD, 0), out(150, kD, 0), alone(90, kD, 0);
  all.FillNormal(rng, 1);
  ThreadPool pool(2);
  for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
    const std::vector<int64_t> ends = {30, 120, 150}, end = {90};
    const MutMatrix qkv = all.view(), middle = all.view().Rows(30, 90);
    table().segment_attention({.q = qkv.Cols(0, kD),
                               .k = qkv.Cols(kD, kD),
                               .v = qkv.Cols(2 * kD, kD),
                               .n_heads = 1,
                               .head_dim = kD,
                               .scale = 0.125f,
                               .segment_ends = ends,
                               .out = out.view(),
                               .compute = compute},
                              pool);
    table().segment_attention({.q = middle.Cols(0, kD),
                               .k = middle.Cols(kD, kD),
                               .v = middle.Cols(2 * kD, kD),
                               .n_heads = 1,
                               .head_dim = kD,
                               .scale = 0.125f,
                               .segment_ends = end,
                               .out = alone.view(),
                               .compute = compute},
                              pool);
    EXPECT_TRUE(SameBits(out.view().Rows(30, 90), alone.view()));
  }
}

TEST_P(EveryTable, SegmentAttentionSurvivesExtremeScores) {
  // Scores of +-2e4: exp of the differences is 0 or 1, nothing overflows, and each query returns
  // its best key's value.
  constexpr int64_t kD = 16, kM = 70;
  Guarded q(kM, kD, 0), k(kM, kD, 0), v(kM, kD, 0), out(kM, kD, 0);
  for (int64_t r = 0; r < kM; ++r) {
    for (int64_t i = 0; i < kD; ++i) {
      q.view().row(r)[i] = i == 0 ? 200.0f : 0.0f;
      k.view().row(r)[i] = i == 0 ? (r == 66 ? 100.0f : -100.0f + static_cast<float>(r % 7)) : 0.0f;
      v.view().row(r)[i] = static_cast<float>(r);
    }
  }
  const std::vector<int64_t> ends = {kM};
  ThreadPool pool(1);
  for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
    table().segment_attention({.q = q.view(),
                               .k = k.view(),
                               .v = v.view(),
                               .n_heads = 1,
                               .head_dim = kD,
                               .scale = 1,
                               .segment_ends = ends,
                               .out = out.view(),
                               .compute = compute},
                              pool);
    for (int64_t r = 0; r < kM; ++r) EXPECT_EQ(out.view().row(r)[5], 66.0f);
  }
}

TEST_P(EveryTable, NanStaysInItsRow) {
  // A NaN query makes its own row NaN and no other; a NaN key makes every row of its segment NaN.
  constexpr int64_t kD = 32, kM = 40;
  std::mt19937 rng(3);
  Guarded qkv(kM, 3 * kD, 0), out(kM, kD, 0);
  qkv.FillNormal(rng, 1);
  const MutMatrix x = qkv.view();
  const std::vector<int64_t> ends = {20, kM};
  x.row(7)[3] = NAN;        // query of row 7
  x.row(25)[kD + 1] = NAN;  // key of row 25
  ThreadPool pool(1);
  for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
    table().segment_attention({.q = x.Cols(0, kD),
                               .k = x.Cols(kD, kD),
                               .v = x.Cols(2 * kD, kD),
                               .n_heads = 1,
                               .head_dim = kD,
                               .scale = 0.2f,
                               .segment_ends = ends,
                               .out = out.view(),
                               .compute = compute},
                              pool);
    for (int64_t r = 0; r < kM; ++r) {
      for (int64_t i = 0; i < kD; ++i)
        EXPECT_EQ(std::isnan(out.view().row(r)[i]), r == 7 || r >= 20) << r;
    }
  }
}

// A cache with sequences whose blocks lie in random order; unused memory holds `garbage`.
struct PagedCase {
  int64_t n_kv_heads, group, head_dim;
  DType dtype;
  std::vector<int64_t> lengths;  // tokens of each sequence
};

class PagedFixture {
 public:
  PagedFixture(const PagedCase& c, unsigned seed, float garbage)
      : c_(c),
        rng_(seed),
        total_(std::accumulate(c.lengths.begin(), c.lengths.end(), int64_t{0})),
        q(total_, c.n_kv_heads * c.group * c.head_dim, 3),
        k(total_, c.n_kv_heads * c.head_dim, 5),
        v(total_, c.n_kv_heads * c.head_dim, 1) {
    q.FillNormal(rng_, kSigma);
    k.FillNormal(rng_, kSigma);
    v.FillNormal(rng_, 1.0f);
    int64_t n_blocks = 3;
    for (const int64_t length : c.lengths) n_blocks += (length + kKvBlock - 1) / kKvBlock;
    std::vector<int32_t> order(static_cast<size_t>(n_blocks));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), rng_);
    for (const int64_t length : c.lengths) {
      std::vector<int32_t>& table = tables_.emplace_back();
      for (int64_t t = 0; t < length; t += kKvBlock) {
        table.push_back(order.back());
        order.pop_back();
      }
    }
    cache_ = {nullptr, c.dtype, n_blocks, c.n_kv_heads, c.head_dim};
    memory_.resize(static_cast<size_t>(n_blocks) * cache_.block_bytes());
    cache_.data = memory_.data();
    for (size_t i = 0; i < memory_.size(); i += DTypeBytes(c.dtype)) {
      const bf16 half = F32ToBF16(garbage);
      std::memcpy(&memory_[i], c.dtype == DType::kF32 ? static_cast<const void*>(&garbage) : &half,
                  DTypeBytes(c.dtype));
    }
  }

  // Rows [from[s], to[s]) of every sequence, in one batch.
  std::vector<SequenceRows> Rows(const std::vector<int64_t>& from,
                                 const std::vector<int64_t>& to) const {
    std::vector<SequenceRows> sequences;
    int64_t row = 0;
    for (size_t s = 0; s < tables_.size(); ++s) {
      if (to[s] > from[s])
        sequences.push_back({row + from[s], to[s] - from[s], from[s], tables_[s]});
      row += c_.lengths[s];
    }
    return sequences;
  }
  void Write(const KernelTable& table, std::span<const SequenceRows> sequences, ThreadPool& pool) {
    table.kv_write({.k = k.view(), .v = v.view(), .sequences = sequences, .cache = cache_}, pool);
  }
  // Writes keys and values of the rows, then attends.
  void Step(const KernelTable& table, std::span<const SequenceRows> sequences, Compute compute,
            MutMatrix out, ThreadPool& pool) {
    Write(table, sequences, pool);
    table.paged_attention({.q = q.view(),
                           .n_heads = c_.n_kv_heads * c_.group,
                           .scale = 1 / std::sqrt(static_cast<float>(c_.head_dim)),
                           .sequences = sequences,
                           .cache = cache_,
                           .out = out,
                           .compute = compute},
                          pool);
  }
  int64_t total() const { return total_; }
  std::vector<int64_t> zeros() const { return std::vector<int64_t>(tables_.size(), 0); }
  const std::vector<std::byte>& memory() const { return memory_; }

 private:
  PagedCase c_;
  std::mt19937 rng_;
  int64_t total_;
  std::vector<std::vector<int32_t>> tables_;
  std::vector<std::byte> memory_;
  KvLayerView cache_;

 public:
  Guarded q, k, v;
};

std::vector<PagedCase> PagedCases() {
  std::vector<PagedCase> cases;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    cases.push_back({2, 2, 128, dtype, {150, 1, 64, 33}});
    cases.push_back({1, 1, 64, dtype, {65, 17}});
    cases.push_back({2, 3, 16, dtype, {70}});
    cases.push_back({1, 16, 32, dtype, {40, 81}});
  }
  return cases;
}

TEST_P(EveryTable, CacheBytesMatchReference) {
  ThreadPool one(1), two(2);
  for (const PagedCase& c : PagedCases()) {
    PagedFixture expected(c, 4, 0), actual(c, 4, 0);
    // 21 tokens first, then the rest: runs that start and end inside blocks.
    std::vector<int64_t> middle = c.lengths;
    for (int64_t& length : middle) length = std::min<int64_t>(length, 21);
    for (PagedFixture* f : {&expected, &actual}) {
      const KernelTable& t = f == &expected ? ReferenceKernels() : table();
      f->Write(t, f->Rows(f->zeros(), middle), one);
      f->Write(t, f->Rows(middle, c.lengths), two);
    }
    EXPECT_TRUE(expected.memory() == actual.memory());
  }
}

TEST_P(EveryTable, PagedAttentionMatchesReference) {
  ThreadPool one(1), two(2), three(3);
  for (const PagedCase& c : PagedCases()) {
    PagedFixture f(c, 5, 0);
    const int64_t width = c.n_kv_heads * c.group * c.head_dim;
    Guarded expected(f.total(), width, 0), out(f.total(), width, 2), again(f.total(), width, 0);
    const std::vector<SequenceRows> all = f.Rows(f.zeros(), c.lengths);
    for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
      SCOPED_TRACE("head_dim " + std::to_string(c.head_dim) + " cache " +
                   std::string(DTypeName(c.dtype)) +
                   (compute == Compute::kBF16 ? " bf16" : " f32"));
      f.Step(ReferenceKernels(), all, compute, expected.view(), one);
      f.Step(table(), all, compute, out.view(), one);
      ExpectClose(out.view(), expected.view(),
                  Tolerance(compute, c.head_dim, f.total(), Greatest(f.v.view())));
      out.Check();
      for (ThreadPool* pool : {&two, &three}) {
        f.Step(table(), all, compute, again.view(), *pool);
        EXPECT_TRUE(SameBits(out.view(), again.view())) << "threads change the result";
      }
    }
  }
}

// Prefill at once, in chunks of 7, 16, 50 and one by one: the same bits, whatever unused cache
// memory holds.
TEST_P(EveryTable, ChunksDoNotChangeBits) {
  ThreadPool pool(2);
  for (const PagedCase& c : PagedCases()) {
    for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
      SCOPED_TRACE("head_dim " + std::to_string(c.head_dim) + " cache " +
                   std::string(DTypeName(c.dtype)) +
                   (compute == Compute::kBF16 ? " bf16" : " f32"));
      PagedFixture f(c, 6, 0);
      const int64_t width = c.n_kv_heads * c.group * c.head_dim;
      Guarded whole(f.total(), width, 0), parts(f.total(), width, 0);
      f.Step(table(), f.Rows(f.zeros(), c.lengths), compute, whole.view(), pool);
      for (const int64_t chunk : {1, 7, 16, 50}) {
        PagedFixture g(c, 6,
                       chunk == 7    ? std::numeric_limits<float>::infinity()
                       : chunk == 16 ? NAN
                                     : 3e38f);
        const int64_t longest = *std::max_element(c.lengths.begin(), c.lengths.end());
        for (int64_t begin = 0; begin < longest; begin += chunk) {
          std::vector<int64_t> from, to;
          for (const int64_t length : c.lengths) {
            from.push_back(std::min(begin, length));
            to.push_back(std::min(begin + chunk, length));
          }
          g.Step(table(), g.Rows(from, to), compute, parts.view(), pool);
        }
        EXPECT_TRUE(SameBits(whole.view(), parts.view())) << "chunks of " << chunk;
      }
    }
  }
}

}  // namespace
}  // namespace glmocr
