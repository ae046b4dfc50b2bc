// A model for tests of the engine, with no weights at all: its logits are a hash of everything that
// a real model's would depend on.
//
// The "hidden state" of token i is a 64-bit hash chained over (token, rope position, picture row)
// of the tokens 0 .. i, READ BACK THROUGH THE BLOCK TABLE from a shadow cache that Step writes. A
// wrong block table, a missing rollback, a stale prefix block, a wrong position or picture row
// therefore changes the output, and Reference() - which computes the same chain directly from the
// request - tells. The fake also reports broken batches (rows not covered, slots outside the table,
// two sequences writing one block, draft rows with foreign hidden states) as errors of the call and
// counts them in `violations`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/request.h"
#include "models/model_runner.h"

namespace glmocr {

struct FakeRunnerOptions {
  int64_t vocab_size = 97;
  int64_t max_context_tokens = 1024;
  int64_t n_blocks = 256;
  std::vector<int32_t> eos_token_ids = {};
  bool has_draft_layer = true;
  int32_t draft_accuracy_percent =
      100;  // share of histories for which the draft layer proposes the model's own argmax
  int32_t logit_levels = 1 << 20;  // few levels make ties
};

class FakeRunner : public ModelRunner {
 public:
  static constexpr int32_t kImageToken = 5;

  explicit FakeRunner(const FakeRunnerOptions& options);
  const RunnerInfo& info() const override { return info_; }
  Result<std::vector<ImageEmbedding>> Encode(std::span<const ImageInput> images) override;
  Result<StepLogits> Step(const StepBatch& batch) override;
  Result<DraftOutput> Draft(const DraftBatch& batch) override;

  // The same model without cache, batch or engine.
  static uint64_t Chain(uint64_t previous, int32_t token, const RopePosition& position,
                        uint64_t image_row);
  static uint64_t ImageRow(const Hash128& image, int64_t row);
  void Logits(uint64_t hidden, float* out) const;
  // Greedy continuation of a request (no penalties), at most `n` tokens, the end-of-sequence token
  // included.
  std::vector<int32_t> Reference(const Request& request, int64_t n) const;
  // Hidden state after prompt and `output`.
  static uint64_t HiddenAfter(const Request& request, const std::vector<int32_t>& output);

  // Called before each call's own work; an error is returned as the call's.
  std::function<Status(const StepBatch&)> on_step;
  std::function<Status(const ImageInput&)> on_encode;
  std::function<Status(const DraftBatch&)> on_draft;
  std::function<void(const StepBatch&, MutMatrix)> on_logits;  // after it: may spoil them

  std::vector<std::string> violations;
  int64_t n_steps = 0, n_encoded = 0, n_draft_calls = 0;
  int64_t incomplete_draft_reads = 0;  // draft slots read that were never filled for this history
  int64_t max_rows = 0;

 private:
  struct Slot {
    int32_t token = -1;
    RopePosition position = {0, 0, 0};
    uint64_t image_row = 0;
  };
  struct DraftSlot {
    uint64_t hidden = 0;
    int32_t next_token = -1;
  };
  Error Violation(std::string what);
  Status CheckRows(const StepSequence& s, size_t n_rows_of_batch);
  int32_t Propose(uint64_t hidden) const;

  const FakeRunnerOptions options_;
  RunnerInfo info_;
  std::vector<Slot> slots_;  // [n_blocks * 16]
  std::vector<DraftSlot> draft_slots_;
  std::vector<uint64_t> hidden_;  // of the rows of the last step
  std::vector<RopePosition> positions_;
  Matrix logits_;
};

// A text prompt of n tokens that depends on `seed`.
std::vector<int32_t> FakePrompt(uint64_t seed, int64_t n);
// Puts a picture with content `seed` of grid_h x grid_w patches at token `at` of a request that has
// no positions yet, and sets the positions as spec section 10 does.
void AddFakeImage(Request& request, uint64_t seed, int32_t grid_h, int32_t grid_w);
// Appends text to a request with pictures.
void AddFakeText(Request& request, uint64_t seed, int64_t n);

}  // namespace glmocr
