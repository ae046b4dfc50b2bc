#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/thread_name.h"

namespace glmocr {
namespace {

// What a call of the runner returns, or that memory ran out in it: scratch memory grows with the
// work of one step.
template <typename Fn>
auto Guarded(Fn&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory,
                 "out of memory (use smaller pictures, a smaller --batch or --cache-tokens, or "
                 "free memory)"};
  }
}

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

EngineOptions WithDefaults(EngineOptions options, const RunnerInfo& info) {
  if (!options.clock_s) options.clock_s = SteadySeconds;
  if (!info.has_draft_layer || options.drafts.max_drafts <= 0)
    options.drafts.mode = DraftMode::kOff;
  options.drafts.max_drafts = std::clamp(options.drafts.max_drafts, 0, kMaxDrafts);
  return options;
}

bool IsPrefill(const ScheduledSequence& item) {
  return item.n_rows - item.n_drafts > 1 || item.sequence->n_generated() == 0;
}

// What a step tells about the price of decoding; no sequences when prefill rows are mixed in.
DecodeSample DecodeSampleOf(std::span<const ScheduledSequence> items) {
  DecodeSample sample{.n_sequences = static_cast<int64_t>(items.size()),
                      .n_verified = static_cast<int32_t>(items[0].n_drafts)};
  for (const ScheduledSequence& item : items) {
    if (IsPrefill(item)) return {};
    if (item.n_drafts != items[0].n_drafts) sample.n_verified = -1;
  }
  return sample;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Create(ModelRunner& runner, EngineOptions options) {
  const RunnerInfo& info = runner.info();
  if (info.n_blocks < 1 || info.max_context_tokens < 2 || info.vocab_size < 1) {
    return Error{
        ErrorCode::kInvalidArgument,
        "the model was loaded without room for a single token; give the cache more memory"};
  }
  return std::unique_ptr<Engine>(new Engine(runner, WithDefaults(std::move(options), info)));
}

Engine::Engine(ModelRunner& runner, EngineOptions options)
    : runner_(runner),
      options_(std::move(options)),
      max_tokens_(std::min(runner.info().max_context_tokens,
                           runner.info().n_blocks * Sequence::kBlockTokens)),
      pool_(runner.info().n_blocks),
      prefixes_(pool_, options_.prefix_caching),
      encoded_(options_.encoder_cache_bytes),
      scheduler_(options_.scheduler, pool_, prefixes_, encoded_),
      speculator_(options_.drafts) {
  Publish();
}

Engine::~Engine() { Stop(StopMode::kCancel); }

Result<RequestId> Engine::Submit(Request request) {
  GLM_RETURN_IF_ERROR(Validate(request));
  // Built outside the lock: hashing a long prompt's ids takes a while.
  auto sequence = std::make_unique<Sequence>(RequestId{0}, std::move(request), options_.clock_s());
  sequence->max_tokens =
      std::min(max_tokens_, sequence->n_prompt + sequence->request.max_new_tokens);
  RequestId id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOpen)
      return Error{ErrorCode::kCancelled, "the engine has stopped or is stopping; it takes no more requests"};
    if (n_unstarted_ >= options_.max_waiting) {
      return Error{ErrorCode::kUnavailable, "the queue is full (" +
                                                std::to_string(options_.max_waiting) +
                                                " requests are waiting); try again later"};
    }
    ++n_unstarted_;
    ++n_submitted_;
    id = next_id_++;
    sequence->id = id;
    inbox_.push_back(std::move(sequence));
  }
  wake_.notify_one();
  return id;
}

void Engine::Cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
  }
  wake_.notify_one();
}

void Engine::RunUntilIdle() {
  while (Step()) {
  }
}

void Engine::Start() {
  GLM_CHECK(!thread_.joinable());
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kOpen;
  }
  thread_ = std::thread([this] {
    NameThread("engine");
    Serve();
  });
}

void Engine::Stop(StopMode mode) {
  {
    const std::lock_guard lock(mutex_);
    state_ = mode == StopMode::kDrain ? State::kDraining : State::kCancelling;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
    thread_ = {};
  } else {
    RunUntilIdle();
  }
  const std::lock_guard lock(mutex_);
  state_ = State::kStopped;
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = published_;
  stats.submitted = n_submitted_;
  stats.waiting += static_cast<int64_t>(inbox_.size());
  return stats;
}

