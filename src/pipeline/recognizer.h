// A loaded model that reads crops: processor (pictures -> prompts) and engine (prompts -> tokens)
// behind one Submit.
//
// Submit may be called from any thread while the engine runs on its own; crops of one page, and
// pages of one job, share every step of the engine, so that the weights are read from memory once
// for all of them.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "document/page.h"
#include "engine/engine.h"
#include "models/glm_ocr/processor.h"
#include "models/glm_ocr/runner.h"
#include "pipeline/in_flight.h"

namespace glmocr {

// Of RecognizerOptions::max_batch.
inline constexpr int64_t kMaxBatch = 1024;
// The crops of a document hardly ever repeat; a long one must not fill memory with them.
inline constexpr size_t kDocumentsEncoderCacheBytes = size_t{4} << 20;

struct RecognizerOptions {
  RunnerOptions runner;
  // Crops decoded together. A quarter of them is kept for the lowest priority that waits.
  int64_t max_batch = 16;
  SpeculatorOptions drafts;  // speculative decoding, when the model has a draft layer
  // Embeddings of crops that may come again: the same picture in several requests.
  size_t encoder_cache_bytes = size_t{256} << 20;
};

// How the answer is generated, whatever the crop.
struct GenerationOptions {
  SamplingParams sampling;  // greedy by default
  int64_t max_new_tokens = 8192;
  std::vector<std::string> stop_strings;
  int32_t priority = 0;  // of crops, as Request::priority; a PromptRequest has its own
};

struct CropReading {
  std::string text;
  std::vector<ReadToken> tokens;
  double log_probability = 0;  // sum over tokens
  FinishReason finish = FinishReason::kStop;
  std::optional<Error> error;  // with FinishReason::kError
  Usage usage;
  RequestTiming timing;
};

// A prompt of any shape, for callers that want every token as it comes.
struct PromptRequest {
  ProcessedPrompt prompt;
  GenerationOptions generation;
  int32_t priority = 0;  // as Request::priority
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::unique_ptr<TokenMask> token_mask;
  // Both on the engine's thread; they should return soon.
  std::function<Status(const TokenEvent&)> on_token;
  std::function<void(const Outcome&)> on_done;
};

class Recognizer {
 public:
  static Result<std::unique_ptr<Recognizer>> Load(const std::filesystem::path& model_dir,
                                                  const RecognizerOptions& options);
  ~Recognizer();  // cancels what is still running

  // Queues one prompt of pictures and an instruction. `done` is called once, on the engine's
  // thread; `on_text` (may be empty) with each piece of text as it appears, whole characters only.
  // An error means that nothing was queued.
  using Done = std::function<void(CropReading)>;
  using OnText = std::function<void(std::string_view)>;
  Result<RequestId> Submit(std::vector<ImageInput> images, std::string_view instruction,
                           const GenerationOptions& generation, Done done, OnText on_text = {});
  // Errors as Engine::Submit: nothing is called back then.
  Result<RequestId> Submit(PromptRequest request);
  void Cancel(RequestId id) { engine_->Cancel(id); }
  // Ends everything that is queued or running; their `done` reports kCancelled.
  void CancelAll();

  const GlmOcrProcessor& processor() const { return processor_; }
  const GlmOcrRunner& runner() const { return *runner_; }
  EngineStats stats() const { return engine_->stats(); }
  const std::shared_ptr<InFlight>& in_flight() const { return in_flight_; }
  // Equal for recognisers that read the same: the model's files, kernels and precision.
  const std::string& fingerprint() const { return fingerprint_; }
  // Whether pictures are best given line by line: the model cannot see a quarter of a 100-dpi page
  // at once.
  bool reads_lines() const;

 private:
  Recognizer(std::unique_ptr<GlmOcrRunner> runner, GlmOcrProcessor processor)
      : runner_(std::move(runner)), processor_(std::move(processor)) {}

  std::unique_ptr<GlmOcrRunner> runner_;
  GlmOcrProcessor processor_;
  std::string fingerprint_;
  std::shared_ptr<InFlight> in_flight_ = std::make_shared<InFlight>();
  std::unique_ptr<Engine> engine_;  // last: stops before what it uses goes away
};

}  // namespace glmocr
