// Writes a plan down as the batches that a ModelRunner takes: token ids, rope positions, picture
// rows, block tables.
#pragma once

#include <cstdint>
#include <span>

#include "engine/scheduler.h"
#include "models/model_runner.h"

namespace glmocr {

// Clears `batch` and fills it with the rows of `sequences`, in their order. Wants the logits of the
// last 1 + n_drafts rows of those that sample.
void BuildStep(std::span<const ScheduledSequence> sequences, StepBatch& batch);

// One sequence of a step that has been committed: rows whose inputs turned out to be right.
struct DraftItem {
  Sequence* sequence = nullptr;
  int64_t start = 0;     // as in the step
  int64_t n_rows = 0;    // leading rows of the step that stand; token start + n_rows exists
  int64_t step_row = 0;  // of the step's batch
  int32_t n_drafts = 0;
};
// The draft layer's pass over `items`: slot p pairs the hidden state of p with token p + 1 at the
// position of p.
void BuildDraft(std::span<const DraftItem> items, DraftBatch& batch);

}  // namespace glmocr
