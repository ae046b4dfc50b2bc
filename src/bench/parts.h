// The parts that RunBench runs one after the other, and the made-up sequences that they feed to a
// runner.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "models/glm_ocr/runner.h"

namespace glmocr {

// What the parts share. One runner, one profile.
struct BenchRun {
  GlmOcrRunner& runner;
  const KernelTable& kernels;  // the runner's own, not profiled
  Compute compute;
  int64_t merger_width = 0;
  double weight_value_bytes = 2;
  double cache_value_bytes = 2;
  const BenchOptions& options;
  BenchReport& report;

  Status Next(
      const std::string& what) const;  // reports progress; kCancelled when the user wants to stop
  double peak_gflops() const {
    return compute == Compute::kBF16 && kernels.native_bf16 ? report.peaks.bf16_gflops
                                                            : report.peaks.f32_gflops;
  }
  Status Check(std::string what, double error, double bound) const;  // kInternal when error > bound
};

// A sequence of made-up tokens with cache blocks of its own.
struct BenchSequence {
  std::vector<int32_t> tokens;
  std::vector<int32_t> blocks;
};

// `n` sequences of `n_tokens` tokens each; every one has blocks for `n_slots` tokens.
std::vector<BenchSequence> MakeSequences(const GlmOcrTextConfig& config, int64_t n,
                                         int64_t n_tokens, int64_t n_slots);
// Tokens [start, start + n_rows) of every sequence as one step; logits of the last one of each.
Result<StepLogits> RunStep(GlmOcrRunner& runner, std::span<const BenchSequence> sequences,
                           int64_t start, int64_t n_rows);
// The same for its effect on the cache, or for its duration.
Status RunStepOnly(GlmOcrRunner& runner, std::span<const BenchSequence> sequences, int64_t start,
                   int64_t n_rows);
// A picture of h x w patches of noise.
ImageInput MakePicture(const GlmOcrVisionConfig& config, int32_t h, int32_t w);

// The kernels in use against the reference kernels on the whole model, and one batch against single
// sequences.
Status CheckModel(const BenchRun& run);
// Every matrix product of vision and text at its own number of rows.
Status BenchProducts(const BenchRun& run);
// Vision, prefill, decode.
Status BenchStages(const BenchRun& run);
// The same made-up sequence continued with 0 to 3 drafts.
Status BenchContinuation(const BenchRun& run);
// The pages of options.images read with 0 to 3 drafts, one region after the other and several
// together.
Status BenchReading(const BenchRun& run, const std::filesystem::path& model_dir);

}  // namespace glmocr
