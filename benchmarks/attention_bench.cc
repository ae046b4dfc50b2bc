// Times attention at the shapes of GLM-OCR, each case checked first against a double-precision
// formula at some rows: GFLOP/s and GB/s of keys and values, as a share of what MeasurePeaks finds
// in the same run.
//
//   attention_bench [--threads=1] [--tables=avx512_bf16,avx512,avx2] [--only=substring]
//   [--seconds=0.3]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/peaks.h"
#include "kernels/select.h"

namespace glmocr {
namespace {

struct Options {
  int threads = 1;
  std::string tables, only;
  double seconds = 0.3;
};

struct Case {
  std::string name;
  int64_t rows;  // queries per sequence
  int64_t keys;  // keys per sequence
  int64_t sequences = 1;
  int64_t n_heads, n_kv_heads, head_dim;
  bool vision;
};

std::vector<Case> Cases() {
  return {
      {"vision 1024", 1024, 1024, 1, 16, 16, 64, true},
      {"vision 3848", 3848, 3848, 1, 16, 16, 64, true},
      {"vision 20 x 196", 196, 196, 20, 16, 16, 64, true},
      {"prefill 270", 270, 270, 1, 16, 8, 128, false},
      {"prefill 2000", 2000, 2000, 1, 16, 8, 128, false},
      {"decode 300", 1, 300, 1, 16, 8, 128, false},
      {"decode 4000", 1, 4000, 1, 16, 8, 128, false},
      {"decode 4 rows 4000", 4, 4000, 1, 16, 8, 128, false},
      {"decode 8 x 1000", 1, 1000, 8, 16, 8, 128, false},
  };
}

// One thread is timed by the processor time it got, which programs beside it disturb least.
double Seconds(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The best time of one call: other programs can only slow it down.
template <typename Fn>
double Best(double budget, int threads, const Fn& fn) {
  const clockid_t clock = threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
  double best = 1e9;
  const double end = Seconds() + budget;
  for (int i = 0; i < 5 || Seconds() < end; ++i) {
    const double begin = Seconds(clock);
    fn();
    best = std::min(best, Seconds(clock) - begin);
    if (i >= 1 && Seconds() > end + 3) break;
  }
  return best;
}

// Inputs and output of a case. Vision: segments of `keys` rows. Text: the last `rows` of `keys`
// tokens of every sequence.
class Setup {
 public:
  Setup(const Case& c, DType cache_dtype)
      : case_(c),
        q_(c.sequences * c.rows, c.n_heads * c.head_dim),
        k_(c.sequences * c.keys, c.n_kv_heads * c.head_dim),
        v_(c.sequences * c.keys, c.n_kv_heads * c.head_dim),
        out_(c.sequences * c.rows, c.n_heads * c.head_dim) {
    Fill(q_, 1);
    Fill(k_, 2);
    Fill(v_, 3);
    if (c.vision) {
      for (int64_t s = 1; s <= c.sequences; ++s) ends_.push_back(s * c.keys);
    } else {
      FillCache(cache_dtype);
    }
  }

  void Run(const KernelTable& table, Compute compute, ThreadPool& pool) {
    if (case_.vision) {
      table.segment_attention({.q = q_,
                               .k = k_,
                               .v = v_,
                               .n_heads = case_.n_heads,
                               .head_dim = case_.head_dim,
                               .scale = scale(),
                               .segment_ends = ends_,
                               .out = out_,
                               .compute = compute},
                              pool);
    } else {
      table.paged_attention({.q = q_,
                             .n_heads = case_.n_heads,
                             .scale = scale(),
                             .sequences = rows_,
                             .cache = cache_,
                             .out = out_,
                             .compute = compute},
                            pool);
    }
  }

  // Greatest difference to the formula in doubles over some (row, head) pairs.
  double WorstError() const {
    std::mt19937 rng(9);
    double worst = 0;
    for (int i = 0; i < 6; ++i) {
      const int64_t row = i == 0 ? out_.rows() - 1
                                 : static_cast<int64_t>(rng() % static_cast<uint64_t>(out_.rows()));
      worst = std::max(
          worst, ErrorOf(row, static_cast<int64_t>(rng() % static_cast<uint64_t>(case_.n_heads))));
    }
    return worst;
  }

  double flops() const {
    const double keys =
        case_.vision ? static_cast<double>(case_.keys)
                     : static_cast<double>(case_.keys) - (static_cast<double>(case_.rows) - 1) / 2;
    return 4.0 *
           static_cast<double>(case_.sequences * case_.rows * case_.n_heads * case_.head_dim) *
           keys;
  }
  double kv_bytes() const {
    return 2.0 *
           static_cast<double>(case_.sequences * case_.keys * case_.n_kv_heads * case_.head_dim) *
           static_cast<double>(case_.vision ? 4 : DTypeBytes(cache_.dtype));
  }

 private:
  float scale() const { return 1 / std::sqrt(static_cast<float>(case_.head_dim)); }

  static void Fill(Matrix& m, unsigned seed) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < m.rows() * m.cols(); ++i) m.data()[i] = normal(rng);
  }

