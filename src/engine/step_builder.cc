#include "engine/step_builder.h"

#include <algorithm>

#include "base/check.h"

namespace glmocr {
namespace {

// Rows that hold the tokens [first, first + n_rows) of a sequence take placeholders' embeddings
// from its pictures.
void AddImageRows(const Sequence& s, int64_t first, int64_t n_rows, int64_t row_begin,
                  std::vector<EmbeddingRows>& out) {
  for (size_t i = 0; i < s.request.images.size(); ++i) {
    const ImageInput& image = s.request.images[i];
    const int64_t begin = std::max(first, image.first_token);
    const int64_t end = std::min(first + n_rows, image.first_token + image.n_tokens);
    if (begin >= end) continue;
    GLM_CHECK(s.embeddings[i] != nullptr);
    out.push_back(
        {row_begin + begin - first, end - begin, s.embeddings[i], begin - image.first_token});
  }
}

}  // namespace

void BuildStep(std::span<const ScheduledSequence> sequences, StepBatch& batch) {
  batch.tokens.clear();
  batch.positions.clear();
  batch.sequences.clear();
  batch.image_rows.clear();
  batch.logit_rows.clear();
  for (const ScheduledSequence& item : sequences) {
    const Sequence& s = *item.sequence;
    const auto row = static_cast<int64_t>(batch.tokens.size());
    const int64_t n_known = item.n_rows - item.n_drafts;
    for (int64_t i = 0; i < item.n_rows; ++i) {
      batch.tokens.push_back(i < n_known ? s.tokens[static_cast<size_t>(item.start + i)]
                                         : s.drafts[static_cast<size_t>(i - n_known)]);
      batch.positions.push_back(s.PositionOf(item.start + i));
    }
    batch.sequences.push_back({row, item.n_rows, item.start, s.block_table});
    AddImageRows(s, item.start, n_known, row, batch.image_rows);
    if (!item.samples()) continue;
    for (int64_t i = n_known - 1; i < item.n_rows; ++i) batch.logit_rows.push_back(row + i);
  }
}

void BuildDraft(std::span<const DraftItem> items, DraftBatch& batch) {
  batch.tokens.clear();
  batch.positions.clear();
  batch.image_rows.clear();
  batch.sequences.clear();
  for (const DraftItem& item : items) {
    const Sequence& s = *item.sequence;
    const auto row = static_cast<int64_t>(batch.tokens.size());
    for (int64_t p = item.start; p < item.start + item.n_rows; ++p) {
      batch.tokens.push_back(s.tokens[static_cast<size_t>(p + 1)]);
      batch.positions.push_back(s.PositionOf(p));
    }
    AddImageRows(s, item.start + 1, item.n_rows, row, batch.image_rows);
    batch.sequences.push_back(
        {{row, item.n_rows, item.start, s.block_table}, item.step_row, item.n_drafts});
  }
}

}  // namespace glmocr
