// What the engine asks of a model: encode images, run one step of a batch, draft tokens. The engine
// knows tokens, positions and blocks; the runner knows weights, tensors and devices. Models
// implement this (models/glm_ocr/runner.h); the engine's tests use a fake one. It stands here and
// not in engine/, so that includes point one way and a model is built and tested without the
// engine.
//
// One call at a time, from the engine's thread. Nothing here is retained after a call returns,
// except what is said to be.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "tensor/buffer.h"

namespace glmocr {

// Rope position of one token on the axes time, height, width. Not a cache address: the cache is
// addressed by sequence index.
using RopePosition = std::array<int32_t, 3>;

// One preprocessed picture of a prompt.
struct ImageInput {
  std::shared_ptr<const Matrix>
      patches;  // [grid_t * grid_h * grid_w, 1176] normalised pixels in merge-window order
  std::array<int32_t, 3> grid = {1, 0, 0};  // t, h, w in patches; h and w even
  int64_t first_token =
      0;  // index in the prompt of its first placeholder; the placeholders are consecutive (stills)
  int64_t n_tokens = 0;  // grid_h / 2 * grid_w / 2
  Hash128 hash;  // of patches and grid: key of the encoder cache and part of prefix-cache keys
};

// Vision rows of one picture: [n_tokens, hidden]. Shared by the encoder cache and the sequences
// that still need it.
using ImageEmbedding = std::shared_ptr<const Matrix>;

// Rows of a step whose input embedding is a row of an ImageEmbedding instead of the token's own.
struct EmbeddingRows {
  int64_t row_begin = 0;  // first row of the batch
  int64_t n_rows = 0;
  ImageEmbedding source;
  int64_t source_begin = 0;  // first row of `source`
};

// Consecutive tokens of one sequence inside a step.
struct StepSequence {
  int64_t row_begin = 0;  // first row in the batch
  int64_t n_rows = 0;
  int64_t start =
      0;  // sequence index of the first row: cache slots start .. start + n_rows - 1 are written
  std::span<const int32_t> block_table;  // cache blocks of 16 tokens; covers start + n_rows tokens
};

// One forward pass over rows of several sequences.
struct StepBatch {
  std::vector<int32_t> tokens;          // [n_rows]
  std::vector<RopePosition> positions;  // [n_rows]
  std::vector<StepSequence> sequences;  // in row order, covering all rows
  std::vector<EmbeddingRows> image_rows;
  std::vector<int64_t> logit_rows;  // rows whose logits are wanted, ascending
};

// Logits of a step: row i belongs to StepBatch::logit_rows[i]. Owned by the runner, valid until its
// next call.
struct StepLogits {
  MutMatrix logits;  // [logit_rows.size(), vocab]; the sampler may edit it in place
};

// One pass of the draft (MTP) layer: slot p of a sequence takes the target's hidden state of
// position p and the token at p + 1, and predicts the token at p + 2. It writes the draft layer's
// own cache at slot p (same block table).
struct DraftSequence {
  StepSequence rows;  // start = first slot p; row_begin indexes tokens/positions of this DraftBatch
  int64_t hidden_begin = 0;  // row of the LAST StepBatch run whose hidden state belongs to the
                             // first slot; the others follow
  int32_t n_drafts =
      0;  // 0: only fill the cache (prefill); k: chain k greedy drafts after the last slot
};

struct DraftBatch {
  std::vector<int32_t> tokens;            // [n_rows] the token at p + 1
  std::vector<RopePosition> positions;    // [n_rows] the target's position of p (not of p + 1)
  std::vector<EmbeddingRows> image_rows;  // where the token at p + 1 is an image placeholder
  std::vector<DraftSequence> sequences;
};

struct DraftOutput {
  std::vector<std::vector<int32_t>>
      drafts;  // per sequence, n_drafts tokens each (argmax, one-hot proposals)
};

struct RunnerInfo {
  std::string architecture;  // "glm_ocr"
  int64_t vocab_size = 0;
  int64_t max_context_tokens = 0;  // max_position_embeddings
  std::vector<int32_t> eos_token_ids;
  int32_t image_token_id = -1;
  bool has_draft_layer = false;
  int64_t n_blocks = 0;  // cache blocks of 16 tokens that exist
};

class ModelRunner {
 public:
  virtual ~ModelRunner() = default;
  virtual const RunnerInfo& info() const = 0;
  // Runs the vision encoder over several pictures at once; one embedding each, in order.
  virtual Result<std::vector<ImageEmbedding>> Encode(std::span<const ImageInput> images) = 0;
  // Runs the text model; hidden states of all rows stay inside the runner for the next Draft.
  virtual Result<StepLogits> Step(const StepBatch& batch) = 0;
  // Only when info().has_draft_layer. Draft step j >= 1 recycles the hidden state after
  // shared_head.norm, at position + j.
  virtual Result<DraftOutput> Draft(const DraftBatch& batch) = 0;
};

}  // namespace glmocr
