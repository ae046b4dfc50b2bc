#include "pipeline/recognizer.h"

#include <cmath>
#include <new>

#include "base/file.h"
#include "engine/loop_guard.h"
#include "tokenizer/stream_decoder.h"

namespace glmocr {
namespace {

// One request's growing answer; lives in its callbacks.
struct Reading {
  CropReading result;
  Utf8Repairer repairer;
  std::vector<size_t> text_ends;  // length of result.text after each token
};

}  // namespace

Result<std::unique_ptr<Recognizer>> Recognizer::Load(const std::filesystem::path& model_dir,
                                                     const RecognizerOptions& options) {
  GLM_ASSIGN(auto runner, GlmOcrRunner::Load(model_dir, options.runner));
  GLM_ASSIGN(GlmOcrProcessor processor, GlmOcrProcessor::Load(model_dir, runner->model().config()));
  std::unique_ptr<Recognizer> recognizer(new Recognizer(std::move(runner), std::move(processor)));
  const Context& context = recognizer->runner_->context();
  recognizer->fingerprint_ = FolderState(model_dir) + ' ' + context.kernels->name + ' ' +
                             std::to_string(static_cast<int>(context.compute)) + ' ' +
                             std::to_string(options.runner.cache_tokens);  // it bounds an answer
  EngineOptions engine_options;
  engine_options.scheduler.max_running = options.max_batch;
  engine_options.scheduler.reserved_for_lowest = options.max_batch / 4;
  engine_options.drafts = options.drafts;
  engine_options.encoder_cache_bytes = options.encoder_cache_bytes;
  const Tokenizer* tokenizer = &recognizer->processor_.tokenizer();
  engine_options.token_bytes = [tokenizer](int32_t id) {
    return tokenizer->IsSpecial(id) ? std::string_view() : tokenizer->TokenBytes(id);
  };
  GLM_ASSIGN(recognizer->engine_, Engine::Create(*recognizer->runner_, std::move(engine_options)));
  recognizer->engine_->Start();
  return recognizer;
}

Recognizer::~Recognizer() {
  if (engine_) engine_->Stop(StopMode::kCancel);
}

void Recognizer::CancelAll() { engine_->Stop(StopMode::kCancel); }

bool Recognizer::reads_lines() const {
  constexpr int64_t kQuarterPagePixels = 850 * 1100 / 4;
  return processor_.max_image_pixels() < kQuarterPagePixels;
}

Result<RequestId> Recognizer::Submit(std::vector<ImageInput> images, std::string_view instruction,
                                     const GenerationOptions& generation, Done done,
                                     OnText on_text) {
  PromptRequest request;
  GLM_ASSIGN(request.prompt, processor_.Process(std::move(images), instruction));
  request.generation = generation;
  request.generation.sampling.n_top_logprobs = 0;
  request.priority = generation.priority;

  auto reading = std::make_shared<Reading>();
  request.on_token = [reading, on_text = std::move(on_text)](const TokenEvent& event) {
    CropReading& r = reading->result;
    std::string text;
    reading->repairer.Push(event.bytes, &text);
    r.text += text;
    reading->text_ends.push_back(r.text.size());
    r.tokens.push_back({event.id, std::string(event.bytes), std::exp(event.logprob)});
    r.log_probability += event.logprob;
    if (on_text && !text.empty()) on_text(text);
    return OkStatus();
  };
  request.on_done = [reading, done = std::move(done)](const Outcome& outcome) {
    CropReading& r = reading->result;
    r.finish = outcome.reason;
    r.usage = outcome.usage;
    r.timing = outcome.timing;
    try {
      reading->repairer.Flush(&r.text);
      r.error = outcome.error;
    } catch (const std::bad_alloc&) {  // whoever waits for `done` must get it
      r.finish = FinishReason::kError;
      r.error = Error{ErrorCode::kOutOfMemory, "out of memory"};
    }
    const size_t kept = TokensToKeep(outcome, r.tokens.size());
    if (kept < r.tokens.size()) {
      r.tokens.resize(kept);
      r.text.resize(reading->text_ends[kept - 1]);
    }
    done(std::move(r));
  };
  return Submit(std::move(request));
}

Result<RequestId> Recognizer::Submit(PromptRequest prompt) {
  Request request;
  request.prompt_ids = std::move(prompt.prompt.ids);
  request.positions = std::move(prompt.prompt.positions.positions);
  request.rope_delta = prompt.prompt.positions.rope_delta;
  request.images = std::move(prompt.prompt.images);
  request.sampling = std::move(prompt.generation.sampling);
  request.max_new_tokens = prompt.generation.max_new_tokens;
  request.stop_strings = std::move(prompt.generation.stop_strings);
  request.deadline = prompt.deadline;
  request.priority = prompt.priority;
  request.token_mask = std::move(prompt.token_mask);
  request.on_token = std::move(prompt.on_token);
  request.on_done = std::move(prompt.on_done);
  return engine_->Submit(std::move(request));
}

}  // namespace glmocr