// The engine's own thread.
void Engine::Serve() {
  while (true) {
    if (Step()) continue;
    std::unique_lock lock(mutex_);
    wake_.wait(lock,
               [this] { return !inbox_.empty() || !cancelled_.empty() || state_ != State::kOpen; });
    if (state_ != State::kOpen && inbox_.empty()) return;
  }
}

bool Engine::Step() {
  TakeInbox();
  ExpireDeadlines();
  if (scheduler_.idle()) {
    if (first_request_s_ && !idle_since_s_) idle_since_s_ = options_.clock_s();
    Publish();
    const std::lock_guard lock(mutex_);
    return !inbox_.empty();  // an on_done just called may have submitted more
  }
  StepPlan plan =
      scheduler_.Schedule(options_.drafts.mode == DraftMode::kOff ? 0 : options_.drafts.max_drafts);
  int64_t n_started = 0;
  for (const ScheduledSequence& item : plan.sequences) {
    if (item.sequence->was_scheduled) continue;
    item.sequence->was_scheduled = true;
    item.sequence->timing.queued_s = options_.clock_s() - item.sequence->submitted_s;
    stats_.cached_prompt_tokens += item.sequence->usage.cached_prompt_tokens;
    ++n_started;
  }
  if (n_started > 0) {
    const std::lock_guard lock(mutex_);
    n_unstarted_ -= n_started;
  }
  if (!plan.images.empty()) Encode(plan);
  if (!plan.sequences.empty()) RunSequences(plan.sequences);
  if (first_request_s_) stats_.span_s = options_.clock_s() - *first_request_s_;
  Publish();
  return true;
}

void Engine::TakeInbox() {
  std::vector<std::unique_ptr<Sequence>> arrived;
  std::vector<RequestId> cancelled;
  bool cancel_all = false;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(inbox_);
    cancelled.swap(cancelled_);
    cancel_all = state_ == State::kCancelling;
  }
  if (!arrived.empty()) EndIdleTime();
  for (std::unique_ptr<Sequence>& sequence : arrived) {
    scheduler_.Add(sequence.get());
    const RequestId id = sequence->id;
    sequences_.emplace(id, std::move(sequence));
  }
  for (const RequestId id : cancelled) {
    const auto found = sequences_.find(id);
    if (found != sequences_.end()) Finish(*found->second, FinishReason::kCancelled);
  }
  if (cancel_all) CancelAll();
}

void Engine::EndIdleTime() {
  const double now_s = options_.clock_s();
  if (!first_request_s_) first_request_s_ = now_s;
  if (idle_since_s_) stats_.starved_s += now_s - *idle_since_s_;
  idle_since_s_.reset();
}

void Engine::CancelAll() {
  while (!sequences_.empty()) Finish(*sequences_.begin()->second, FinishReason::kCancelled);
}

void Engine::ExpireDeadlines() {
  std::vector<Sequence*> late;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [id, s] : sequences_) {
    if (s->request.deadline.has_value() && now >= *s->request.deadline) late.push_back(s.get());
  }
  for (Sequence* s : late) Finish(*s, FinishReason::kDeadline);
}

void Engine::Publish() {
  stats_.running = static_cast<int64_t>(scheduler_.running().size());
  stats_.waiting = static_cast<int64_t>(scheduler_.waiting().size());
  stats_.preemptions = scheduler_.n_preemptions();
  stats_.blocks_total = pool_.n_blocks();
  stats_.blocks_available = pool_.n_available();
  stats_.blocks_kept = pool_.n_kept();
  stats_.n_drafts = speculator_.n_drafts(std::max<int64_t>(stats_.running, 1));
  stats_.draft_switches = speculator_.n_switches();
  stats_.drafts_off = speculator_.why_off(std::max<int64_t>(stats_.running, 1));
  const std::lock_guard lock(mutex_);
  published_ = stats_;
}

