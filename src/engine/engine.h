// The engine: many requests share one model. Submit queues a request from any thread; one thread at
// a time steps the engine, owns all state behind it, and calls the requests' callbacks.
//
//   GLM_ASSIGN(std::unique_ptr<Engine> engine, Engine::Create(runner, {.token_bytes = ...}));
//   GLM_ASSIGN(RequestId id, engine->Submit(std::move(request)));
//   engine->RunUntilIdle();       // in a command-line program; or
//   engine->Start(); ... engine->Stop(StopMode::kDrain);   // in a server
//
// README.md states the contract: who owns what, what always holds, what one step does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/block_pool.h"
#include "engine/encoder_cache.h"
#include "engine/prefix_cache.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/speculator.h"
#include "engine/stats.h"
#include "engine/step_builder.h"
#include "models/model_runner.h"

namespace glmocr {

struct EngineOptions {
  SchedulerOptions scheduler;
  int64_t max_waiting = 1024;  // submitted but not yet started; more are refused
  PrefixCaching prefix_caching = PrefixCaching::kOn;
  size_t encoder_cache_bytes = size_t{256} << 20;
  SpeculatorOptions drafts;  // kOff is used when the model has no draft layer
  // The bytes of a token, empty for special tokens that the text shall not show; views stay valid
  // as long as the engine. Without it events carry no bytes, stop strings are refused and the loop
  // guard sees tokens only.
  std::function<std::string_view(int32_t)> token_bytes;
  std::function<double()>
      clock_s;  // monotonic seconds; default: steady_clock (tests bring their own)
};

enum class StopMode {
  kDrain,   // finish everything submitted
  kCancel,  // end everything now, with kCancelled
};

class Engine {
 public:
  // `runner` outlives the engine. kInvalidArgument when the model has no cache blocks.
  static Result<std::unique_ptr<Engine>> Create(ModelRunner& runner, EngineOptions options);
  ~Engine();  // Stop(kCancel); every request has had its on_done by then
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Any thread. kInvalidArgument: malformed; kResourceExhausted: the prompt can never fit;
  // kUnavailable: the queue is full; kCancelled: the engine is stopping or was stopped. Nothing is
  // called back for a refused request.
  Result<RequestId> Submit(Request request);
  // Any thread. The request ends with kCancelled soon; unknown and finished ids are ignored.
  void Cancel(RequestId id);

  // Steps on the calling thread until no request is left. Not while Start is in effect.
  void RunUntilIdle();
  // One step on the calling thread; false when there was nothing to do. Not while Start is in
  // effect.
  bool Step();

  // Steps on a thread of the engine until Stop, which waits for it. Not from a callback. Once
  // stopped it takes no request until the next Start.
  void Start();
  void Stop(StopMode mode);

  EngineStats stats() const;

 private:
  Engine(ModelRunner& runner, EngineOptions options);
  Status Validate(const Request& request) const;
  void Serve();
  void TakeInbox();
  void EndIdleTime();
  void ExpireDeadlines();
  void CancelAll();
  void Publish();

  void Encode(StepPlan& plan);
  void FailImage(StepPlan& plan, const Hash128& hash, const Error& error);
  void RunSequences(std::span<const ScheduledSequence> items);
  bool Commit(const ScheduledSequence& item, MutMatrix logits);
  bool CommitToken(Sequence& s, SampledToken token);
  Status Emit(Sequence& s, int64_t n_tokens);
  Status EmitFront(Sequence& s, size_t n_bytes);
  void Draft(std::vector<DraftItem> items, DecodeSample& sample);
  void Finish(Sequence& s, FinishReason reason, std::optional<Error> error = std::nullopt);

  ModelRunner& runner_;
  const EngineOptions options_;
  const int64_t max_tokens_;  // of one sequence: context and pool

  // State of the stepping thread.
  BlockPool pool_;
  PrefixCache prefixes_;
  EncoderCache encoded_;
  Scheduler scheduler_;
  Speculator speculator_;
  std::unordered_map<RequestId, std::unique_ptr<Sequence>> sequences_;
  SamplerScratch scratch_;
  StepBatch step_;
  DraftBatch draft_;
  EngineStats stats_;
  std::optional<double> first_request_s_, idle_since_s_;  // on the clock; of span_s and starved_s

  // Shared with Submit, Cancel, Start and Stop.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Sequence>> inbox_;
  std::vector<RequestId> cancelled_;
  int64_t n_unstarted_ = 0;
  int64_t n_submitted_ = 0;
  RequestId next_id_ = 1;
  enum class State { kOpen, kDraining, kCancelling, kStopped } state_ = State::kOpen;
  EngineStats published_;
  std::thread thread_;
};

}  // namespace glmocr
