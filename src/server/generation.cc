#include "server/generation.h"

#include <algorithm>
#include <chrono>

#include "engine/loop_guard.h"
#include "server/page_answer.h"

namespace glmocr::server {
namespace {

// The state of a task; kept alive by its requests' callbacks.
struct Running {
  Service* service = nullptr;
  GenerationTask task;
  GenerationResult result;
  struct Stream {
    Utf8Repairer repairer;
    std::string text;                // not delivered yet
    std::vector<TokenInfo> pending;  // tokens that are not delivered yet
    std::vector<size_t> text_ends;   // length of the text after each token
    bool has_text = false;
    std::chrono::steady_clock::time_point last_token_at, delivered_at;
  };
  std::vector<Stream> streams;
  std::chrono::steady_clock::duration interval{};  // between deltas of a stream
  bool wants_tokens = false;

  std::mutex mutex;  // of the following
  std::vector<RequestId> ids;
  int left = 0;

  void Cancel() {
    std::lock_guard lock(mutex);
    for (const RequestId id : ids) service->recognizer.Cancel(id);
  }

  Status OnToken(int c, const TokenEvent& event) {
    Stream& stream = streams[static_cast<size_t>(c)];
    Choice& choice = result.choices[static_cast<size_t>(c)];
    const auto now = std::chrono::steady_clock::now();
    if (event.index > 0) {
      service->metrics.InterToken(
          std::chrono::duration<double>(now - stream.last_token_at).count());
    }
    stream.last_token_at = now;
    std::string text;
    stream.repairer.Push(event.bytes, &text);
    if (wants_tokens) stream.pending.push_back(Info(event));
    if (task.keep_text) {
      choice.text += text;
      stream.text_ends.push_back(choice.text.size());
    }
    stream.text += text;
    // Every write costs both ends of the connection more processor time than a small model's token.
    if (!stream.text.empty() && now - stream.delivered_at >= interval) {
      stream.delivered_at = now;
      Deliver(c);
    }
    return OkStatus();
  }

  TokenInfo Info(const TokenEvent& event) const {
    TokenInfo info = {event.id, std::string(event.bytes), event.logprob, {}};
    const Tokenizer& tokenizer = service->recognizer.processor().tokenizer();
    for (const TokenLogprob& top : event.top_logprobs)
      info.top.emplace_back(tokenizer.TokenBytes(top.id), top.logprob);
    return info;
  }

  void Deliver(int c) {
    Stream& stream = streams[static_cast<size_t>(c)];
    stream.has_text |= stream.text.find_first_not_of(" \t\r\n") != std::string::npos;
    if (task.on_delta) task.on_delta(c, stream.text, stream.pending);
    if (wants_tokens && task.keep_text) {
      auto& tokens = result.choices[static_cast<size_t>(c)].tokens;
      std::move(stream.pending.begin(), stream.pending.end(), std::back_inserter(tokens));
    }
    stream.text.clear();
    stream.pending.clear();
  }

  void OnDone(int c, const Outcome& outcome) {
    Stream& stream = streams[static_cast<size_t>(c)];
    Choice& choice = result.choices[static_cast<size_t>(c)];
    std::string rest;
    stream.repairer.Flush(&rest);
    if (task.keep_text) choice.text += rest;
    stream.text += rest;
    if (!stream.text.empty() || !stream.pending.empty()) Deliver(c);
    choice.finish = outcome.reason;
    choice.stop_string = outcome.stop_string;
    choice.error = outcome.error;
    if (task.has_ink && outcome.reason == FinishReason::kStop && !stream.has_text)
      choice.error = NoTextFound();
    // What was streamed cannot be taken back.
    const size_t kept = TokensToKeep(outcome, stream.text_ends.size());
    if (kept < stream.text_ends.size()) {
      choice.text.resize(stream.text_ends[kept - 1]);
      if (choice.tokens.size() > kept) choice.tokens.resize(kept);
    }
    Usage& usage = result.usage;
    if (c % task.n == 0) {
      usage.prompt_tokens += outcome.usage.prompt_tokens;
      usage.cached_prompt_tokens += outcome.usage.cached_prompt_tokens;
    }
    usage.completion_tokens += outcome.usage.completion_tokens;
    usage.drafted_tokens += outcome.usage.drafted_tokens;
    usage.accepted_tokens += outcome.usage.accepted_tokens;
    usage.preemptions += outcome.usage.preemptions;
    if (c == 0) result.timing = outcome.timing;
    service->metrics.Generation(outcome);
    if (task.on_choice) task.on_choice(c, choice);
    EndOne();
  }