void Engine::Encode(StepPlan& plan) {
  std::vector<ImageInput> images;
  for (const ScheduledImage& item : plan.images) {
    const ImageInput& image = item.sequence->request.images[static_cast<size_t>(item.image)];
    const bool there = std::any_of(images.begin(), images.end(), [&](const ImageInput& other) {
      return other.hash == image.hash;
    });
    if (!there) images.push_back(image);
  }
  stats_.encoder_cache_hits += static_cast<int64_t>(plan.images.size() - images.size());
  const double begin_s = options_.clock_s();
  const auto adopt = [&](const Hash128& hash, const ImageEmbedding& embedding) {
    ++stats_.encoded_images;
    encoded_.Insert(hash, embedding);
    for (const ScheduledImage& item : plan.images) {
      ImageInput& image = item.sequence->request.images[static_cast<size_t>(item.image)];
      if (image.hash != hash) continue;
      item.sequence->embeddings[static_cast<size_t>(item.image)] = embedding;
      image.patches.reset();
    }
  };
  Result<std::vector<ImageEmbedding>> all = Guarded([&] { return runner_.Encode(images); });
  if (all.ok()) {
    GLM_CHECK(all->size() == images.size());
    for (size_t i = 0; i < images.size(); ++i) adopt(images[i].hash, (*all)[i]);
  } else if (images.size() == 1) {
    FailImage(plan, images[0].hash, all.error());
  } else {
    for (const ImageInput& image : images) {  // find the culprit
      Result<std::vector<ImageEmbedding>> one = Guarded([&] {
        return runner_.Encode({&image, 1});
      });
      if (one.ok()) {
        adopt(image.hash, (*one)[0]);
      } else {
        FailImage(plan, image.hash, one.error());
      }
    }
  }
  stats_.encode_s += options_.clock_s() - begin_s;
}

// Ends every sequence of the plan that needs the picture.
void Engine::FailImage(StepPlan& plan, const Hash128& hash, const Error& error) {
  std::vector<Sequence*> victims;
  for (const ScheduledImage& item : plan.images) {
    if (item.sequence->request.images[static_cast<size_t>(item.image)].hash == hash)
      victims.push_back(item.sequence);
  }
  std::sort(victims.begin(), victims.end());
  victims.erase(std::unique(victims.begin(), victims.end()), victims.end());
  for (Sequence* victim : victims) {
    std::erase_if(plan.images, [&](const ScheduledImage& item) { return item.sequence == victim; });
    std::erase_if(plan.sequences,
                  [&](const ScheduledSequence& item) { return item.sequence == victim; });
    Finish(*victim, FinishReason::kError, error.With("while encoding a picture"));
  }
}

void Engine::RunSequences(std::span<const ScheduledSequence> items) {
  BuildStep(items, step_);
  const double begin_s = options_.clock_s();
  Result<StepLogits> logits = Guarded([&] { return runner_.Step(step_); });
  const double step_s = options_.clock_s() - begin_s;
  stats_.step_s += step_s;
  ++stats_.steps;
  if (!logits.ok()) {
    // One of them is to blame; alone, the others still run.
    if (items.size() > 1) {
      for (const ScheduledSequence& item : items) RunSequences({&item, 1});
      return;
    }
    ScheduledSequence alone = items[0];
    if (alone.n_drafts == 0) {
      Finish(*alone.sequence, FinishReason::kError, logits.error());
      return;
    }
    // Drafts are guesses that the request never asked for: what they break is no fault of its own.
    // It goes on without.
    ++stats_.draft_errors;
    alone.n_rows -= alone.n_drafts;
    alone.n_drafts = 0;
    alone.sequence->drafts.clear();
    alone.sequence->draft_cache_complete = false;
    RunSequences({&alone, 1});
    return;
  }
  DecodeSample sample = DecodeSampleOf(items);
  const int64_t n_tokens_before = stats_.generated_tokens;
  std::vector<DraftItem> survivors;
  int64_t step_row = 0, logit_row = 0;
  for (const ScheduledSequence& item : items) {
    const int64_t n_logits = item.samples() ? 1 + item.n_drafts : 0;
    if (Commit(item, logits->logits.Rows(logit_row, n_logits))) {
      survivors.push_back(
          {item.sequence, item.start, item.sequence->n_computed - item.start, step_row, 0});
    }
    step_row += item.n_rows;
    logit_row += n_logits;
  }
  sample.step_s = step_s;
  sample.n_tokens = stats_.generated_tokens - n_tokens_before;
  Draft(std::move(survivors), sample);
  if (sample.n_sequences > 0) speculator_.OnDecodeStep(sample);
}

