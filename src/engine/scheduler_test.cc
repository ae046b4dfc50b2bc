// The scheduler alone: what it plans, without any model. `Run` plays a step by moving counts.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <memory>

#include "engine/fake_runner.h"

namespace glmocr {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  void Make(const SchedulerOptions& options, int64_t n_blocks) {
    pool_ = std::make_unique<BlockPool>(n_blocks);
    prefixes_ = std::make_unique<PrefixCache>(*pool_, PrefixCaching::kOn);
    scheduler_ = std::make_unique<Scheduler>(options, *pool_, *prefixes_, encoded_);
  }
  Sequence* Add(int64_t n_prompt, int32_t priority = 0, uint64_t content = 0) {
    Request request{.prompt_ids = FakePrompt(content == 0 ? 1000 + next_id_ : content, n_prompt),
                    .priority = priority};
    return AddRequest(std::move(request));
  }
  Sequence* AddRequest(Request request) {
    sequences_.push_back(std::make_unique<Sequence>(next_id_++, std::move(request), 0.0));
    sequences_.back()->max_tokens = 1 << 20;
    scheduler_->Add(sequences_.back().get());
    return sequences_.back().get();
  }
  // Schedules and commits one token for each sequence that samples; `n_drafts` proposals each, all
  // rejected.
  StepPlan Run(int64_t n_drafts = 0) {
    StepPlan plan = scheduler_->Schedule(n_drafts);
    for (const ScheduledImage& image : plan.images) {
      image.sequence->embeddings[static_cast<size_t>(image.image)] = std::make_shared<Matrix>(1, 1);
    }
    for (const ScheduledSequence& item : plan.sequences) {
      Sequence& s = *item.sequence;
      EXPECT_GE(s.capacity_tokens(), item.start + item.n_rows);
      EXPECT_EQ(item.start, s.n_computed);
      s.n_computed += item.n_rows - item.n_drafts;
      if (item.samples()) {
        s.tokens.push_back(9);
        s.drafts.assign(static_cast<size_t>(n_drafts), 9);
      }
      scheduler_->OfferBlocks(&s);
    }
    return plan;
  }
  static int64_t RowsOf(const StepPlan& plan, const Sequence* s) {
    for (const ScheduledSequence& item : plan.sequences) {
      if (item.sequence == s) return item.n_rows;
    }
    return 0;
  }

  std::unique_ptr<BlockPool> pool_;
  std::unique_ptr<PrefixCache> prefixes_;
  EncoderCache encoded_{1 << 20};
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
  RequestId next_id_ = 1;
};

TEST_F(SchedulerTest, PromptsAreCutToTheTokenBudget) {
  Make({.max_running = 4, .max_step_tokens = 100}, 100);
  Sequence* a = Add(250);
  Sequence* b = Add(30);
  StepPlan plan = Run();
  EXPECT_EQ(RowsOf(plan, a), 100);
  EXPECT_EQ(RowsOf(plan, b), 0);
  Run();
  plan = Run();
  EXPECT_EQ(RowsOf(plan, a), 50);
  EXPECT_EQ(RowsOf(plan, b), 30);
  EXPECT_EQ(a->n_generated(), 1);
  plan = Run();
  EXPECT_EQ(RowsOf(plan, a), 1);
  EXPECT_EQ(RowsOf(plan, b), 1);
}

TEST_F(SchedulerTest, DecodeComesBeforePrefill) {
  Make({.max_running = 4, .max_step_tokens = 32}, 100);
  Sequence* a = Add(10);
  Run();
  Sequence* b = Add(300);
  const StepPlan plan = Run();
  EXPECT_EQ(plan.sequences[0].sequence, a);
  EXPECT_EQ(RowsOf(plan, a), 1);
  EXPECT_EQ(RowsOf(plan, b), 31);
}

TEST_F(SchedulerTest, HigherPriorityFirstThenFirstCome) {
  Make({.max_running = 2, .max_step_tokens = 1000}, 100);
  Sequence* a = Add(10);
  Sequence* b = Add(10);
  Sequence* c = Add(10, 1);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{c, a}));
  EXPECT_EQ(scheduler_->waiting(), (std::vector<Sequence*>{b}));
  // A newcomer of higher priority takes the place of the last in the order.
  Sequence* d = Add(10, 2);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{d, c}));
  EXPECT_EQ(scheduler_->waiting(), (std::vector<Sequence*>{a, b}));
  EXPECT_EQ(scheduler_->n_preemptions(), 1);
}