  void FillCache(DType dtype) {
    const int64_t per_sequence = (case_.keys + kKvBlock - 1) / kKvBlock,
                  n_blocks = per_sequence * case_.sequences;
    cache_ = {nullptr, dtype, n_blocks, case_.n_kv_heads, case_.head_dim};
    memory_ = Buffer(static_cast<size_t>(n_blocks) * cache_.block_bytes());
    cache_.data = memory_.data();
    std::memset(memory_.data(), 0, memory_.size_bytes());
    std::vector<int32_t> order(static_cast<size_t>(n_blocks));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(4));
    std::vector<SequenceRows> all;
    for (int64_t s = 0; s < case_.sequences; ++s) {
      block_tables_.emplace_back(order.begin() + s * per_sequence,
                                 order.begin() + (s + 1) * per_sequence);
    }
    for (int64_t s = 0; s < case_.sequences; ++s) {
      const std::span<const int32_t> table = block_tables_[static_cast<size_t>(s)];
      all.push_back({s * case_.keys, case_.keys, 0, table});
      rows_.push_back({s * case_.rows, case_.rows, case_.keys - case_.rows, table});
    }
    ThreadPool pool(1);
    ReferenceKernels().kv_write({.k = k_, .v = v_, .sequences = all, .cache = cache_}, pool);
  }

  double ErrorOf(int64_t row, int64_t head) const {
    const int64_t d = case_.head_dim, sequence = row / case_.rows, in_sequence = row % case_.rows;
    const int64_t n = case_.vision ? case_.keys : case_.keys - case_.rows + in_sequence + 1;
    const int64_t column = head / (case_.n_heads / case_.n_kv_heads) * d;
    const float* q = q_.row(row) + head * d;
    std::vector<double> weights(static_cast<size_t>(n)), mean(static_cast<size_t>(d));
    double sum = 0;
    for (int64_t t = 0; t < n; ++t) {
      const float* k = k_.row(sequence * case_.keys + t) + column;
      double s = 0;
      for (int64_t i = 0; i < d; ++i) s += static_cast<double>(q[i]) * k[i];
      sum += weights[static_cast<size_t>(t)] = std::exp(s * scale());
    }
    for (int64_t t = 0; t < n; ++t) {
      const float* v = v_.row(sequence * case_.keys + t) + column;
      for (int64_t i = 0; i < d; ++i)
        mean[static_cast<size_t>(i)] += weights[static_cast<size_t>(t)] / sum * v[i];
    }
    double worst = 0;
    for (int64_t i = 0; i < d; ++i)
      worst =
          std::max(worst, std::fabs(mean[static_cast<size_t>(i)] - out_.row(row)[head * d + i]));
    return worst;
  }

  Case case_;
  Matrix q_, k_, v_, out_;
  std::vector<int64_t> ends_;
  Buffer memory_;
  KvLayerView cache_;
  std::vector<std::vector<int32_t>> block_tables_;
  std::vector<SequenceRows> rows_;
};

// False when the result is wrong.
bool RunCase(const Case& c, const KernelTable& table, Compute compute, DType dtype,
             const Peaks& peaks, const Options& options, ThreadPool& pool) {
  Setup setup(c, dtype);
  setup.Run(table, compute, pool);
  const double error = setup.WorstError();
  const bool bf16_data = compute == Compute::kBF16 || (!c.vision && dtype == DType::kBF16);
  // Values are normal: 2^-7 is two roundings of factors of at most ~4; fp32 keeps some 5 digits at
  // these lengths.
  const double limit = bf16_data ? 0.03 : 1e-5;
  const double seconds =
      Best(options.seconds, options.threads, [&] { setup.Run(table, compute, pool); });
  const double gflops = setup.flops() / seconds * 1e-9, gbps = setup.kv_bytes() / seconds * 1e-9;
  const double peak =
      compute == Compute::kBF16 && table.native_bf16 ? peaks.bf16_gflops : peaks.f32_gflops;
  std::printf(
      "%-19s %-12s %-4s %-4s %9.3f ms %8.1f GFLOP/s %5.1f %%  %7.2f GB/s %5.1f %%  error %.1e %s\n",
      c.name.c_str(), table.name, compute == Compute::kBF16 ? "bf16" : "f32",
      c.vision                ? "-"
      : dtype == DType::kBF16 ? "kv16"
                              : "kv32",
      seconds * 1e3, gflops, 100 * gflops / peak, gbps, 100 * gbps / peaks.read_gbps, error,
      error <= limit ? "" : "WRONG");
  std::fflush(stdout);
  return error <= limit;
}

// Whether comma-separated `list` holds `name`.
bool Listed(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == name) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.starts_with("--threads="))
      options.threads = std::max(1, std::atoi(arg.c_str() + 10));
    else if (arg.starts_with("--tables="))
      options.tables = arg.substr(9);
    else if (arg.starts_with("--only="))
      options.only = arg.substr(7);
    else if (arg.starts_with("--seconds="))
      options.seconds = std::atof(arg.c_str() + 10);
    else {
      std::fprintf(stderr, "attention_bench: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  ThreadPool pool(options.threads);
  const Peaks peaks = MeasurePeaks(pool);
  std::printf("%d threads; peaks: f32 %.1f GFLOP/s, bf16 %.1f GFLOP/s, read %.2f GB/s\n",
              options.threads, peaks.f32_gflops, peaks.bf16_gflops, peaks.read_gbps);
  bool all_right = true;
  for (const Case& c : Cases()) {
    if (c.name.find(options.only) == std::string::npos) continue;
    for (const KernelTable* table : RunnableKernels()) {
      const bool named = Listed(options.tables, table->name);
      if (options.tables.empty() ? table == &ReferenceKernels() : !named) continue;
      for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
        for (const DType dtype : {DType::kF32, DType::kBF16}) {
          if (c.vision && dtype == DType::kBF16) continue;  // no cache
          all_right &= RunCase(c, *table, compute, dtype, peaks, options, pool);
        }
      }
    }
  }
  return all_right ? 0 : 1;
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) { return glmocr::Main(argc, argv); }