// Takes over what a step computed for one sequence; false when that ended it.
bool Engine::Commit(const ScheduledSequence& item, MutMatrix logits) {
  Sequence& s = *item.sequence;
  if (!item.samples()) {
    stats_.prefill_tokens += item.n_rows;
    s.n_computed = item.start + item.n_rows;
    scheduler_.OfferBlocks(&s);
    return true;
  }
  (IsPrefill(item) ? stats_.prefill_tokens : stats_.decode_rows) += item.n_rows;
  s.usage.drafted_tokens += item.n_drafts;
  stats_.drafted_tokens += item.n_drafts;
  stats_.verify_steps += item.n_drafts > 0 ? 1 : 0;
  if (!IsPrefill(item)) ++stats_.steps_with[static_cast<size_t>(item.n_drafts)];
  const std::vector<int32_t> drafts = std::exchange(s.drafts, {});
  s.n_computed = item.start + item.n_rows - item.n_drafts;
  int32_t accepted = 0;
  bool alive = true;
  for (int64_t row = 0; row == accepted && row <= item.n_drafts && alive; ++row) {
    Result<SampledToken> token =
        s.sampler.Sample({logits.row(row), static_cast<size_t>(logits.cols)}, s.n_generated(),
                         s.request.token_mask.get(), scratch_);
    if (!token.ok()) {
      Finish(s, FinishReason::kError, token.error());
      return false;
    }
    if (row < item.n_drafts) {
      const bool stands = token->id == drafts[static_cast<size_t>(row)];
      ++stats_.drafted_at[static_cast<size_t>(row)];
      if (stands) {
        ++accepted;
        ++s.n_computed;  // the draft's slot holds this very token
        ++s.usage.accepted_tokens;
        ++stats_.accepted_tokens;
        ++stats_.accepted_at[static_cast<size_t>(row)];
      }
    }
    alive = CommitToken(s, *std::move(token));
  }
  if (item.n_drafts > 0) speculator_.OnVerified(static_cast<int32_t>(item.n_drafts), accepted);
  if (alive) scheduler_.OfferBlocks(&s);
  return alive;
}

// Appends a final token; false when that ended the request.
bool Engine::CommitToken(Sequence& s, SampledToken token) {
  const int64_t index = s.n_generated();
  s.tokens.push_back(token.id);
  ++s.usage.completion_tokens;
  ++stats_.generated_tokens;
  if (index == 0) s.timing.first_token_s = options_.clock_s() - s.submitted_s;
  s.sampler.Accept(token.id);
  if (s.request.token_mask != nullptr) s.request.token_mask->Accept(token.id);

  const std::vector<int32_t>& stops = s.request.stop_token_ids.has_value()
                                          ? *s.request.stop_token_ids
                                          : runner_.info().eos_token_ids;
  if (!s.request.ignore_eos && std::find(stops.begin(), stops.end(), token.id) != stops.end()) {
    Finish(s, FinishReason::kStop);
    return false;
  }
  const std::string_view bytes =
      options_.token_bytes ? options_.token_bytes(token.id) : std::string_view();
  s.held.push_back({token.id, index, bytes, token.logprob, std::move(token.top_logprobs)});
  const StopChecker::Release release = s.stop_checker.Add(bytes);
  Status emitted = Emit(s, release.n_tokens);
  if (emitted.ok() && release.cut_bytes > 0) emitted = EmitFront(s, release.cut_bytes);
  if (!emitted.ok()) {
    s.held.clear();
    Finish(s, FinishReason::kError, emitted.error());
    return false;
  }
  if (release.matched != nullptr) {
    s.held.clear();
    s.matched_stop = *release.matched;
    Finish(s, FinishReason::kStopString);
    return false;
  }
  if (s.loop_guard.Add(token.id, bytes)) {
    Finish(s, FinishReason::kLoop);
    return false;
  }
  if (s.n_tokens() >= s.max_tokens) {
    Finish(s, FinishReason::kLength);
    return false;
  }
  return true;
}

Status Engine::Emit(Sequence& s, int64_t n_tokens) {
  for (int64_t i = 0; i < n_tokens; ++i)
    GLM_RETURN_IF_ERROR(EmitFront(s, s.held.front().bytes.size()));
  return OkStatus();
}

