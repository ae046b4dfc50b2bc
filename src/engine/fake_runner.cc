#include "engine/fake_runner.h"

#include <algorithm>
#include <set>
#include <utility>

namespace glmocr {
namespace {

constexpr int64_t kBlock = 16;

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

int32_t ArgmaxOf(const std::vector<float>& logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

RopePosition NextTextPosition(const RopePosition& p) {
  const int32_t next = std::max({p[0], p[1], p[2]}) + 1;
  return {next, next, next};
}

void Extend(Request& request, const RopePosition& position) {
  request.positions.push_back(position);
  int32_t max = 0;
  for (const int32_t p : position) max = std::max(max, p);
  for (const RopePosition& p : request.positions) max = std::max({max, p[0], p[1], p[2]});
  request.rope_delta = max + 1 - static_cast<int32_t>(request.positions.size());
}

}  // namespace

FakeRunner::FakeRunner(const FakeRunnerOptions& options) : options_(options) {
  info_ = RunnerInfo{.architecture = "fake",
                     .vocab_size = options.vocab_size,
                     .max_context_tokens = options.max_context_tokens,
                     .eos_token_ids = options.eos_token_ids,
                     .image_token_id = kImageToken,
                     .has_draft_layer = options.has_draft_layer,
                     .n_blocks = options.n_blocks};
  slots_.resize(static_cast<size_t>(options.n_blocks * kBlock));
  draft_slots_.resize(slots_.size());
}

Error FakeRunner::Violation(std::string what) {
  violations.push_back(what);
  return Error{ErrorCode::kInternal, std::move(what)};
}

uint64_t FakeRunner::Chain(uint64_t previous, int32_t token, const RopePosition& p,
                           uint64_t image_row) {
  uint64_t h = Mix(previous + 0x9e3779b97f4a7c15ull * static_cast<uint64_t>(token + 1));
  for (const int32_t axis : p)
    h = Mix(h + static_cast<uint64_t>(static_cast<uint32_t>(axis)) + 0x632be59bd9b4e019ull);
  return Mix(h ^ image_row);
}

// Kept to 22 bits, so that a float carries it exactly; never 0, which means text.
uint64_t FakeRunner::ImageRow(const Hash128& image, int64_t row) {
  return (Mix(image.low ^ Mix(image.high + static_cast<uint64_t>(row))) & 0x3fffff) + 1;
}

void FakeRunner::Logits(uint64_t hidden, float* out) const {
  for (int64_t v = 0; v < options_.vocab_size; ++v) {
    const uint64_t bits = Mix(hidden + 0x9e3779b97f4a7c15ull * static_cast<uint64_t>(v + 1));
    out[v] = static_cast<float>(bits % static_cast<uint64_t>(options_.logit_levels)) /
                 static_cast<float>(options_.logit_levels) * 8 -
             4;
  }
}

uint64_t FakeRunner::HiddenAfter(const Request& request, const std::vector<int32_t>& output) {
  uint64_t h = 0;
  const auto n_prompt = static_cast<int64_t>(request.prompt_ids.size());
  for (int64_t i = 0; i < n_prompt + static_cast<int64_t>(output.size()); ++i) {
    const auto text = static_cast<int32_t>(i + request.rope_delta);
    const RopePosition position = i < n_prompt && !request.positions.empty()
                                      ? request.positions[static_cast<size_t>(i)]
                                      : RopePosition{text, text, text};
    uint64_t image_row = 0;
    for (const ImageInput& image : request.images) {
      if (i >= image.first_token && i < image.first_token + image.n_tokens)
        image_row = ImageRow(image.hash, i - image.first_token);
    }
    h = Chain(h,
              i < n_prompt ? request.prompt_ids[static_cast<size_t>(i)]
                           : output[static_cast<size_t>(i - n_prompt)],
              position, image_row);
  }
  return h;
}

std::vector<int32_t> FakeRunner::Reference(const Request& request, int64_t n) const {
  std::vector<int32_t> output;
  std::vector<float> logits(static_cast<size_t>(options_.vocab_size));
  while (static_cast<int64_t>(output.size()) < n) {
    Logits(HiddenAfter(request, output), logits.data());
    output.push_back(ArgmaxOf(logits));
    const auto& eos = options_.eos_token_ids;
    if (std::find(eos.begin(), eos.end(), output.back()) != eos.end()) break;
  }
  return output;
}

Result<std::vector<ImageEmbedding>> FakeRunner::Encode(std::span<const ImageInput> images) {
  std::vector<ImageEmbedding> out;
  for (const ImageInput& image : images) {
    if (on_encode) GLM_RETURN_IF_ERROR(on_encode(image));
    if (image.patches == nullptr) return Violation("a picture without patches is encoded");
  }
  for (const ImageInput& image : images) {
    auto embedding = std::make_shared<Matrix>(image.n_tokens, 1);
    for (int64_t r = 0; r < image.n_tokens; ++r)
      embedding->row(r)[0] = static_cast<float>(ImageRow(image.hash, r));
    out.push_back(std::move(embedding));
    ++n_encoded;
  }
  return out;
}

Status FakeRunner::CheckRows(const StepSequence& s, size_t n_rows_of_batch) {
  if (s.n_rows < 1 || s.start < 0 || s.row_begin < 0 ||
      static_cast<size_t>(s.row_begin + s.n_rows) > n_rows_of_batch) {
    return Violation("rows outside the batch");
  }
  if (s.start + s.n_rows > static_cast<int64_t>(s.block_table.size()) * kBlock)
    return Violation("slots outside the block table");
  if (s.start + s.n_rows > options_.max_context_tokens) return Violation("context exceeded");
  const std::set<int32_t> distinct(s.block_table.begin(), s.block_table.end());
  if (distinct.size() != s.block_table.size()) return Violation("a block stands twice in a table");
  if (*distinct.begin() < 0 || *distinct.rbegin() >= options_.n_blocks)
    return Violation("no such block");
  return OkStatus();
}

Result<StepLogits> FakeRunner::Step(const StepBatch& batch) {
  ++n_steps;
  max_rows = std::max(max_rows, static_cast<int64_t>(batch.tokens.size()));
  if (on_step) GLM_RETURN_IF_ERROR(on_step(batch));
  const size_t n_rows = batch.tokens.size();
  if (batch.positions.size() != n_rows) return Violation("as many positions as tokens");
  std::vector<uint64_t> image_row(n_rows, 0);
  for (const EmbeddingRows& rows : batch.image_rows) {
    if (rows.source_begin < 0 || rows.source_begin + rows.n_rows > rows.source->rows())
      return Violation("no such picture row");
    for (int64_t r = 0; r < rows.n_rows; ++r) {
      if (batch.tokens[static_cast<size_t>(rows.row_begin + r)] != kImageToken)
        return Violation("picture row on a text token");
      image_row[static_cast<size_t>(rows.row_begin + r)] =
          static_cast<uint64_t>(rows.source->row(rows.source_begin + r)[0]);
    }
  }
  std::set<int32_t> written;
  int64_t row = 0;
  for (const StepSequence& s : batch.sequences) {
    GLM_RETURN_IF_ERROR(CheckRows(s, n_rows));
    if (s.row_begin != row) return Violation("sequences cover the rows in order");
    row += s.n_rows;
    for (int64_t b = s.start / kBlock; b <= (s.start + s.n_rows - 1) / kBlock; ++b) {
      if (!written.insert(s.block_table[static_cast<size_t>(b)]).second)
        return Violation("two sequences write one block");
    }
    for (int64_t i = 0; i < s.n_rows; ++i) {
      const int64_t token = s.start + i;
      const auto r = static_cast<size_t>(s.row_begin + i);
      const int64_t slot =
          s.block_table[static_cast<size_t>(token / kBlock)] * kBlock + token % kBlock;
      slots_[static_cast<size_t>(slot)] = {batch.tokens[r], batch.positions[r], image_row[r]};
    }
  }
  if (static_cast<size_t>(row) != n_rows) return Violation("rows without a sequence");
  hidden_.assign(n_rows, 0);
  positions_ = batch.positions;
  for (const StepSequence& s : batch.sequences) {
    uint64_t h = 0;
    for (int64_t token = 0; token < s.start + s.n_rows; ++token) {
      const Slot& slot = slots_[static_cast<size_t>(
          s.block_table[static_cast<size_t>(token / kBlock)] * kBlock + token % kBlock)];
      h = Chain(h, slot.token, slot.position, slot.image_row);
      if (token >= s.start) hidden_[static_cast<size_t>(s.row_begin + token - s.start)] = h;
    }
  }
  logits_.Resize(std::max<int64_t>(1, static_cast<int64_t>(batch.logit_rows.size())),
                 options_.vocab_size);
  for (size_t i = 0; i < batch.logit_rows.size(); ++i) {
    Logits(hidden_[static_cast<size_t>(batch.logit_rows[i])], logits_.row(static_cast<int64_t>(i)));
  }
  if (on_logits) on_logits(batch, logits_.view());
  return StepLogits{logits_.view().Rows(0, static_cast<int64_t>(batch.logit_rows.size()))};
}

// The model's own argmax after `hidden`, or, for some histories, another token.
int32_t FakeRunner::Propose(uint64_t hidden) const {
  std::vector<float> logits(static_cast<size_t>(options_.vocab_size));
  Logits(hidden, logits.data());
  const int32_t right = ArgmaxOf(logits);
  const bool knows = Mix(hidden ^ 0x5851f42d4c957f2dull) % 100 <
                     static_cast<uint64_t>(options_.draft_accuracy_percent);
  return knows ? right : static_cast<int32_t>((right + 1) % options_.vocab_size);
}

Result<DraftOutput> FakeRunner::Draft(const DraftBatch& batch) {
  ++n_draft_calls;
  if (on_draft) GLM_RETURN_IF_ERROR(on_draft(batch));
  const size_t n_rows = batch.tokens.size();
  std::vector<uint64_t> image_row(n_rows, 0);
  for (const EmbeddingRows& rows : batch.image_rows) {
    for (int64_t r = 0; r < rows.n_rows; ++r) {
      if (batch.tokens[static_cast<size_t>(rows.row_begin + r)] != kImageToken)
        return Violation("draft: picture row on a text token");
      image_row[static_cast<size_t>(rows.row_begin + r)] =
          static_cast<uint64_t>(rows.source->row(rows.source_begin + r)[0]);
    }
  }
  DraftOutput out;
  for (const DraftSequence& s : batch.sequences) {
    GLM_RETURN_IF_ERROR(CheckRows(s.rows, n_rows));
    if (s.hidden_begin < 0 || static_cast<size_t>(s.hidden_begin + s.rows.n_rows) > hidden_.size())
      return Violation("no such hidden state");
    const auto slot_of = [&](int64_t p) -> size_t {
      return static_cast<size_t>(s.rows.block_table[static_cast<size_t>(p / kBlock)] * kBlock +
                                 p % kBlock);
    };
    uint64_t h = 0;
    RopePosition position{};
    for (int64_t i = 0; i < s.rows.n_rows; ++i) {
      const auto r = static_cast<size_t>(s.rows.row_begin + i);
      const auto step_row = static_cast<size_t>(s.hidden_begin + i);
      if (batch.positions[r] != positions_[step_row])
        return Violation("draft: hidden state of another position");
      draft_slots_[slot_of(s.rows.start + i)] = {hidden_[step_row], batch.tokens[r]};
      position = NextTextPosition(batch.positions[r]);
      h = Chain(hidden_[step_row], batch.tokens[r], position, image_row[r]);
    }
    // The true slots behind: each must belong to the history that the target's cache holds.
    uint64_t history = 0;
    for (int64_t p = 0; p < s.rows.start; ++p) {
      const Slot& slot = slots_[slot_of(p)];
      history = Chain(history, slot.token, slot.position, slot.image_row);
      const DraftSlot& draft = draft_slots_[slot_of(p)];
      if (draft.hidden != history || draft.next_token != slots_[slot_of(p + 1)].token)
        ++incomplete_draft_reads;
    }
    if (s.n_drafts > 0 && s.rows.start + s.rows.n_rows + s.n_drafts - 1 >
                              static_cast<int64_t>(s.rows.block_table.size()) * kBlock) {
      return Violation("draft: chain outside the block table");
    }
    std::vector<int32_t>& drafts = out.drafts.emplace_back();
    for (int32_t j = 0; j < s.n_drafts; ++j) {
      drafts.push_back(Propose(h));
      position = NextTextPosition(position);
      h = Chain(h, drafts.back(), position, 0);
      if (j + 1 < s.n_drafts)
        draft_slots_[slot_of(s.rows.start + s.rows.n_rows + j)] = {
            0, -1};  // recycled: not a true slot
    }
  }
  return out;
}

std::vector<int32_t> FakePrompt(uint64_t seed, int64_t n) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i)
    ids.push_back(static_cast<int32_t>(10 + Mix(seed * 1000003 + static_cast<uint64_t>(i)) % 80));
  return ids;
}

