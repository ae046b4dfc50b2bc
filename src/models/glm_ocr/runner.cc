#include "models/glm_ocr/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/select.h"
#include "ops/linear.h"

namespace glmocr {
namespace {

std::vector<SequenceRows> ToRows(std::span<const StepSequence> sequences) {
  std::vector<SequenceRows> rows;
  rows.reserve(sequences.size());
  for (const StepSequence& s : sequences) {
    rows.push_back({.row_begin = s.row_begin,
                    .n_rows = s.n_rows,
                    .start = s.start,
                    .block_table = s.block_table});
  }
  return rows;
}

void CopyRows(ConstMatrix from, std::span<const int64_t> rows, Matrix* to) {
  to->Resize(static_cast<int64_t>(rows.size()), from.cols);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(to->row(static_cast<int64_t>(i)), from.row(rows[i]),
                static_cast<size_t>(from.cols) * sizeof(float));
  }
}

std::vector<int64_t> AllRows(int64_t n) {
  std::vector<int64_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::span<const int64_t, 3> Sections(const GlmOcrTextConfig& config) {
  return std::span<const int64_t, 3>(config.mrope_section);
}

}  // namespace

GlmOcrRunner::GlmOcrRunner(const RunnerOptions& options, const KernelTable& kernels)
    : pool_(std::make_unique<ThreadPool>(options.n_threads > 0 ? options.n_threads
                                                               : ThreadPool::DefaultThreads())),
      recycled_hidden_(options.recycled_hidden) {
  const bool bf16 = options.compute == ComputeChoice::kBF16 ||
                    (options.compute == ComputeChoice::kAuto && kernels.native_bf16);
  ctx_ = {
      .kernels = &kernels, .pool = pool_.get(), .compute = bf16 ? Compute::kBF16 : Compute::kF32};
}

Result<std::unique_ptr<GlmOcrRunner>> GlmOcrRunner::Create(const RunnerOptions& options) {
  GLM_ASSIGN(const KernelTable* kernels, SelectKernels(options.kernels));
  return std::unique_ptr<GlmOcrRunner>(new GlmOcrRunner(options, *kernels));
}

Result<std::unique_ptr<GlmOcrRunner>> GlmOcrRunner::Load(const std::filesystem::path& model_dir,
                                                         const RunnerOptions& options) {
  GLM_ASSIGN(std::unique_ptr<GlmOcrRunner> runner, Create(options));
  GLM_ASSIGN(auto model, GlmOcrModel::Load(model_dir, runner->ctx_));
  GLM_RETURN_IF_ERROR(runner->Adopt(std::move(model), options));
  return runner;
}

Result<std::unique_ptr<GlmOcrRunner>> GlmOcrRunner::Load(Checkpoint checkpoint,
                                                         const GlmOcrConfig& config,
                                                         const RunnerOptions& options) {
  GLM_ASSIGN(std::unique_ptr<GlmOcrRunner> runner, Create(options));
  GLM_ASSIGN(auto model, GlmOcrModel::Load(std::move(checkpoint), config, runner->ctx_));
  GLM_RETURN_IF_ERROR(runner->Adopt(std::move(model), options));
  return runner;
}

Status GlmOcrRunner::Adopt(std::unique_ptr<GlmOcrModel> model, const RunnerOptions& options) {
  model_ = std::move(model);
  const GlmOcrConfig& config = model_->config();
  const GlmOcrTextConfig& text = config.text;
  const int64_t n_blocks =
      (std::max<int64_t>(options.cache_tokens, kKvBlock) + kKvBlock - 1) / kKvBlock;
  GLM_ASSIGN(cache_, KvCache::Allocate(
                         {.n_layers = text.num_hidden_layers + (model_->mtp() != nullptr ? 1 : 0),
                          .n_blocks = n_blocks,
                          .n_kv_heads = text.num_key_value_heads,
                          .head_dim = text.head_dim,
                          .dtype = ctx_.compute == Compute::kBF16 ? DType::kBF16 : DType::kF32}));
  info_ = {.architecture = "glm_ocr",
           .vocab_size = text.vocab_size,
           .max_context_tokens = text.max_position_embeddings,
           .eos_token_ids = config.eos_token_ids,
           .image_token_id = config.image_token_id,
           .has_draft_layer = model_->mtp() != nullptr,
           .n_blocks = n_blocks};
  return OkStatus();
}

size_t GlmOcrRunner::cache_bytes_per_token() const {
  const KvLayerView& layer = cache_.layers()[0];
  return layer.block_bytes() * cache_.layers().size() / kKvBlock;
}

Result<std::vector<ImageEmbedding>> GlmOcrRunner::Encode(std::span<const ImageInput> images) {
  std::vector<std::array<int32_t, 3>> grids;
  int64_t n_patches = 0;
  for (const ImageInput& image : images) {
    grids.push_back(image.grid);
    n_patches += image.patches->rows();
  }
  if (images.empty()) return std::vector<ImageEmbedding>{};
  Matrix joined;
  ConstMatrix pixels = images[0].patches->view();
  if (images.size() > 1) {
    joined.Resize(n_patches, pixels.cols);
    float* to = joined.data();
    for (const ImageInput& image : images) {
      const auto count = static_cast<size_t>(image.patches->rows() * image.patches->cols());
      to = std::copy_n(image.patches->data(), count, to);
    }
    pixels = joined;
  }
  const Matrix all = model_->vision().Forward(ctx_, pixels, grids, observer_);
  std::vector<ImageEmbedding> out;
  int64_t row = 0;
  for (const ImageInput& image : images) {
    auto embedding = std::make_shared<Matrix>(image.n_tokens, all.cols());
    std::memcpy(embedding->data(), all.row(row),
                static_cast<size_t>(image.n_tokens * all.cols()) * sizeof(float));
    row += image.n_tokens;
    out.push_back(std::move(embedding));
  }
  GLM_CHECK(row == all.rows());
  return out;
}

void GlmOcrRunner::EmbedRows(const TensorView& table, std::span<const int32_t> tokens,
                             std::span<const EmbeddingRows> image_rows, Matrix* out) const {
  out->Resize(static_cast<int64_t>(tokens.size()), table.shape[1]);
  EmbeddingLookup(ctx_, table, tokens, *out);
  for (const EmbeddingRows& rows : image_rows) {
    GLM_CHECK(rows.row_begin + rows.n_rows <= out->rows() &&
              rows.source_begin + rows.n_rows <= rows.source->rows());
    std::memcpy(out->row(rows.row_begin), rows.source->row(rows.source_begin),
                static_cast<size_t>(rows.n_rows * out->cols()) * sizeof(float));
  }
}

Result<StepLogits> GlmOcrRunner::Step(const StepBatch& batch) {
  const GlmOcrTextConfig& config = model_->config().text;
  EmbedRows(model_->embed_tokens(), batch.tokens, batch.image_rows, &hidden_);
  GLM_RETURN_IF_ERROR(model_->CheckFiles());
  if (observer_ != nullptr) observer_->OnTensor("text.embed", hidden_);
  MRopeTable(batch.positions, Sections(config), static_cast<float>(config.rope_theta), &rope_);
  const std::vector<SequenceRows> sequences = ToRows(batch.sequences);
  model_->text().Forward(ctx_, {.sequences = sequences, .rope = &rope_}, cache_.layers(), &scratch_,
                         hidden_, observer_);

  CopyRows(hidden_, batch.logit_rows, &logit_rows_);
  logits_.Resize(logit_rows_.rows(), config.vocab_size);
  Linear(ctx_, logit_rows_, model_->lm_head(), logits_);
  if (observer_ != nullptr) observer_->OnTensor("logits", logits_);
  return StepLogits{.logits = logits_};
}

void GlmOcrRunner::DraftLogits(ConstMatrix hidden, std::vector<int32_t>* argmax) {
  draft_logits_.Resize(hidden.rows, model_->config().text.vocab_size);
  Linear(ctx_, hidden, model_->mtp_head(), draft_logits_);
  std::vector<RowStats> stats(static_cast<size_t>(hidden.rows));
  ctx_.kernels->row_stats(draft_logits_, stats, *ctx_.pool);
  argmax->clear();
  for (const RowStats& row : stats) argmax->push_back(row.argmax);
}

Result<DraftOutput> GlmOcrRunner::Draft(const DraftBatch& batch) {
  GLM_CHECK(model_->mtp() != nullptr);
  const GlmOcrTextConfig& config = model_->config().text;
  const KvLayerView& cache = cache_.layers().back();

  // The slots whose true hidden states are known.
  EmbedRows(model_->mtp_embed_tokens(), batch.tokens, batch.image_rows, &draft_embeddings_);
  draft_hidden_.Resize(draft_embeddings_.rows(), config.hidden_size);
  std::vector<SequenceRows> rows;
  for (const DraftSequence& s : batch.sequences) {
    rows.push_back({s.rows.row_begin, s.rows.n_rows, s.rows.start, s.rows.block_table});
    GLM_CHECK(s.hidden_begin + s.rows.n_rows <= hidden_.rows());
    std::memcpy(draft_hidden_.row(s.rows.row_begin), hidden_.row(s.hidden_begin),
                static_cast<size_t>(s.rows.n_rows * config.hidden_size) * sizeof(float));
  }
  MRopeTable(batch.positions, Sections(config), static_cast<float>(config.rope_theta), &rope_);
  model_->mtp()->Forward(ctx_, {.sequences = rows, .rope = &rope_}, cache,
                         {.embeddings = draft_embeddings_, .hidden = draft_hidden_}, &scratch_,
                         &draft_unnormed_, draft_hidden_);
  if (observer_ != nullptr) observer_->OnTensor("mtp.hidden", draft_hidden_);

  // Chains of further drafts: the sequences that still want one, a row each.
  DraftOutput out;
  out.drafts.resize(batch.sequences.size());
  std::vector<size_t> active;
  std::vector<int64_t> last_rows;
  for (size_t i = 0; i < batch.sequences.size(); ++i) {
    if (batch.sequences[i].n_drafts == 0) continue;
    active.push_back(i);
    last_rows.push_back(batch.sequences[i].rows.row_begin + batch.sequences[i].rows.n_rows - 1);
  }
  const Matrix& recycled =
      recycled_hidden_ == RecycledHidden::kNormed ? draft_hidden_ : draft_unnormed_;
  CopyRows(draft_hidden_, last_rows, &draft_rows_);
  CopyRows(recycled, last_rows, &draft_recycled_);
  std::vector<int32_t> tokens;
  for (int32_t depth = 1; !active.empty(); ++depth) {
    DraftLogits(draft_rows_, &tokens);
    std::vector<size_t> still;
    std::vector<int64_t> keep;
    std::vector<int32_t> inputs;
    std::vector<RopePosition> positions;
    rows.clear();
    for (size_t j = 0; j < active.size(); ++j) {
      const DraftSequence& s = batch.sequences[active[j]];
      out.drafts[active[j]].push_back(tokens[j]);
      if (s.n_drafts == depth) continue;
      const int64_t last = s.rows.row_begin + s.rows.n_rows - 1;
      RopePosition position = batch.positions[static_cast<size_t>(last)];
      for (int32_t& axis : position) axis += depth;
      rows.push_back({static_cast<int64_t>(still.size()), 1,
                      s.rows.start + s.rows.n_rows - 1 + depth, s.rows.block_table});
      still.push_back(active[j]);
      keep.push_back(static_cast<int64_t>(j));
      inputs.push_back(tokens[j]);
      positions.push_back(position);
    }
    active = std::move(still);
    if (active.empty()) break;
    CopyRows(draft_recycled_, keep, &draft_hidden_);
    EmbedRows(model_->mtp_embed_tokens(), inputs, {}, &draft_embeddings_);
    MRopeTable(positions, Sections(config), static_cast<float>(config.rope_theta), &rope_);
    draft_rows_.Resize(draft_hidden_.rows(), config.hidden_size);
    model_->mtp()->Forward(ctx_, {.sequences = rows, .rope = &rope_}, cache,
                           {.embeddings = draft_embeddings_, .hidden = draft_hidden_}, &scratch_,
                           &draft_unnormed_, draft_rows_);
    CopyRows(recycled_hidden_ == RecycledHidden::kNormed ? draft_rows_ : draft_unnormed_,
             AllRows(draft_rows_.rows()), &draft_recycled_);
  }
  return out;
}

}  // namespace glmocr