  // The choices before `first` run already: the others end with the error.
  void FailFrom(size_t first, const Error& error) {
    for (size_t c = first; c < streams.size(); ++c) {
      Choice& choice = result.choices[c];
      choice.finish = FinishReason::kError;
      choice.error = error;
      if (task.on_choice) task.on_choice(static_cast<int>(c), choice);
      EndOne();
    }
  }

  void EndOne() {
    bool last = false;
    {
      std::lock_guard lock(mutex);
      last = --left == 0;
    }
    if (!last) return;
    for (const Admission::Ticket& ticket : task.held) ticket->Leave();
    task.held.clear();
    task.on_done(std::move(result));
  }
};

}  // namespace

std::string_view OpenAiFinish(FinishReason reason) {
  return reason == FinishReason::kStop || reason == FinishReason::kStopString ? "stop" : "length";
}

Status StartGeneration(Service& service, const std::shared_ptr<Responder>& responder,
                       GenerationTask task) {
  auto running = std::make_shared<Running>();
  running->service = &service;
  running->task = std::move(task);
  GenerationTask& t = running->task;
  const size_t n = t.prompts.size() * static_cast<size_t>(t.n);
  if (n > 1) {  // the first has its place from the request
    t.held.push_back(service.admission.TryEnter(t.owner, static_cast<int64_t>(n) - 1));
    if (!t.held.back()) {
      return Error{ErrorCode::kUnavailable,
                   "Too many requests are waiting for this many choices. Try again later."};
    }
  }
  running->result.choices.resize(n);
  running->streams.resize(n);
  running->left = static_cast<int>(n);
  running->wants_tokens = t.options.sampling.n_top_logprobs >= 0;
  running->interval = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(service.config.stream_interval_s));
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                            std::chrono::duration<double>(service.config.request_timeout_s));
  const auto per_prompt = static_cast<size_t>(t.n);
  // The callbacks of the last choice may take the task away.
  std::vector<ProcessedPrompt> prompts = std::move(t.prompts);
  const GenerationOptions options = t.options;
  const auto token_mask = t.token_mask;
  for (size_t i = 0; i < n; ++i) {
    const int c = static_cast<int>(i);
    PromptRequest request;
    ProcessedPrompt& prompt = prompts[i / per_prompt];
    if (i % per_prompt + 1 < per_prompt) {
      request.prompt = prompt;
    } else {
      request.prompt = std::move(prompt);
    }
    request.generation = options;
    request.generation.sampling.seed += i % per_prompt;
    request.priority = kInteractivePriority;
    request.deadline = deadline;
    if (token_mask) request.token_mask = token_mask();
    request.on_token = [running, c](const TokenEvent& event) { return running->OnToken(c, event); };
    request.on_done = [running, c](const Outcome& outcome) { running->OnDone(c, outcome); };
    // Held over Submit: a callback may come before its id is known here.
    std::unique_lock lock(running->mutex);
    auto id = service.recognizer.Submit(std::move(request));
    if (id.ok()) {
      running->ids.push_back(*id);
      continue;
    }
    lock.unlock();
    if (i == 0) return id.error();
    running->FailFrom(i, id.error());
    break;
  }
  responder->OnGone([weak = std::weak_ptr<Running>(running)] {
    if (const auto alive = weak.lock()) alive->Cancel();
  });
  return OkStatus();
}

}  // namespace glmocr::server
