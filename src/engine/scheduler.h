// Decides what runs in the next step: which sequences, how many rows of each, which pictures are
// encoded first, and who holds which cache block. It sees counts, block numbers and content hashes,
// never a tensor or a logit, and is tested alone.
//
// Order: higher priority first, then first come first served (request ids grow). One step is
//   1. priority   a waiting request of strictly higher priority takes the place of running ones
//   when that is what it lacks, and those keep the places that are reserved for them
//   2. decode     every running sequence with one token to go gets 1 row, plus its drafts
//   3. prefill    running sequences still in their prompt get chunks of what is left of the token
//   budget
//   4. admission  waiting requests, in order, while places, budget and blocks for their whole
//   prompt last; no overtaking but to reserved places, so that large requests do not starve
// Preemption: when a decoding sequence needs a block and none is left, the last sequence in the
// order gives all its blocks back and waits again; its tokens stay, its cache is recomputed. The
// first sequence in the order can take everybody's blocks and Submit admits only what fits in the
// pool alone, so each step makes progress for it: no livelock. Blocks that are only kept for the
// prefix cache count as available.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/block_pool.h"
#include "engine/encoder_cache.h"
#include "engine/prefix_cache.h"
#include "engine/sequence.h"

namespace glmocr {

struct SchedulerOptions {
  int64_t max_running = 8;
  // Places of these that sequences of higher priority leave to those of the lowest that waits, so
  // that these go on however much of the others comes; 0: they may wait for ever.
  int64_t reserved_for_lowest = 0;
  int64_t max_step_tokens =
      512;  // rows of one step; at least 4 * max_running is used, so that drafts and prefill fit
  int64_t max_encode_patches =
      16384;  // of pictures encoded before one step; one picture always may
};

struct ScheduledSequence {
  Sequence* sequence = nullptr;
  int64_t start = 0;     // first sequence index
  int64_t n_rows = 0;    // drafts included
  int64_t n_drafts = 0;  // the last n_drafts rows are sequence->drafts[0 .. n_drafts - 1]

  // The rows reach the newest token, so the step yields the next one.
  bool samples() const { return start + n_rows - n_drafts == sequence->n_tokens(); }
};

struct ScheduledImage {
  Sequence* sequence = nullptr;
  int64_t image = 0;  // index into its pictures
};

struct StepPlan {
  std::vector<ScheduledImage> images;
  std::vector<ScheduledSequence> sequences;
};

class Scheduler {
 public:
  Scheduler(const SchedulerOptions& options, BlockPool& pool, PrefixCache& prefixes,
            EncoderCache& encoded);

  void Add(Sequence* sequence);
  // Takes a sequence out, wherever it is, and gives its blocks back.
  void Remove(Sequence* sequence);
  // `n_lookahead` more slots are set aside behind each sequence's rows where blocks are free
  // (chained drafts write there).
  StepPlan Schedule(int64_t n_lookahead);
  // Offers the sequence's newly full blocks to the prefix cache; call when n_computed has grown.
  void OfferBlocks(Sequence* sequence);

  bool idle() const { return waiting_.empty() && running_.empty(); }
  const std::vector<Sequence*>& waiting() const { return waiting_; }
  const std::vector<Sequence*>& running() const { return running_; }
  int64_t n_preemptions() const { return n_preemptions_; }

 private:
  struct Budget {
    int64_t rows = 0;
    int64_t patches = 0;
  };
  void MakeRoomForPriority();
  void ScheduleDecode(int64_t n_lookahead, Budget& budget, StepPlan& plan);
  void SchedulePrefill(Sequence* sequence, Budget& budget, StepPlan& plan);
  Sequence* NextToAdmit() const;
  int64_t RunningAbove(int32_t priority) const;
  bool Admit(Sequence* sequence);
  int64_t BlocksToAdmit(Sequence* sequence) const;
  bool ReachEncodedEnd(Sequence* sequence, int64_t start, int64_t& end, Budget& budget,
                       StepPlan& plan);
  bool EnsureBlocks(Sequence* sequence, int64_t n_tokens);
  void ReleaseBlocks(Sequence* sequence);
  void Preempt(Sequence* sequence);

  const SchedulerOptions options_;
  BlockPool& pool_;
  PrefixCache& prefixes_;
  EncoderCache& encoded_;
  std::vector<Sequence*> waiting_;  // both in order
  std::vector<Sequence*> running_;
  int64_t n_preemptions_ = 0;
};

}  // namespace glmocr
