#include "pipeline/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "models/glm_ocr/positions.h"
#include "ops/linear.h"

namespace glmocr {
namespace {

class Recorder final : public TensorObserver {
 public:
  void OnTensor(std::string_view name, ConstMatrix value) override {
    TraceTensor tensor{std::string(name), {value.rows, value.cols}, {}, {}};
    tensor.f32.reserve(static_cast<size_t>(value.rows * value.cols));
    for (int64_t r = 0; r < value.rows; ++r)
      tensor.f32.insert(tensor.f32.end(), value.row(r), value.row(r) + value.cols);
    tensors.push_back(std::move(tensor));
  }
  void Add(std::string name, Shape shape, std::vector<int64_t> values) {
    tensors.push_back({std::move(name), std::move(shape), {}, std::move(values)});
  }
  std::vector<TraceTensor> tensors;
};

// Stops recording however the function is left.
class Observing {
 public:
  Observing(GlmOcrRunner& runner, TensorObserver* observer) : runner_(runner) {
    runner_.set_observer(observer);
  }
  ~Observing() { runner_.set_observer(nullptr); }

 private:
  GlmOcrRunner& runner_;
};

int32_t Argmax(const float* row, int64_t n) {
  return static_cast<int32_t>(std::max_element(row, row + n) - row);
}

RopePosition DecodePosition(int64_t index, int32_t rope_delta) {
  const auto p = static_cast<int32_t>(index) + rope_delta;
  return {p, p, p};
}

struct Prompt {
  const TraceInput& input;
  PromptPositions positions;
  std::vector<ImageEmbedding> embeddings;
  std::vector<int32_t> blocks;  // of the whole run
  int64_t n() const { return static_cast<int64_t>(input.input_ids.size()); }
};

// Rows whose embedding comes from a picture when row r stands for prompt token r + shift.
std::vector<EmbeddingRows> ImageRows(const Prompt& prompt, int64_t shift) {
  std::vector<EmbeddingRows> rows;
  for (size_t i = 0; i < prompt.embeddings.size(); ++i) {
    const ImageInput& image = prompt.input.images[i];
    const int64_t skipped =
        std::max<int64_t>(0, shift - image.first_token);  // rows before the first one
    rows.push_back({image.first_token - shift + skipped, image.n_tokens - skipped,
                    prompt.embeddings[i], skipped});
  }
  return rows;
}

void RecordInputs(const Prompt& prompt, Recorder* out) {
  const int64_t n = prompt.n();
  out->Add("input_ids", {n}, {prompt.input.input_ids.begin(), prompt.input.input_ids.end()});
  std::vector<int64_t> axes;
  for (size_t axis = 0; axis < 3; ++axis) {
    for (const RopePosition& p : prompt.positions.positions) axes.push_back(p[axis]);
  }
  out->Add("position_ids", {3, n}, std::move(axes));
  if (prompt.input.images.empty()) return;
  std::vector<int64_t> grids;
  TraceTensor pixels{"pixel_values", {}, {}, {}};
  for (const ImageInput& image : prompt.input.images) {
    grids.insert(grids.end(), image.grid.begin(), image.grid.end());
    const Matrix& m = *image.patches;
    pixels.f32.insert(pixels.f32.end(), m.data(), m.data() + m.rows() * m.cols());
  }
  const int64_t width = prompt.input.images[0].patches->cols();
  pixels.shape = {static_cast<int64_t>(pixels.f32.size()) / width, width};
  out->tensors.push_back(std::move(pixels));
  out->Add("image_grid_thw", {static_cast<int64_t>(prompt.input.images.size()), 3},
           std::move(grids));
}

// The draft layer over slots 0 .. n - 2 of the prompt (spec: the hidden state of p with the token
// at p + 1).
Status RecordDraftLayer(GlmOcrRunner& runner, const Prompt& prompt, Recorder* out) {
  const int64_t n = prompt.n();
  if (!runner.info().has_draft_layer || n < 2) return OkStatus();
  DraftBatch batch;
  batch.tokens.assign(prompt.input.input_ids.begin() + 1, prompt.input.input_ids.end());
  batch.positions.assign(prompt.positions.positions.begin(), prompt.positions.positions.end() - 1);
  batch.image_rows = ImageRows(prompt, 1);
  batch.sequences = {{.rows = {0, n - 1, 0, prompt.blocks}, .hidden_begin = 0, .n_drafts = 0}};
  GLM_RETURN_IF_ERROR(runner.Draft(batch));
  const TraceTensor& hidden = out->tensors.back();
  GLM_CHECK(hidden.name == "mtp.hidden");
  Matrix logits(n - 1, runner.info().vocab_size);
  Linear(runner.context(), ConstMatrix(hidden.f32.data(), n - 1, hidden.shape[1]),
         runner.model().mtp_head(), logits);
  out->OnTensor("mtp.logits", logits);
  return OkStatus();
}

Status RecordDrafts(GlmOcrRunner& runner, const Prompt& prompt, int32_t next, Recorder* out) {
  const int64_t n = prompt.n();
  if (!runner.info().has_draft_layer || prompt.input.n_drafts == 0) return OkStatus();
  DraftBatch batch;
  batch.tokens = {next};
  batch.positions = {prompt.positions.positions.back()};
  batch.sequences = {{.rows = {0, 1, n - 1, prompt.blocks},
                      .hidden_begin = n - 1,
                      .n_drafts = prompt.input.n_drafts}};
  GLM_ASSIGN(DraftOutput drafts, runner.Draft(batch));
  out->Add("mtp.drafts", {prompt.input.n_drafts},
           {drafts.drafts[0].begin(), drafts.drafts[0].end()});
  return OkStatus();
}

}  // namespace

Result<std::vector<TraceTensor>> Trace(GlmOcrRunner& runner, const TraceInput& input) {
  const RunnerInfo& info = runner.info();
  Prompt prompt{input, {}, {}, {}};
  const int64_t n = prompt.n();
  if (n == 0) return Error{ErrorCode::kInvalidArgument, "the prompt is empty"};
  const int64_t n_blocks = (n + input.max_new_tokens + input.n_drafts + kKvBlock) / kKvBlock;
  if (n_blocks > info.n_blocks) {
    return Error{
        ErrorCode::kResourceExhausted,
        fmt::format("the prompt has {} tokens, more than the cache holds (raise the cache size)",
                    n)};
  }
  prompt.blocks.resize(static_cast<size_t>(n_blocks));
  std::iota(prompt.blocks.begin(), prompt.blocks.end(), 0);
  std::vector<std::array<int32_t, 3>> grids;
  for (const ImageInput& image : input.images) grids.push_back(image.grid);
  const auto merge = static_cast<int32_t>(runner.model().config().vision.spatial_merge_size);
  GLM_ASSIGN(prompt.positions,
             ComputePromptPositions(input.input_ids, info.image_token_id, grids, merge));

  Recorder recorder;
  RecordInputs(prompt, &recorder);
  std::vector<float> step_logits;
  std::vector<int64_t> generated;
  const auto keep = [&](const float* row) {
    step_logits.insert(step_logits.end(), row, row + info.vocab_size);
    generated.push_back(Argmax(row, info.vocab_size));
  };
  {
    const Observing observing(runner, &recorder);
    GLM_ASSIGN(prompt.embeddings, runner.Encode(input.images));
    StepBatch batch;
    batch.tokens = input.input_ids;
    batch.positions = prompt.positions.positions;
    batch.sequences = {{0, n, 0, prompt.blocks}};
    batch.image_rows = ImageRows(prompt, 0);
    batch.logit_rows.resize(static_cast<size_t>(n));
    std::iota(batch.logit_rows.begin(), batch.logit_rows.end(), 0);
    GLM_ASSIGN(StepLogits logits, runner.Step(batch));
    if (input.max_new_tokens > 0) keep(logits.logits.row(n - 1));
    GLM_RETURN_IF_ERROR(RecordDraftLayer(runner, prompt, &recorder));
  }
  if (!generated.empty()) {
    GLM_RETURN_IF_ERROR(
        RecordDrafts(runner, prompt, static_cast<int32_t>(generated[0]), &recorder));
  }
  while (static_cast<int64_t>(generated.size()) < input.max_new_tokens) {
    const int64_t at = n + static_cast<int64_t>(generated.size()) - 1;
    StepBatch batch;
    batch.tokens = {static_cast<int32_t>(generated.back())};
    batch.positions = {DecodePosition(at, prompt.positions.rope_delta)};
    batch.sequences = {{0, 1, at, prompt.blocks}};
    batch.logit_rows = {0};
    GLM_ASSIGN(StepLogits logits, runner.Step(batch));
    keep(logits.logits.row(0));
  }
  const auto m = static_cast<int64_t>(generated.size());
  recorder.tensors.push_back({"step_logits", {m, info.vocab_size}, std::move(step_logits), {}});
  recorder.Add("generated_ids", {m}, std::move(generated));
  return std::move(recorder.tensors);
}

}  // namespace glmocr