void AddFakeText(Request& request, uint64_t seed, int64_t n) {
  for (const int32_t id : FakePrompt(seed, n)) {
    const auto size = static_cast<int32_t>(request.prompt_ids.size());
    request.prompt_ids.push_back(id);
    const int32_t p = size + request.rope_delta;
    Extend(request, {p, p, p});
  }
}

void AddFakeImage(Request& request, uint64_t seed, int32_t grid_h, int32_t grid_w) {
  const auto first = static_cast<int32_t>(request.prompt_ids.size());
  const int32_t p = first + request.rope_delta;
  ImageInput image{
      .patches = std::make_shared<Matrix>(1, 1), .grid = {1, grid_h, grid_w}, .first_token = first};
  image.n_tokens = int64_t{grid_h / 2} * (grid_w / 2);
  const std::array<uint64_t, 3> content = {seed, static_cast<uint64_t>(grid_h),
                                           static_cast<uint64_t>(grid_w)};
  image.hash = HashBytes(content.data(), sizeof(content));
  request.images.push_back(image);
  for (int32_t y = 0; y < grid_h / 2; ++y) {
    for (int32_t x = 0; x < grid_w / 2; ++x) {
      request.prompt_ids.push_back(FakeRunner::kImageToken);
      Extend(request, {p, p + y, p + x});
    }
  }
}

}  // namespace glmocr
