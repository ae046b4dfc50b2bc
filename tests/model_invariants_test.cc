// Properties of the whole model that hold whatever the weights: how work is batched must not change
// a result.
//
// On the golden models, bit for bit on one machine (the kernels promise it, kernels/kernels.h): two
// pictures encode as each alone, a prompt fed in pieces gives the logits of one prefill, and
// sequences of different rope_delta in one batch do not disturb each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "golden_model.h"

namespace glmocr {
namespace {

std::vector<float> RowOf(const StepLogits& logits, int64_t row) {
  return {logits.logits.row(row), logits.logits.row(row) + logits.logits.cols};
}

// One sequence of a golden's prompt, with cache blocks of its own.
struct Sequence {
  const ProcessedPrompt* prompt;
  std::vector<ImageEmbedding> embeddings;
  std::vector<int32_t> blocks;

  int64_t n() const { return static_cast<int64_t>(prompt->ids.size()); }
};

Sequence MakeSequence(GoldenModel& golden, const ProcessedPrompt& prompt, int32_t first_block) {
  Sequence sequence{&prompt, golden.runner->Encode(prompt.images).value(), {}};
  sequence.blocks.resize(static_cast<size_t>(sequence.n() / 16 + 1));
  std::iota(sequence.blocks.begin(), sequence.blocks.end(), first_block);
  return sequence;
}

// Appends rows [begin, end) of a sequence to a step; asks for the logits of its last row.
void AddRows(const Sequence& s, int64_t begin, int64_t end, StepBatch* batch) {
  const auto at = static_cast<int64_t>(batch->tokens.size());
  batch->tokens.insert(batch->tokens.end(), s.prompt->ids.begin() + begin,
                       s.prompt->ids.begin() + end);
  const auto& positions = s.prompt->positions.positions;
  batch->positions.insert(batch->positions.end(), positions.begin() + begin,
                          positions.begin() + end);
  batch->sequences.push_back({at, end - begin, begin, s.blocks});
  for (size_t i = 0; i < s.embeddings.size(); ++i) {
    const ImageInput& image = s.prompt->images[i];
    const int64_t from = std::max(begin, image.first_token),
                  to = std::min(end, image.first_token + image.n_tokens);
    if (from < to)
      batch->image_rows.push_back(
          {at + from - begin, to - from, s.embeddings[i], from - image.first_token});
  }
  batch->logit_rows.push_back(at + end - begin - 1);
}

class ModelInvariants : public ::testing::TestWithParam<std::string> {
 protected:
  GoldenModel Load(const std::string& name) {
    const ComputeChoice compute = GetParam() == "f32" ? ComputeChoice::kF32 : ComputeChoice::kBF16;
    return LoadGolden(name, {.n_threads = 2, .compute = compute});
  }
};

TEST_P(ModelInvariants, PicturesEncodeTogetherAsAlone) {
  GoldenModel golden = Load("three_images");
  const auto together = golden.runner->Encode(golden.prompt.images).value();
  ASSERT_EQ(together.size(), 3u);
  for (size_t i = 0; i < together.size(); ++i) {
    const auto alone = golden.runner->Encode(std::span(golden.prompt.images).subspan(i, 1)).value();
    ASSERT_EQ(alone[0]->rows(), together[i]->rows());
    const int64_t count = alone[0]->rows() * alone[0]->cols();
    EXPECT_TRUE(std::equal(alone[0]->data(), alone[0]->data() + count, together[i]->data()))
        << "picture " << i;
  }
}

TEST_P(ModelInvariants, PromptInPiecesEqualsOnePrefill) {
  GoldenModel golden = Load("two_images");
  const Sequence whole = MakeSequence(golden, golden.prompt, 0);
  StepBatch one;
  AddRows(whole, 0, whole.n(), &one);
  const std::vector<float> want = RowOf(golden.runner->Step(one).value(), 0);
  for (const int64_t piece : {1, 7, 16}) {  // through pictures, off and on the block size
    const Sequence pieces = MakeSequence(golden, golden.prompt, 8);
    std::vector<float> got;
    for (int64_t begin = 0; begin < pieces.n(); begin += piece) {
      StepBatch step;
      AddRows(pieces, begin, std::min(pieces.n(), begin + piece), &step);
      got = RowOf(golden.runner->Step(step).value(), 0);
    }
    EXPECT_EQ(got, want) << "pieces of " << piece;
  }
}

// Bug M6 in the whole model: 150 decoded tokens after two pictures, then the same tokens as one
// prefill. Each decode step places its token at sequence index + rope_delta and reads the cache of
// all before it; a drift of either shows in some step's logits.
TEST_P(ModelInvariants, LongOutputEqualsOnePrefill) {
  GoldenModel golden = Load("two_images");
  Sequence decoded = MakeSequence(golden, golden.prompt, 0);
  constexpr int64_t kNewTokens = 150;
  decoded.blocks.resize(16);
  std::iota(decoded.blocks.begin(), decoded.blocks.end(), 0);
  ASSERT_LE(decoded.n() + kNewTokens, 16 * 16);
  StepBatch step;
  AddRows(decoded, 0, decoded.n(), &step);
  ProcessedPrompt longer = golden.prompt;
  std::vector<std::vector<float>> wanted;
  for (int64_t i = 0; i < kNewTokens; ++i) {
    wanted.push_back(RowOf(golden.runner->Step(step).value(), 0));
    const auto best =
        std::max_element(wanted.back().begin(), wanted.back().end()) - wanted.back().begin();
    const auto index = static_cast<int64_t>(longer.ids.size());
    const auto position = static_cast<int32_t>(index + golden.prompt.positions.rope_delta);
    longer.ids.push_back(static_cast<int32_t>(best));
    longer.positions.positions.push_back({position, position, position});
    step = {.tokens = {longer.ids.back()},
            .positions = {longer.positions.positions.back()},
            .sequences = {{0, 1, index, decoded.blocks}},
            .logit_rows = {0}};
  }
  Sequence whole = MakeSequence(golden, longer, 16);
  StepBatch one;
  AddRows(whole, 0, whole.n(), &one);
  one.logit_rows.clear();
  for (int64_t i = 0; i < kNewTokens; ++i) one.logit_rows.push_back(decoded.n() - 1 + i);
  const StepLogits got = golden.runner->Step(one).value();
  for (int64_t i = 0; i < kNewTokens; ++i)
    ASSERT_EQ(RowOf(got, i), wanted[static_cast<size_t>(i)]) << "token " << i;
}

TEST_P(ModelInvariants, SequencesOfDifferentRopeDeltaShareABatch) {
  GoldenModel golden = Load("two_images");
  // A text prompt for the same model: the picture prompt's words without its pictures.
  ProcessedPrompt text;
  for (const int32_t id : golden.prompt.ids) {
    if (id != golden.runner->info().image_token_id) text.ids.push_back(id);
  }
  text.positions =
      ComputePromptPositions(text.ids, golden.runner->info().image_token_id, {}, 2).value();
  ASSERT_EQ(text.positions.rope_delta, 0);
  ASSERT_LT(golden.prompt.positions.rope_delta, 0);

  const Sequence a = MakeSequence(golden, golden.prompt, 0), b = MakeSequence(golden, text, 8);
  const auto alone = [&](const Sequence& s) {
    StepBatch step;
    AddRows(s, 0, s.n(), &step);
    return RowOf(golden.runner->Step(step).value(), 0);
  };
  const std::vector<float> want_a = alone(a), want_b = alone(b);
  StepBatch both;
  AddRows(a, 0, a.n(), &both);
  AddRows(b, 0, b.n(), &both);
  const StepLogits logits = golden.runner->Step(both).value();
  EXPECT_EQ(RowOf(logits, 0), want_a);
  EXPECT_EQ(RowOf(logits, 1), want_b);
}

INSTANTIATE_TEST_SUITE_P(Computes, ModelInvariants, ::testing::Values("f32", "bf16"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace glmocr