// Higher priority fills what is free, takes what is above the reserve, and gives the reserve back
// as places fall free.
TEST_F(SchedulerTest, ReservedPlacesKeepTheLowestGoing) {
  Make({.max_running = 4, .reserved_for_lowest = 1, .max_step_tokens = 1000}, 100);
  std::vector<Sequence*> low, high;
  for (int i = 0; i < 4; ++i) low.push_back(Add(10));
  Run();
  EXPECT_EQ(scheduler_->running(), low);
  for (int i = 0; i < 6; ++i) high.push_back(Add(10, 1));
  for (int i = 0; i < 5; ++i) Run();  // a newcomer a step
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{high[0], high[1], high[2], low[0]}));
  EXPECT_EQ(scheduler_->n_preemptions(), 3);
  // In turn with equals: who comes later takes no place.
  for (int i = 0; i < 3; ++i) {
    high.push_back(Add(10, 1));
    Run();
  }
  EXPECT_EQ(scheduler_->n_preemptions(), 3);
  scheduler_->Remove(low[0]);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{high[0], high[1], high[2], low[1]}));
  scheduler_->Remove(high[1]);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{high[0], high[2], high[3], low[1]}));
  // Nobody of the lowest waits: all places are the others'.
  for (const int i : {1, 2, 3}) scheduler_->Remove(low[i]);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{high[0], high[2], high[3], high[4]}));
  // One that comes now waits for a place to fall free, not for all the others.
  Sequence* late = Add(10);
  Run();
  EXPECT_EQ(scheduler_->waiting().back(), late);
  scheduler_->Remove(high[0]);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{high[2], high[3], high[4], late}));
  EXPECT_EQ(scheduler_->n_preemptions(), 3);
}

TEST_F(SchedulerTest, NoPreemptionThatCannotHelp) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 10);
  Sequence* high = Add(100, 5);  // 7 blocks
  Sequence* low = Add(10, 0);
  Run();
  EXPECT_EQ(scheduler_->running().size(), 2u);
  Sequence* middle = Add(64, 3);  // 4 blocks: not even with those of `low`
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{high, low}));
  EXPECT_EQ(scheduler_->waiting(), (std::vector<Sequence*>{middle}));
}

TEST_F(SchedulerTest, LargeRequestsAreNotOvertaken) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 10);
  Sequence* a = Add(90);
  Run();
  Sequence* large = Add(120);
  Sequence* small = Add(5);
  Run();
  EXPECT_EQ(scheduler_->waiting(), (std::vector<Sequence*>{large, small}));
  scheduler_->Remove(a);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{large, small}));
}

TEST_F(SchedulerTest, PreemptsTheLastWhenBlocksRunOut) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 6);
  Sequence* a = Add(30);
  Sequence* b = Add(30);
  Run();
  EXPECT_EQ(scheduler_->running().size(), 2u);
  const int64_t tokens_of_b = 30;
  for (int i = 0; i < 60; ++i) {
    const StepPlan plan = Run();
    EXPECT_EQ(RowsOf(plan, a), 1) << i;  // the first in the order never stops
  }
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{a}));
  EXPECT_EQ(b->n_computed, 0);
  EXPECT_TRUE(b->block_table.empty());
  EXPECT_GT(b->n_tokens(), tokens_of_b);  // what it has generated stays
  EXPECT_EQ(b->usage.preemptions, 1);     // and it is not thrown out again and again
  scheduler_->Remove(a);
  Run();
  EXPECT_EQ(scheduler_->running(), (std::vector<Sequence*>{b}));
}

TEST_F(SchedulerTest, DraftRowsAndLookahead) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 6);
  Sequence* a = Add(12);
  Run(3);
  StepPlan plan = Run(3);
  EXPECT_EQ(RowsOf(plan, a), 4);
  EXPECT_EQ(plan.sequences[0].n_drafts, 3);
  EXPECT_EQ(a->block_table.size(), 2u);  // 12 + 4 rows, 3 ahead
  // The limit of the request holds for drafts, too.
  a->max_tokens = a->n_tokens() + 2;
  plan = Run(3);
  EXPECT_EQ(plan.sequences[0].n_drafts, 1);
}

TEST_F(SchedulerTest, DraftsLeaveHalfOfTheRowsToPrompts) {
  Make({.max_running = 2, .max_step_tokens = 16}, 100);
  Sequence* a = Add(10);
  Run(15);
  Sequence* b = Add(100);
  const StepPlan plan = Run(15);
  EXPECT_EQ(RowsOf(plan, a), 1 + 8);
  EXPECT_EQ(RowsOf(plan, b), 16 - 9);
}

TEST_F(SchedulerTest, LastChunkOfAPromptSetsLookaheadAside) {
  Make({.max_running = 2, .max_step_tokens = 16}, 4);
  Sequence* s = Add(32);
  Run(3);
  EXPECT_EQ(s->block_table.size(), 2u);  // of the prompt alone: more of it follows
  Run(3);
  EXPECT_EQ(s->block_table.size(), 3u);
}

