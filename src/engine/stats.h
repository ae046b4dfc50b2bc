// Counters of an engine. Engine::stats() returns a consistent copy of the state after the last
// step, from any thread.
#pragma once

#include <array>
#include <cstdint>

#include "engine/speculator.h"

namespace glmocr {

struct EngineStats {
  // Requests
  int64_t submitted = 0, finished = 0, failed = 0;  // failed: of the finished, with kError
  int64_t running = 0, waiting = 0;                 // now
  int64_t preemptions = 0;
  // Work
  int64_t steps = 0;
  int64_t prefill_tokens = 0;  // rows of prompts (and of recomputed output)
  int64_t decode_rows = 0;     // rows of verification steps, drafts included
  int64_t generated_tokens = 0;
  int64_t cached_prompt_tokens = 0;
  int64_t encoded_images = 0, encoder_cache_hits = 0;
  double step_s = 0, draft_s = 0, encode_s = 0;  // time inside the runner
  // From the first request's arrival to the last step so far, and of it the time in which no
  // request was queued or running: whoever submits was too slow. Before the first request and after
  // the last there is nobody to wait for.
  double span_s = 0, starved_s = 0;
  // Cache
  int64_t blocks_total = 0, blocks_available = 0,
          blocks_kept = 0;  // kept: available, content known to the prefix cache
  // Drafts
  int64_t drafted_tokens = 0, accepted_tokens = 0;
  int64_t draft_errors = 0;  // failed passes of the draft layer, and steps repeated without drafts
                             // because they failed with them
  std::array<int64_t, kMaxDrafts> drafted_at{},
      accepted_at{};         // by depth; accepted_at[j] counts only drafts whose predecessors stood
  int64_t verify_steps = 0;  // sequence steps with at least one draft
  std::array<int64_t, kMaxDrafts + 1>
      steps_with{};      // sequence steps that decode, by their number of drafts
  int32_t n_drafts = 0;  // drafted per step now; 0: off
  DraftsOff drafts_off = DraftsOff::kNotTried;  // why, for the present batch size
  int64_t draft_switches = 0;                   // times that this number changed for good

  // Share of the drafts at a depth that stood, of those whose predecessors did; 0 when there were
  // none.
  double acceptance_at(size_t depth) const {
    return drafted_at[depth] == 0
               ? 0
               : static_cast<double>(accepted_at[depth]) / static_cast<double>(drafted_at[depth]);
  }
  double acceptance() const {
    return drafted_tokens == 0
               ? 0
               : static_cast<double>(accepted_tokens) / static_cast<double>(drafted_tokens);
  }
};

}  // namespace glmocr