// Hands the oldest held token to the request, with its first `n_bytes` bytes.
Status Engine::EmitFront(Sequence& s, size_t n_bytes) {
  const HeldToken token = std::move(s.held.front());
  s.held.pop_front();
  if (!s.request.on_token) return OkStatus();
  const TokenEvent event{s.id,          token.id,
                         token.index,   token.bytes.substr(0, n_bytes),
                         token.logprob, token.top_logprobs};
  try {
    return s.request.on_token(event);
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, std::string("the token callback failed: ") + e.what()};
  } catch (...) {
    return Error{ErrorCode::kInternal, "the token callback failed"};
  }
}

// Fills the draft layer's cache behind the rows that stand and asks for the next proposals.
void Engine::Draft(std::vector<DraftItem> items, DecodeSample& sample) {
  for (const DraftItem& item : items) {
    Sequence& s = *item.sequence;
    if (!std::exchange(s.draft_cache_begun, true))
      s.draft_cache_complete = speculator_.begins_filled(s.max_tokens - s.n_tokens());
    if (!speculator_.keeps_filled()) s.draft_cache_complete = false;
  }
  const int64_t n_decoding = std::count_if(
      items.begin(), items.end(), [](const DraftItem& item) { return item.sequence->decoding(); });
  std::erase_if(items, [](const DraftItem& item) { return !item.sequence->draft_cache_complete; });
  if (items.empty()) return;
  const int32_t n_drafts = speculator_.n_drafts(n_decoding);
  sample.n_proposed = n_drafts;
  for (DraftItem& item : items) {
    const Sequence& s = *item.sequence;
    if (!s.decoding()) continue;
    // The chain writes slots n_tokens - 1 .. n_tokens + n_drafts - 3, and there is no use for
    // drafts past the last token.
    const int64_t n =
        std::min({static_cast<int64_t>(n_drafts), s.capacity_tokens() - s.n_tokens() + 2,
                  s.max_tokens - s.n_tokens() - 1});
    item.n_drafts = static_cast<int32_t>(std::max<int64_t>(n, 0));
    if (item.n_drafts != n_drafts) sample.n_proposed = -1;
  }
  if (static_cast<int64_t>(items.size()) != sample.n_sequences) sample.n_proposed = -1;
  BuildDraft(items, draft_);
  const double begin_s = options_.clock_s();
  Result<DraftOutput> out = Guarded([&] { return runner_.Draft(draft_); });
  sample.draft_s = options_.clock_s() - begin_s;
  stats_.draft_s += sample.draft_s;
  if (sample.n_sequences == 0) speculator_.OnFill(sample.draft_s);
  if (!out.ok()) ++stats_.draft_errors;
  for (size_t i = 0; i < items.size(); ++i) {
    Sequence& s = *items[i].sequence;
    if (out.ok()) {
      s.drafts = std::move(out->drafts[i]);
    } else {
      s.draft_cache_complete = false;  // drafts only save time: go on without
    }
  }
}

void Engine::Finish(Sequence& s, FinishReason reason, std::optional<Error> error) {
  if (reason != FinishReason::kStopString) {
    const Status emitted = Emit(s, static_cast<int64_t>(s.held.size()));
    if (!emitted.ok()) {
      s.held.clear();
      if (reason != FinishReason::kError) error = emitted.error();
      reason = FinishReason::kError;
    }
  }
  Outcome outcome{.request = s.id,
                  .reason = reason,
                  .error = std::move(error),
                  .usage = s.usage,
                  .timing = s.timing};
  outcome.timing.total_s = options_.clock_s() - s.submitted_s;
  if (reason == FinishReason::kStopString) outcome.stop_string = s.matched_stop;
  if (reason == FinishReason::kLoop)
    outcome.trailing_repeat_tokens = s.loop_guard.trailing_tokens();
  scheduler_.Remove(&s);
  ++stats_.finished;
  stats_.failed += reason == FinishReason::kError ? 1 : 0;
  const auto node = sequences_.extract(s.id);
  if (!s.was_scheduled) {
    const std::lock_guard lock(mutex_);
    --n_unstarted_;
  }
  if (!s.request.on_done) return;
  Publish();  // who learns of the end finds it counted
  try {
    s.request.on_done(outcome);
  } catch (...) {  // nobody is left to tell
  }
}

}  // namespace glmocr