TEST_F(SchedulerTest, DraftsNeverPreempt) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 4);
  Sequence* a = Add(15);
  Sequence* b = Add(30);
  Run(3);
  EXPECT_EQ(scheduler_->running().size(), 2u);  // a's drafts did not keep b waiting ...
  EXPECT_EQ(pool_->n_available(), 0);           // ... and then got the block that was left
  const StepPlan plan = Run(3);
  EXPECT_EQ(scheduler_->n_preemptions(), 0);
  EXPECT_EQ(RowsOf(plan, a) + RowsOf(plan, b),
            4 + 2);  // a took the last block; b's drafts fit only as far as its own
}

TEST_F(SchedulerTest, SharedPrefixIsNotComputedAgainButTheLastTokenIs) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 20);
  Add(64, 0, 42);
  Run();
  Sequence* again = Add(64, 0, 42);
  const StepPlan plan = Run();
  EXPECT_EQ(RowsOf(plan, again), 16);
  EXPECT_EQ(again->usage.cached_prompt_tokens, 48);
  EXPECT_EQ(pool_->references(again->block_table[0]), 2);
  EXPECT_EQ(pool_->references(again->block_table[3]), 1);
}

// A newcomer that takes the last block would be thrown out again by the next token of those that
// run.
TEST_F(SchedulerTest, ANewcomerLeavesABlockForEachThatRuns) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 10);
  Add(60);
  Run();
  Sequence* large = Add(90);  // six blocks, and six are free
  EXPECT_EQ(RowsOf(Run(), large), 0);
  scheduler_->Remove(large);
  Sequence* smaller = Add(80);
  EXPECT_EQ(RowsOf(Run(), smaller), 80);
}

TEST_F(SchedulerTest, TheBeginningOfAPromptIsForgottenLast) {
  Make({.max_running = 4, .max_step_tokens = 1000}, 8);
  Sequence* first = Add(64, 0, 42);
  Run();
  scheduler_->Remove(first);
  Sequence* other = Add(80);  // the four blocks that are free, and one of those that are kept
  Run();
  scheduler_->Remove(other);
  Sequence* again = Add(64, 0, 42);
  EXPECT_EQ(RowsOf(Run(), again), 16);
}

TEST_F(SchedulerTest, PicturesAreEncodedBeforeTheirTokens) {
  Make({.max_running = 4, .max_step_tokens = 1000, .max_encode_patches = 64}, 40);
  Request request;
  AddFakeText(request, 1, 5);
  AddFakeImage(request, 1, 8, 8);  // 64 patches, 16 tokens: 5 .. 20
  AddFakeText(request, 2, 5);
  AddFakeImage(request, 2, 8, 8);  // 26 .. 41
  AddFakeText(request, 3, 5);
  Sequence* a = AddRequest(std::move(request));
  StepPlan plan = Run();
  EXPECT_EQ(plan.images.size(), 1u);
  // Up to the token before the last one before the second picture: the draft layer needs the
  // embedding of the token after a row.
  EXPECT_EQ(RowsOf(plan, a), 25);
  plan = Run();
  EXPECT_EQ(plan.images.size(), 1u);
  EXPECT_EQ(RowsOf(plan, a), a->n_prompt - 25);
}

TEST_F(SchedulerTest, OnePictureMayExceedTheEncoderBudget) {
  Make({.max_running = 4, .max_step_tokens = 1000, .max_encode_patches = 4}, 40);
  Request request;
  AddFakeImage(request, 1, 8, 8);
  AddFakeText(request, 3, 5);
  Sequence* a = AddRequest(std::move(request));
  const StepPlan plan = Run();
  EXPECT_EQ(plan.images.size(), 1u);
  EXPECT_EQ(RowsOf(plan, a), a->n_prompt);
}

TEST_F(SchedulerTest, SamePictureTwiceCostsOnce) {
  Make({.max_running = 4, .max_step_tokens = 1000, .max_encode_patches = 64}, 40);
  std::vector<Sequence*> both;
  for (uint64_t i = 0; i < 2; ++i) {
    Request request;
    AddFakeText(request, i, 3);
    AddFakeImage(request, 1, 8, 8);
    AddFakeText(request, i, 5);
    both.push_back(AddRequest(std::move(request)));
  }
  const StepPlan plan = Run();
  EXPECT_GT(RowsOf(plan, both[0]), 0);
  EXPECT_GT(RowsOf(plan, both[1]), 0);
}

}  // namespace
}  // namespace glmocr
