// Times the matrix product at the shapes of GLM-OCR, each checked against another table first, and
// oneDNN at the same shapes where it is installed: GFLOP/s and GB/s, as a share of what
// MeasurePeaks finds in the same run.
//
//   gemm_bench [--threads=2] [--tables=avx512_bf16,avx512,avx2] [--only=substring] [--seconds=0.3]
//   [--no-dnnl] [--cpu-time] gemm_bench --pairs=15    our best table and oneDNN in turn, so that
//   other programs slow both alike: medians and their ratio
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/peaks.h"
#include "kernels/select.h"

#if defined(GLMOCR_HAVE_DNNL)
#include <dnnl.hpp>
#endif

namespace glmocr {
namespace {

struct Case {
  const char* name;
  int64_t m, k, n;  // n: stored columns
  WeightForm form = WeightForm::kPlain;
};

constexpr Case kCases[] = {
    {"vit patch_embed", 1024, 1176, 1024},
    {"vit qkv", 1024, 1024, 3072},
    {"vit qkv 4096", 4096, 1024, 3072},
    {"vit proj", 1024, 1024, 1024},
    {"vit gate_up", 1024, 1024, 8192, WeightForm::kSwiGlu},
    {"vit down", 1024, 4096, 1024},
    {"vit odd", 1037, 1024, 3072},
    {"merger gate_up", 256, 1536, 9216, WeightForm::kSwiGlu},
    {"text qkv", 270, 1536, 4096},
    {"text o", 270, 2048, 1536},
    {"text gate_up", 270, 1536, 9216, WeightForm::kSwiGlu},
    {"text down", 270, 4608, 1536},
    {"text down odd", 1301, 4608, 1536},
    {"tiny", 333, 192, 768},
    {"decode qkv 1", 1, 1536, 4096},
    {"decode gate_up 1", 1, 1536, 9216, WeightForm::kSwiGlu},
    {"decode down 1", 1, 4608, 1536},
    {"decode head 1", 1, 1536, 59392},
    {"decode head 2", 2, 1536, 59392},
    {"decode head 4", 4, 1536, 59392},
    {"decode head 8", 8, 1536, 59392},
    {"decode head 16", 16, 1536, 59392},
    {"decode head 32", 32, 1536, 59392},
};

struct Options {
  int threads = ThreadPool::DefaultThreads();
  std::string tables, only;
  double seconds = 0.3;
  int pairs = 0;  // > 0: rounds of ours and oneDNN in turn
  bool dnnl = true;

