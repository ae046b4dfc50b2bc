#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <span>

#include "bench/measure.h"
#include "bench/parts.h"
#include "bench/work.h"

namespace glmocr {
namespace {

constexpr size_t kLargerThanCaches = size_t{128} << 20;

// What a decode step reads, for comparing it with plain reading of the same memory; nothing when it
// stays in the caches.
std::vector<std::span<const std::byte>> StreamedWeights(const GlmOcrModel& model) {
  std::vector<const PackedMatrix*> weights = model.text().weights();
  weights.push_back(&model.lm_head());
  std::vector<std::span<const std::byte>> parts;
  size_t bytes = 0;
  for (const PackedMatrix* weight : weights) {
    parts.emplace_back(weight->buffer.data(), weight->buffer.size_bytes());
    bytes += parts.back().size();
  }
  if (bytes < kLargerThanCaches) parts.clear();
  return parts;
}

// Times `fn`, which returns a Status, and appends the stage. `per_run`: how many of `stage.items`
// one call does, 1 for all of them.
template <typename Fn>
Status Measure(const BenchRun& run, BenchStage stage, Fn&& fn) {
  GLM_RETURN_IF_ERROR(run.Next(stage.name));
  stage.peak_gflops = run.peak_gflops();
  std::vector<double> seconds;
  double best = 0;
  const std::vector<std::span<const std::byte>> streamed = StreamedWeights(run.runner.model());
  ThreadPool& pool = *run.runner.context().pool;
  double read_before = MeasureReadGbps(streamed, pool);
  for (int i = 0; i < run.options.repeats + 1; ++i) {
    if (run.options.keep_going && !run.options.keep_going())
      return Error{ErrorCode::kCancelled, "interrupted"};
    TakeKernelSeconds();
    Status status;
    const double s = Seconds([&] { status = fn(); });
    GLM_RETURN_IF_ERROR(status);
    const KernelShares kernels = TakeKernelSeconds();
    const double read_after = MeasureReadGbps(streamed, pool);
    const double read = std::max(read_before, read_after);
    read_before = read_after;
    if (i == 0) continue;  // buffers grow and caches fill
    seconds.push_back(s);
    if (best != 0 && s >= best) continue;
    best = s;
    stage.peak_read_gbps = streamed.empty() ? run.report.peaks.read_gbps : read;
    stage.kernels = kernels;
    stage.kernels.other_s =
        s - stage.kernels.gemm_s - stage.kernels.attention_s - stage.kernels.norm_rope_s;
  }
  stage.time = Summarize(std::move(seconds));
  run.report.stages.push_back(std::move(stage));
  return OkStatus();
}

Status BenchPicture(const BenchRun& run, int32_t h, int32_t w) {
  const GlmOcrConfig& config = run.runner.model().config();
  const ImageInput picture = MakePicture(config.vision, h, w);
  const Work work = VisionWork(config, run.merger_width, h, w, run.weight_value_bytes);
  const int64_t patch = config.vision.patch_size;
  return Measure(run,
                 {.name = fmt::format("vision {}x{}", w * patch, h * patch),
                  .unit = "patch",
                  .items = int64_t{h} * w,
                  .flops = work.flops,
                  .bytes = work.bytes},
                 [&]() -> Status {
                   GLM_ASSIGN(const auto embeddings, run.runner.Encode({&picture, 1}));
                   return OkStatus();
                 });
}

Status BenchPrefill(const BenchRun& run) {
  const GlmOcrTextConfig& config = run.runner.model().config().text;
  const int64_t n = run.options.prompt_tokens;
  const auto sequences = MakeSequences(config, 1, n, n);
  const Work work = TextWork(config, 0, n, 1, run.weight_value_bytes, run.cache_value_bytes);
  return Measure(run,
                 {.name = fmt::format("prefill {}", n),
                  .unit = "token",
                  .items = n,
                  .flops = work.flops,
                  .bytes = work.bytes},
                 [&]() -> Status { return RunStepOnly(run.runner, sequences, 0, n); });
}

Status BenchDecode(const BenchRun& run, int64_t batch) {
  const GlmOcrTextConfig& config = run.runner.model().config().text;
  const int64_t context = run.options.prompt_tokens, steps = run.options.decode_steps;
  const auto sequences = MakeSequences(config, batch, context + steps, context + steps);
  for (const BenchSequence& sequence : sequences) {
    GLM_RETURN_IF_ERROR(RunStepOnly(run.runner, {&sequence, 1}, 0, context));
  }
  Work work;
  for (int64_t i = 0; i < steps; ++i) {
    const Work step =
        DecodeWork(config, batch, context + i, run.weight_value_bytes, run.cache_value_bytes);
    work.flops += step.flops;
    work.bytes += step.bytes;
  }
  return Measure(run,
                 {.name = fmt::format("decode batch {}", batch),
                  .unit = "token",
                  .items = batch * steps,
                  .flops = work.flops,
                  .bytes = work.bytes},
                 [&]() -> Status {
                   for (int64_t i = 0; i < steps; ++i) {
                     GLM_RETURN_IF_ERROR(RunStepOnly(run.runner, sequences, context + i, 1));
                   }
                   return OkStatus();
                 });
}

}  // namespace

std::vector<BenchSequence> MakeSequences(const GlmOcrTextConfig& config, int64_t n,
                                         int64_t n_tokens, int64_t n_slots) {
  std::mt19937 random(1);
  const int64_t n_blocks = (n_slots + kKvBlock - 1) / kKvBlock;
  std::vector<BenchSequence> sequences(static_cast<size_t>(n));
  int32_t block = 0;
  for (BenchSequence& sequence : sequences) {
    for (int64_t i = 0; i < n_tokens; ++i) {
      sequence.tokens.push_back(static_cast<int32_t>(
          random() % static_cast<uint32_t>(config.vocab_size * 3 / 4)));  // ordinary tokens
    }
    for (int64_t i = 0; i < n_blocks; ++i) sequence.blocks.push_back(block++);
  }
  return sequences;
}

Result<StepLogits> RunStep(GlmOcrRunner& runner, std::span<const BenchSequence> sequences,
                           int64_t start, int64_t n_rows) {
  StepBatch batch;
  for (const BenchSequence& sequence : sequences) {
    batch.sequences.push_back({.row_begin = static_cast<int64_t>(batch.tokens.size()),
                               .n_rows = n_rows,
                               .start = start,
                               .block_table = sequence.blocks});
    for (int64_t i = start; i < start + n_rows; ++i) {
      const auto position = static_cast<int32_t>(i);
      batch.tokens.push_back(sequence.tokens[static_cast<size_t>(i)]);
      batch.positions.push_back({position, position, position});
    }
    batch.logit_rows.push_back(static_cast<int64_t>(batch.tokens.size()) - 1);
  }
  return runner.Step(batch);
}

Status RunStepOnly(GlmOcrRunner& runner, std::span<const BenchSequence> sequences, int64_t start,
                   int64_t n_rows) {
  const Result<StepLogits> logits = RunStep(runner, sequences, start, n_rows);
  return logits.ok() ? OkStatus() : Status(logits.error());
}

ImageInput MakePicture(const GlmOcrVisionConfig& config, int32_t h, int32_t w) {
  auto patches = std::make_shared<Matrix>(int64_t{h} * w, config.patch_columns());
  std::mt19937 random(2);
  for (int64_t i = 0; i < patches->rows() * patches->cols(); ++i) {
    patches->data()[i] = (static_cast<float>(random() >> 8) * 0x1p-24f - 0.5f) *
                         3.5f;  // deviation 1, as normalised pixels have
  }
  const int64_t merge = config.spatial_merge_size;
  return {.patches = std::move(patches),
          .grid = {1, h, w},
          .n_tokens = int64_t{h} * w / (merge * merge)};
}

Status BenchStages(const BenchRun& run) {
  for (const auto& [h, w] : run.options.pictures) GLM_RETURN_IF_ERROR(BenchPicture(run, h, w));
  GLM_RETURN_IF_ERROR(BenchPrefill(run));
  for (const int64_t batch : run.options.batches) GLM_RETURN_IF_ERROR(BenchDecode(run, batch));
  return OkStatus();
}

}  // namespace glmocr
