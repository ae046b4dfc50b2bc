#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace glmocr {
namespace {

constexpr int64_t kBlock = Sequence::kBlockTokens;

int64_t BlocksFor(int64_t n_tokens) { return (n_tokens + kBlock - 1) / kBlock; }

bool Before(const Sequence* a, const Sequence* b) {
  if (a->request.priority != b->request.priority) return a->request.priority > b->request.priority;
  return a->id < b->id;
}

void InsertInOrder(std::vector<Sequence*>& list, Sequence* sequence) {
  list.insert(std::upper_bound(list.begin(), list.end(), sequence, Before), sequence);
}

SchedulerOptions Adjusted(SchedulerOptions options) {
  options.max_running = std::max<int64_t>(options.max_running, 1);
  options.reserved_for_lowest =
      std::clamp<int64_t>(options.reserved_for_lowest, 0, options.max_running - 1);
  options.max_step_tokens = std::max(options.max_step_tokens, 4 * options.max_running);
  return options;
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, BlockPool& pool, PrefixCache& prefixes,
                     EncoderCache& encoded)
    : options_(Adjusted(options)), pool_(pool), prefixes_(prefixes), encoded_(encoded) {}

void Scheduler::Add(Sequence* sequence) { InsertInOrder(waiting_, sequence); }

void Scheduler::Remove(Sequence* sequence) {
  std::erase(waiting_, sequence);
  std::erase(running_, sequence);
  ReleaseBlocks(sequence);
}

StepPlan Scheduler::Schedule(int64_t n_lookahead) {
  StepPlan plan;
  Budget budget{options_.max_step_tokens, options_.max_encode_patches};
  MakeRoomForPriority();
  ScheduleDecode(n_lookahead, budget, plan);
  const std::vector<Sequence*> running = running_;
  for (Sequence* s : running) {
    if (!s->decoding()) SchedulePrefill(s, budget, plan);
  }
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < options_.max_running &&
         budget.rows > 0) {
    Sequence* s = NextToAdmit();
    if (!Admit(s)) break;
    SchedulePrefill(s, budget, plan);
  }
  // The last chunk of a prompt is followed by the first drafts, for which a prompt that ends on a
  // block's border has no slots yet. After the admissions, so that nobody waits for the sake of
  // someone's drafts.
  for (const ScheduledSequence& item : plan.sequences) {
    if (item.samples())
      EnsureBlocks(item.sequence,
                   std::min(item.start + item.n_rows + n_lookahead, item.sequence->max_tokens));
  }
  GLM_CHECK(idle() || !plan.sequences.empty());
  return plan;
}

int64_t Scheduler::RunningAbove(int32_t priority) const {
  return std::count_if(running_.begin(), running_.end(),
                       [&](const Sequence* s) { return s->request.priority > priority; });
}

// The first in the order, or of the lowest priority when those above it have their share.
Sequence* Scheduler::NextToAdmit() const {
  const int32_t lowest = waiting_.back()->request.priority;
  if (RunningAbove(lowest) < options_.max_running - options_.reserved_for_lowest)
    return waiting_.front();
  return *std::find_if(waiting_.begin(), waiting_.end(),
                       [&](const Sequence* s) { return s->request.priority == lowest; });
}

void Scheduler::MakeRoomForPriority() {
  while (!waiting_.empty() && !running_.empty()) {
    const Sequence* next = waiting_.front();
    Sequence* last = running_.back();
    if (last->request.priority >= next->request.priority) return;
    if (RunningAbove(last->request.priority) >= options_.max_running - options_.reserved_for_lowest)
      return;
    const bool has_place = static_cast<int64_t>(running_.size()) < options_.max_running;
    const int64_t needed = BlocksFor(next->n_tokens());
    if (has_place && pool_.n_available() >= needed + static_cast<int64_t>(running_.size())) return;
    // Only when the lower-priority sequences can really make the room. Shared blocks do not count:
    // someone else may hold on to them.
    int64_t reachable = pool_.n_available();
    int64_t remaining = 0;
    for (const Sequence* s : running_) {
      if (s->request.priority >= next->request.priority) {
        ++remaining;
        continue;
      }
      for (const int32_t block : s->block_table) reachable += pool_.references(block) == 1 ? 1 : 0;
    }
    if (reachable < needed + remaining || remaining >= options_.max_running) return;
    Preempt(last);
  }
}

void Scheduler::ScheduleDecode(int64_t n_lookahead, Budget& budget, StepPlan& plan) {
  // First the rows that must be there, so that nobody is preempted for the sake of someone's
  // drafts.
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence* s = running_[i];
    if (!s->decoding()) continue;
    while (!EnsureBlocks(s, s->n_computed + 1)) {
      Sequence* victim = running_.back();
      Preempt(victim);
      if (victim == s) break;
    }
  }
  int64_t draft_rows = budget.rows / 2;  // the other half stays for prefill
  for (Sequence* s : running_) {
    if (!s->decoding()) continue;
    int64_t n_drafts = std::min(
        {static_cast<int64_t>(s->drafts.size()), s->max_tokens - s->n_tokens() - 1, draft_rows});
    n_drafts = std::max<int64_t>(n_drafts, 0);
    EnsureBlocks(s, std::min(s->n_computed + 1 + n_drafts + n_lookahead, s->max_tokens));
    n_drafts = std::min(n_drafts, s->capacity_tokens() - s->n_computed - 1);
    draft_rows -= n_drafts;
    budget.rows -= 1 + n_drafts;
    plan.sequences.push_back({s, s->n_computed, 1 + n_drafts, n_drafts});
  }
}

