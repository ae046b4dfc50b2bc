// GLM-OCR behind the engine's ModelRunner: owns the model, its cache and its scratch memory, and
// turns steps into tensors.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "models/blocks/kv_cache.h"
#include "models/glm_ocr/model.h"
#include "models/model_runner.h"

namespace glmocr {

enum class ComputeChoice { kAuto, kF32, kBF16 };

// Which hidden state a chained draft step recycles: after shared_head.norm, the counterpart of the
// target's final norm, as the layer was trained; or before it, as some engines do (measurably fewer
// accepted drafts).
enum class RecycledHidden { kNormed, kUnnormed };

struct RunnerOptions {
  int n_threads = 0;             // 0: the processors this process may use
  std::string kernels = "auto";  // a KernelTable name
  ComputeChoice compute =
      ComputeChoice::kAuto;      // auto: bf16 where the machine multiplies it natively, else f32
  int64_t cache_tokens = 16384;  // capacity of the key/value cache, all sequences together
  RecycledHidden recycled_hidden = RecycledHidden::kNormed;
};

class GlmOcrRunner final : public ModelRunner {
 public:
  static Result<std::unique_ptr<GlmOcrRunner>> Load(const std::filesystem::path& model_dir,
                                                    const RunnerOptions& options);
  static Result<std::unique_ptr<GlmOcrRunner>> Load(Checkpoint checkpoint,
                                                    const GlmOcrConfig& config,
                                                    const RunnerOptions& options);

  const RunnerInfo& info() const override { return info_; }
  Result<std::vector<ImageEmbedding>> Encode(std::span<const ImageInput> images) override;
  Result<StepLogits> Step(const StepBatch& batch) override;
  Result<DraftOutput> Draft(const DraftBatch& batch) override;

  const GlmOcrModel& model() const { return *model_; }
  const Context& context() const { return ctx_; }
  size_t cache_bytes_per_token() const;
  // Computes from here on with other kernels or another precision; weights and cache stay as they
  // were packed. For checking one table against another, and for profiling.
  void UseKernels(const KernelTable& kernels, Compute compute) {
    ctx_.kernels = &kernels;
    ctx_.compute = compute;
  }
  // Records every named intermediate of the following calls; null stops.
  void set_observer(TensorObserver* observer) { observer_ = observer; }

 private:
  GlmOcrRunner(const RunnerOptions& options, const KernelTable& kernels);
  static Result<std::unique_ptr<GlmOcrRunner>> Create(const RunnerOptions& options);
  Status Adopt(std::unique_ptr<GlmOcrModel> model, const RunnerOptions& options);
  void EmbedRows(const TensorView& table, std::span<const int32_t> tokens,
                 std::span<const EmbeddingRows> image_rows, Matrix* out) const;
  void DraftLogits(ConstMatrix hidden, std::vector<int32_t>* argmax);

  std::unique_ptr<ThreadPool> pool_;
  Context ctx_;
  std::unique_ptr<GlmOcrModel> model_;
  KvCache cache_;
  RunnerInfo info_;
  RecycledHidden recycled_hidden_;
  TensorObserver* observer_ = nullptr;

  TextScratch scratch_;
  RopeTable rope_;
  Matrix hidden_;  // [n_rows, hidden] of the last Step
  Matrix logit_rows_, logits_;
  Matrix draft_embeddings_, draft_hidden_, draft_unnormed_, draft_rows_, draft_recycled_,
      draft_logits_;
};

}  // namespace glmocr
