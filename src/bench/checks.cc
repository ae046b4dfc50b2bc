#include <cmath>
#include <cstring>

#include "bench/parts.h"

namespace glmocr {
namespace {

constexpr int64_t kPrompt =
    8;  // tokens that the reference kernels, which take seconds for each, have to do
constexpr int64_t kBatch = 4;

std::vector<float> Values(ConstMatrix m) {
  std::vector<float> values;
  for (int64_t r = 0; r < m.rows; ++r) values.insert(values.end(), m.row(r), m.row(r) + m.cols);
  return values;
}

// |a - b| / |b| in the Euclidean norm; infinite when anything is not finite.
double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  const double distance = std::sqrt(difference / norm);
  return std::isfinite(distance) ? distance : HUGE_VAL;
}

struct Outputs {
  std::vector<float> vision, logits;
};

Result<Outputs> ComputeOutputs(const BenchRun& run, const KernelTable& kernels, Compute compute) {
  run.runner.UseKernels(kernels, compute);
  const GlmOcrConfig& config = run.runner.model().config();
  const ImageInput picture = MakePicture(config.vision, 4, 4);
  GLM_ASSIGN(const auto embeddings, run.runner.Encode({&picture, 1}));
  const auto sequences = MakeSequences(config.text, 1, kPrompt, kPrompt);
  GLM_ASSIGN(const StepLogits logits, RunStep(run.runner, sequences, 0, kPrompt));
  return Outputs{Values(embeddings[0]->view()), Values(logits.logits)};
}

// In fp32 all tables promise the same sums; what differs is exp. In bf16 two tables round other
// sums, so the bound is what bf16 itself costs: twice the distance of the reference's bf16 result
// from its fp32 result.
Status CheckAgainstReference(const BenchRun& run) {
  GLM_RETURN_IF_ERROR(run.Next("checking against the reference kernels"));
  GLM_ASSIGN(const Outputs exact, ComputeOutputs(run, ReferenceKernels(), Compute::kF32));
  double vision_bound = 1e-5, logits_bound = 1e-5;
  Outputs expected = exact;
  if (run.compute == Compute::kBF16) {
    GLM_ASSIGN(const Outputs rounded, ComputeOutputs(run, ReferenceKernels(), Compute::kBF16));
    vision_bound = 2 * Distance(rounded.vision, exact.vision);
    logits_bound = 2 * Distance(rounded.logits, exact.logits);
  }
  GLM_ASSIGN(const Outputs actual, ComputeOutputs(run, run.kernels, run.compute));
  GLM_RETURN_IF_ERROR(run.Check("vision against the reference kernels in fp32",
                                Distance(actual.vision, expected.vision), vision_bound));
  return run.Check("logits against the reference kernels in fp32",
                   Distance(actual.logits, expected.logits), logits_bound);
}

// The contract of kernels.h: neither the size of a batch nor the cutting of a prompt changes a bit.
Status CheckBatching(const BenchRun& run) {
  const auto sequences = MakeSequences(run.runner.model().config().text, kBatch, 40, 40);
  std::vector<float> alone, together, whole;
  for (const BenchSequence& sequence : sequences) {
    GLM_ASSIGN(const StepLogits prompt, RunStep(run.runner, {&sequence, 1}, 0, 40));
    const std::vector<float> logits = Values(prompt.logits);
    whole.insert(whole.end(), logits.begin(), logits.end());
  }
  for (const BenchSequence& sequence : sequences) {
    GLM_RETURN_IF_ERROR(RunStepOnly(run.runner, {&sequence, 1}, 0, 39));
    GLM_ASSIGN(const StepLogits next, RunStep(run.runner, {&sequence, 1}, 39, 1));
    const std::vector<float> logits = Values(next.logits);
    alone.insert(alone.end(), logits.begin(), logits.end());
  }
  GLM_ASSIGN(const StepLogits next, RunStep(run.runner, sequences, 39, 1));
  together = Values(next.logits);
  GLM_RETURN_IF_ERROR(
      run.Check("decoding a token against prefilling it", Distance(alone, whole), 0));
  return run.Check("a batch of four against one at a time", Distance(together, alone), 0);
}

}  // namespace

Status CheckModel(const BenchRun& run) {
  GLM_RETURN_IF_ERROR(CheckAgainstReference(run));
  return CheckBatching(run);
}

}  // namespace glmocr