void Scheduler::SchedulePrefill(Sequence* sequence, Budget& budget, StepPlan& plan) {
  const int64_t start = sequence->n_computed;
  int64_t end = std::min(sequence->n_tokens(), start + budget.rows);
  if (end <= start || !ReachEncodedEnd(sequence, start, end, budget, plan)) return;
  budget.rows -= end - start;
  plan.sequences.push_back({sequence, start, end - start, 0});
}

// Shortens `end` to what encoded pictures allow, planning the encoding of those that the budget
// admits. Token `end` counts as well: the draft layer pairs the hidden state of a row with the
// embedding of the token after it.
bool Scheduler::ReachEncodedEnd(Sequence* s, int64_t start, int64_t& end, Budget& budget,
                                StepPlan& plan) {
  for (size_t i = 0; i < s->request.images.size(); ++i) {
    ImageInput& image = s->request.images[i];
    if (image.first_token > end) break;
    if (image.first_token + image.n_tokens <= start || s->embeddings[i] != nullptr) continue;
    s->embeddings[i] = encoded_.Find(image.hash);
    if (s->embeddings[i] != nullptr) {
      image.patches
          .reset();  // the sequence keeps the embedding, a third of the size, until it ends
      continue;
    }
    const bool planned =
        std::any_of(plan.images.begin(), plan.images.end(), [&](const ScheduledImage& other) {
          return other.sequence->request.images[static_cast<size_t>(other.image)].hash ==
                 image.hash;
        });
    const int64_t patches = int64_t{image.grid[0]} * image.grid[1] * image.grid[2];
    if (!planned && patches > budget.patches && budget.patches < options_.max_encode_patches) {
      end = image.first_token - 1;
      break;
    }
    if (!planned) budget.patches -= patches;
    plan.images.push_back({s, static_cast<int64_t>(i)});
  }
  return end > start;
}

int64_t Scheduler::BlocksToAdmit(Sequence* sequence) const {
  // One block to spare per running sequence, so that the next few tokens do not throw the newcomer
  // out again.
  return BlocksFor(sequence->n_tokens()) + static_cast<int64_t>(running_.size());
}

bool Scheduler::Admit(Sequence* sequence) {
  // The last token is always computed: its logits are what the first step is for.
  const int64_t n_reusable = (sequence->n_tokens() - 1) / kBlock;
  sequence->block_table = prefixes_.Acquire(sequence->BlockKeys(n_reusable));
  const auto n_shared = static_cast<int64_t>(sequence->block_table.size());
  if (pool_.n_available() < BlocksToAdmit(sequence) - n_shared) {
    ReleaseBlocks(sequence);
    return false;
  }
  sequence->n_computed = n_shared * kBlock;
  sequence->n_cached_blocks = n_shared;
  if (!sequence->was_scheduled) sequence->usage.cached_prompt_tokens = sequence->n_computed;
  GLM_CHECK(EnsureBlocks(sequence, sequence->n_tokens()));
  std::erase(waiting_, sequence);
  InsertInOrder(running_, sequence);
  return true;
}

bool Scheduler::EnsureBlocks(Sequence* sequence, int64_t n_tokens) {
  while (sequence->capacity_tokens() < n_tokens) {
    const std::optional<int32_t> block = pool_.Allocate();
    if (!block.has_value()) return false;
    sequence->block_table.push_back(*block);
  }
  return true;
}

void Scheduler::ReleaseBlocks(Sequence* sequence) {
  // Last block first: the beginning of a prompt is what another request most likely shares, so it
  // shall be evicted last.
  for (auto it = sequence->block_table.rbegin(); it != sequence->block_table.rend(); ++it)
    pool_.Unref(*it);
  sequence->block_table.clear();
  sequence->n_computed = 0;
  sequence->n_cached_blocks = 0;
}

void Scheduler::Preempt(Sequence* sequence) {
  ReleaseBlocks(sequence);
  sequence->drafts.clear();
  sequence->draft_cache_begun = false;  // recomputed from the start
  sequence->draft_cache_complete = true;
  ++sequence->usage.preemptions;
  ++n_preemptions_;
  std::erase(running_, sequence);
  InsertInOrder(waiting_, sequence);
}

void Scheduler::OfferBlocks(Sequence* sequence) {
  const int64_t n_full = std::min(sequence->n_computed, sequence->n_tokens()) / kBlock;
  if (n_full <= sequence->n_cached_blocks) return;
  const std::span<const Hash128> keys = sequence->BlockKeys(n_full);
  for (int64_t b = sequence->n_cached_blocks; b < n_full; ++b) {
    prefixes_.Insert(keys[static_cast<size_t>(b)], sequence->block_table[static_cast<size_t>(b)]);
  }
  sequence->n_cached_blocks = n_full;
}

}  // namespace glmocr