  bool Wants(std::string_view table) const {
    if (tables.empty()) return true;
    for (size_t begin = 0; begin <= tables.size();) {
      const size_t end = std::min(tables.find(',', begin), tables.size());
      if (tables.compare(begin, end - begin, table) == 0) return true;
      begin = end + 1;
    }
    return false;
  }
};

// On a machine shared with other programs one thread's processor time (--cpu-time --threads=1)
// tells more than the wall clock.
bool use_cpu_time = false;

double Now() {
  timespec now;
  clock_gettime(use_cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The fastest of the repetitions that fit `seconds`, at least three: other programs can only slow
// one down.
double BestSeconds(double seconds, const std::function<void()>& fn) {
  double best = 1e30, total = 0;
  for (int i = 0; i < 3 || total < seconds; ++i) {
    const double start = Now();
    fn();
    const double t = Now() - start;
    best = std::min(best, t);
    total += t;
  }
  return best;
}

// Decode walks all weights of a model before it meets the same ones again. Copies of a small matrix
// stand for those others: more than any cache.
constexpr size_t kColdBytes = size_t{256} << 20;

struct Data {
  Matrix x, y, other;
  std::vector<float> weights;
  std::vector<PackedMatrix> packed;
};

void Fill(std::span<float> out, uint32_t seed) {
  std::mt19937 random(seed);
  for (float& v : out) v = static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f;
}

PackedMatrix Pack(const Case& c, const std::vector<float>& weights, WeightLayout layout,
                  ThreadPool& pool) {
  const auto* bytes = reinterpret_cast<const std::byte*>(weights.data());
  if (c.form == WeightForm::kPlain)
    return *PackMatrix({bytes, DType::kF32, {c.n, c.k}}, layout, pool);
  return *PackSwiGlu({bytes, DType::kF32, {c.n / 2, c.k}},
                     {bytes + c.n / 2 * c.k * 4, DType::kF32, {c.n / 2, c.k}}, layout, pool);
}

// Largest difference of y = activation(x @ W^T) from the plain sum, relative to the row's largest
// value, over two rows of 64 columns.
double ErrorOf(const Case& c, Compute compute, Activation activation, const Data& d,
               ConstMatrix y) {
  double worst = 0;
  for (int64_t r = 0; r < c.m; r += std::max<int64_t>(1, c.m - 1)) {
    const int64_t columns = std::min<int64_t>(y.cols, 64);
    double scale = 0;
    std::vector<double> expected;
    for (int64_t o = 0; o < columns; ++o) {
      const auto dot = [&](int64_t row) {
        double sum = 0;
        for (int64_t i = 0; i < c.k; ++i) {
          float a = d.x.row(r)[i];
          if (compute == Compute::kBF16) a = BF16ToF32(F32ToBF16(a));
          sum += double{a} * d.packed[0].At(row, i);
        }
        return sum;
      };
      double v = dot(o);
      if (activation == Activation::kSwiGlu) v = v / (1 + std::exp(-v)) * dot(o + c.n / 2);
      expected.push_back(v);
      scale = std::max(scale, std::fabs(v));
    }
    for (int64_t o = 0; o < columns; ++o)
      worst = std::max(worst, std::fabs(expected[static_cast<size_t>(o)] - y.row(r)[o]) / scale);
  }
  return worst;
}

double Error(const Case& c, const KernelTable& table, Compute compute, Data& d, ThreadPool& pool) {
  const Activation activation =
      c.form == WeightForm::kSwiGlu ? Activation::kSwiGlu : Activation::kNone;
  table.gemm({.x = d.x.view(),
              .w = &d.packed[0],
              .activation = activation,
              .y = d.y.view(),
              .compute = compute},
             pool);
  return ErrorOf(c, compute, activation, d, d.y.view());
}

#if defined(GLMOCR_HAVE_DNNL)
// y = x @ W^T by oneDNN's matmul with weights in the format it asks for; bf16: x is converted
// inside the timing, as ours is.
class Dnnl {
 public:
  Dnnl(const Case& c, bool bf16, Data& d)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), bf16_(bf16) {
    using dnnl::memory;
    const auto f32 = memory::data_type::f32, type = bf16 ? memory::data_type::bf16 : f32;
    const memory::desc x_f32({c.m, c.k}, f32, memory::format_tag::ab),
        x({c.m, c.k}, type, memory::format_tag::ab);
    const memory::desc w_any({c.k, c.n}, type, memory::format_tag::any),
        w_f32({c.k, c.n}, f32, memory::format_tag::ba);
    const memory::desc y({c.m, c.n}, f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc pd(engine_, x, w_any, y);
#else
    const dnnl::matmul::primitive_desc pd(dnnl::matmul::desc(x, w_any, y), engine_);
#endif
    matmul_ = dnnl::matmul(pd);
    x_f32_ = memory(x_f32, engine_, d.x.data());
    x_ = bf16 ? memory(x, engine_) : x_f32_;
    if (bf16) convert_ = dnnl::reorder(x_f32_, x_);
    out_.Resize(c.m, c.n);
    y_ = memory(y, engine_, out_.data());
    memory w_source(w_f32, engine_, d.weights.data());
    for (size_t i = 0; i < d.packed.size(); ++i) {
      w_.emplace_back(pd.weights_desc(), engine_);
      dnnl::reorder(w_source, w_.back()).execute(stream_, w_source, w_.back());
    }
    stream_.wait();
  }
  ConstMatrix out() { return out_.view(); }
  void Run() {
    if (bf16_) convert_.execute(stream_, x_f32_, x_);
    matmul_.execute(
        stream_,
        {{DNNL_ARG_SRC, x_}, {DNNL_ARG_WEIGHTS, w_[next_++ % w_.size()]}, {DNNL_ARG_DST, y_}});
    stream_.wait();
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  bool bf16_;
  dnnl::matmul matmul_;
  dnnl::reorder convert_;
  dnnl::memory x_f32_, x_, y_;
  std::vector<dnnl::memory> w_;
  Matrix out_;
  size_t next_ = 0;
};
#endif

#if defined(GLMOCR_HAVE_DNNL)
double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// Rounds of a few calls of ours, then as many of oneDNN's. SwiGLU: ours applies it, oneDNN's
// product has none.
int RunPairs(const Case& c, const Options& options, const Peaks& peaks, Data& d, bool floats,
             ThreadPool& pool) {
  const KernelTable& table = *RunnableKernels().front();
  const Compute compute = floats ? Compute::kF32 : Compute::kBF16;
  const Activation activation =
      c.form == WeightForm::kSwiGlu ? Activation::kSwiGlu : Activation::kNone;
  const double our_error = Error(c, table, compute, d, pool);
  Dnnl dnnl(c, !floats, d);
  dnnl.Run();
  const double their_error = ErrorOf(c, compute, Activation::kNone, d, dnnl.out());
  if (!(our_error < 1e-4) || !(their_error < 1e-4)) {
    std::printf("%s: WRONG RESULT: ours %.1e, oneDNN %.1e\n", c.name, our_error, their_error);
    return 1;
  }
  size_t next = 0;
  const auto ours = [&] {
    table.gemm({.x = d.x.view(),
                .w = &d.packed[next++ % d.packed.size()],
                .activation = activation,
                .y = d.y.view(),
                .compute = compute},
               pool);
  };
  const auto seconds_of = [](const std::function<void()>& fn, int calls) {
    const double start = Now();
    for (int i = 0; i < calls; ++i) fn();
    return (Now() - start) / calls;
  };
  ours();
  const int calls =
      std::max(1, static_cast<int>(0.01 / seconds_of(ours, 1)));  // a round takes 10 ms or one call
  std::vector<double> a, b, ratios;
  for (int i = 0; i < options.pairs; ++i) {
    a.push_back(seconds_of(ours, calls));
    b.push_back(seconds_of([&] { dnnl.Run(); }, calls));
    ratios.push_back(b.back() / a.back());
  }
  const double flops = 2e-9 * static_cast<double>(c.m * c.k) * static_cast<double>(c.n);
  std::printf("| %s | %ld x %ld x %ld | %s | %.2f | %.0f (%.0f %%) | %.2f | %.0f | %.2f |\n",
              c.name, c.m, c.k, c.n, floats ? "f32" : "bf16", Median(a) * 1e3, flops / Median(a),
              100 * flops / Median(a) / (floats ? peaks.f32_gflops : peaks.bf16_gflops),
              Median(b) * 1e3, flops / Median(b), Median(ratios));
  std::fflush(stdout);
  return 0;
}
#endif

void Report(const char* what, const Case& c, double seconds, size_t weight_bytes,
            double peak_gflops, const Peaks& peaks, double error) {
  const double gflops =
      2.0 * static_cast<double>(c.m * c.k) * static_cast<double>(c.n) / seconds * 1e-9;
  const double gbps = static_cast<double>(weight_bytes) / seconds * 1e-9;
  std::printf("%-17s %5ld %5ld %6ld  %-26s %9.3f ms %8.1f GF/s %5.1f %%  %6.1f GB/s %5.1f %%",
              c.name, c.m, c.k, c.n, what, seconds * 1e3, gflops, 100 * gflops / peak_gflops, gbps,
              100 * gbps / peaks.read_gbps);
  if (error >= 0) std::printf("  err %.1e", error);
  std::printf("\n");
  std::fflush(stdout);
}

int RunCase(const Case& c, const Options& options, const Peaks& peaks, ThreadPool& pool) {
  int failures = 0;
  Data d;
  d.x.Resize(c.m, c.k);
  d.y.Resize(c.m, c.form == WeightForm::kSwiGlu ? c.n / 2 : c.n);
  d.weights.resize(static_cast<size_t>(c.n * c.k));
  Fill({d.x.data(), static_cast<size_t>(c.m * c.k)}, 1);
  Fill(d.weights, 2);
  for (float& w : d.weights) w = BF16ToF32(F32ToBF16(w));  // as in the checkpoint
  const Activation activation =
      c.form == WeightForm::kSwiGlu ? Activation::kSwiGlu : Activation::kNone;
  for (const WeightLayout layout : {WeightLayout::kBF16Pairs16, WeightLayout::kF32Panel16}) {
    const bool floats = layout == WeightLayout::kF32Panel16;
    const size_t bytes = d.weights.size() * (floats ? 4 : 2);
    d.packed.clear();
    const size_t copies = c.m <= 32 ? kColdBytes / bytes + 1 : 1;
    for (size_t i = 0; i < copies; ++i) d.packed.push_back(Pack(c, d.weights, layout, pool));
#if defined(GLMOCR_HAVE_DNNL)
    if (options.pairs > 0) {
      if (floats || RunnableKernels().front()->native_bf16)
        failures += RunPairs(c, options, peaks, d, floats, pool);
      continue;
    }
#endif
    for (const KernelTable* table : RunnableKernels()) {
      if (table == &ReferenceKernels() || !options.Wants(table->name)) continue;
      for (const Compute compute : {Compute::kF32, Compute::kBF16}) {
        const bool native = compute == Compute::kBF16 && table->native_bf16;
        if (compute == Compute::kBF16 && (floats || !native)) continue;
        if (compute == Compute::kF32 && std::strcmp(table->name, "avx512_bf16") == 0)
          continue;  // the same code as avx512
        const double error = Error(c, *table, compute, d, pool);
        size_t next = 0;
        const double seconds = BestSeconds(options.seconds, [&] {
          table->gemm({.x = d.x.view(),
                       .w = &d.packed[next++ % d.packed.size()],
                       .activation = activation,
                       .y = d.y.view(),
                       .compute = compute},
                      pool);
        });
        const std::string what = std::string(table->name) + (native ? " bf16" : " f32") +
                                 (floats ? " / f32 w" : " / bf16 w");
        Report(what.c_str(), c, seconds, bytes, native ? peaks.bf16_gflops : peaks.f32_gflops,
               peaks, error);
        if (!(error < 1e-4)) {
          std::printf("  WRONG RESULT\n");
          ++failures;
        }
      }
    }
#if defined(GLMOCR_HAVE_DNNL)
    if (options.dnnl) {
      Dnnl dnnl(c, !floats, d);
      const double seconds = BestSeconds(options.seconds, [&] { dnnl.Run(); });
      Report(floats ? "oneDNN f32" : "oneDNN bf16", c, seconds, bytes,
             floats ? peaks.f32_gflops : peaks.bf16_gflops, peaks, -1);
    }
#endif
  }
  return failures;
}

// BF16 checkpoint rows -> panels, from memory that is already mapped.
void TimePacking(ThreadPool& pool) {
  constexpr int64_t kN = 59392, kK = 1536;
  std::vector<bf16> rows(static_cast<size_t>(kN * kK), bf16{0x3f80});
  const TensorView tensor = {
      reinterpret_cast<const std::byte*>(rows.data()), DType::kBF16, {kN, kK}};
  for (const WeightLayout layout : {WeightLayout::kBF16Pairs16, WeightLayout::kF32Panel16}) {
    const double seconds =
        BestSeconds(1.0, [&] { PackedMatrix packed = *PackMatrix(tensor, layout, pool); });
    std::printf("packing bf16 -> %s: %.2f GB/s read\n",
                layout == WeightLayout::kF32Panel16 ? "floats" : "pairs",
                static_cast<double>(rows.size()) * 2e-9 / seconds);
  }
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::string value = arg.substr(arg.find('=') + 1);
    if (arg.starts_with("--threads="))
      options.threads = std::atoi(value.c_str());
    else if (arg.starts_with("--tables="))
      options.tables = value;
    else if (arg.starts_with("--only="))
      options.only = value;
    else if (arg.starts_with("--seconds="))
      options.seconds = std::atof(value.c_str());
    else if (arg.starts_with("--pairs="))
      options.pairs = std::atoi(value.c_str());
    else if (arg == "--no-dnnl")
      options.dnnl = false;
    else if (arg == "--cpu-time")
      use_cpu_time = true;
    else {
      std::fprintf(stderr,
                   "usage: gemm_bench [--threads=N] [--tables=a,b] [--only=text] [--seconds=S] "
                   "[--pairs=N] [--no-dnnl] [--cpu-time]\n");
      return 2;
    }
  }
  ThreadPool pool(std::max(1, options.threads));
  const Peaks peaks = MeasurePeaks(pool);
  std::printf("threads %d, peaks: f32 %.1f GFLOP/s, bf16 %.1f GFLOP/s, read %.1f GB/s\n",
              pool.n_threads(), peaks.f32_gflops, peaks.bf16_gflops, peaks.read_gbps);
  if (options.pairs > 0) {
#if defined(GLMOCR_HAVE_DNNL)
    const dnnl_version_t* version = dnnl_version();
    std::printf("ours: %s; oneDNN %d.%d.%d; %d rounds, medians\n", RunnableKernels().front()->name,
                version->major, version->minor, version->patch, options.pairs);
    std::printf(
        "| case | m x k x n | type | ours ms | GFLOP/s (of peak) | oneDNN ms | GFLOP/s | oneDNN / "
        "ours |\n|---|---|---|---|---|---|---|---|\n");
#else
    std::fprintf(
        stderr,
        "gemm_bench: built without oneDNN (libdnnl-dev), so there is nothing to pair with\n");
    return 2;
#endif
  }
  if (options.pairs == 0 && (options.only.empty() || options.only == "packing")) TimePacking(pool);
  int failures = 0;
  for (const Case& c : kCases) {
    if (std::string(c.name).find(options.only) != std::string::npos)
      failures += RunCase(c, options, peaks, pool);
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) { return glmocr::Main(argc, argv); }
