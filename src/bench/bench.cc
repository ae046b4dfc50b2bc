#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/measure.h"
#include "bench/parts.h"
#include "models/glm_ocr/inspect.h"
#include "weights/checkpoint.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

Result<int64_t> ReadMergerWidth(const fs::path& dir) {
  GLM_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(dir));
  LoadReport report;
  return MergerWidth(WeightScope(checkpoint, report).Sub("model.visual.merger"));
}

// Cache slots of the largest stage. The drafts need room behind the last token.
int64_t CacheTokens(const BenchOptions& options) {
  const int64_t batch = options.batches.empty()
                            ? 1
                            : *std::max_element(options.batches.begin(), options.batches.end());
  return std::max<int64_t>(batch, 4) *
         (options.prompt_tokens + std::max<int64_t>(options.decode_steps, 96) + 2 * kKvBlock);
}

}  // namespace

Status BenchRun::Next(const std::string& what) const {
  if (options.keep_going && !options.keep_going())
    return Error{ErrorCode::kCancelled, "interrupted"};
  if (options.progress) options.progress(what);
  return OkStatus();
}

Status BenchRun::Check(std::string what, double error, double bound) const {
  if (!(error <= bound)) {
    return Error{
        ErrorCode::kInternal,
        fmt::format(
            "wrong result, not timed: {}: {:.3g}, more than {:.3g} (kernels {}; try --kernels)",
            what, error, bound, kernels.name)};
  }
  report.checks.push_back({std::move(what), error, bound});
  return OkStatus();
}

Result<BenchReport> RunBench(const fs::path& model_dir, const BenchOptions& options) {
  BenchReport report;
  const auto say = [&](const char* what) {
    if (options.progress) options.progress(what);
  };
  RunnerOptions runner_options = options.runner;
  runner_options.cache_tokens = CacheTokens(options);
  GLM_ASSIGN(const ModelSummary summary, InspectModel(model_dir));
  GLM_ASSIGN(const int64_t merger_width, ReadMergerWidth(model_dir));
  say("peaks of this machine");
  {
    ThreadPool pool(runner_options.n_threads > 0 ? runner_options.n_threads
                                                 : ThreadPool::DefaultThreads());
    report.peaks = MeasurePeaks(pool);
  }
  say("loading");
  // Once to have the files in the page cache, which is the condition that the time is stated for.
  { GLM_ASSIGN(auto warm, GlmOcrRunner::Load(model_dir, runner_options)); }
  ResetPeakResident();
  std::unique_ptr<GlmOcrRunner> runner;
  Status loaded;
  report.load_s = Seconds([&] {
    auto result = GlmOcrRunner::Load(model_dir, runner_options);
    if (result.ok())
      runner = std::move(*result);
    else
      loaded = result.error();
  });
  GLM_RETURN_IF_ERROR(loaded);
  report.load_peak_bytes = PeakResidentBytes();

  const Context& ctx = runner->context();
  report.model = model_dir.filename().string();
  report.kernels = ctx.kernels->name;
  report.compute = ctx.compute == Compute::kBF16 ? "bf16" : "f32";
  report.processor = ProcessorName();
  report.n_threads = ctx.pool->n_threads();
  const bool all_bf16 = std::all_of(summary.types.begin(), summary.types.end(),
                                    [](const auto& t) { return t.dtype == DType::kBF16; });
  const bool pairs = ctx.compute == Compute::kBF16 || all_bf16;
  report.weight_bytes = pairs ? summary.packed_bf16_bytes : summary.packed_f32_bytes;
  report.cache_bytes =
      runner->cache_bytes_per_token() * static_cast<uint64_t>(runner_options.cache_tokens);

  const BenchRun run = {.runner = *runner,
                        .kernels = *ctx.kernels,
                        .compute = ctx.compute,
                        .merger_width = merger_width,
                        .weight_value_bytes = pairs ? 2.0 : 4.0,
                        .cache_value_bytes = ctx.compute == Compute::kBF16 ? 2.0 : 4.0,
                        .options = options,
                        .report = report};
  GLM_RETURN_IF_ERROR(CheckModel(run));
  runner->UseKernels(ProfiledKernels(run.kernels), run.compute);
  GLM_RETURN_IF_ERROR(BenchStages(run));
  runner->UseKernels(run.kernels, run.compute);
  report.peak_bytes = PeakResidentBytes();
  if (options.drafts) {
    GLM_RETURN_IF_ERROR(options.images.empty() ? BenchContinuation(run)
                                               : BenchReading(run, model_dir));
  }
  if (options.products) GLM_RETURN_IF_ERROR(BenchProducts(run));
  // Other programs can only lower a peak: the better of two measurements, before and after.
  const Peaks again = MeasurePeaks(*ctx.pool);
  report.peaks = {std::max(report.peaks.f32_gflops, again.f32_gflops),
                  std::max(report.peaks.bf16_gflops, again.bf16_gflops),
                  std::max(report.peaks.read_gbps, again.read_gbps)};
  for (auto* list : {&report.stages, &report.products}) {
    for (BenchStage& stage : *list) {
      stage.peak_gflops = run.peak_gflops();
      stage.peak_read_gbps = std::max(stage.peak_read_gbps, report.peaks.read_gbps);
    }
  }
  return report;
}

}  // namespace glmocr
