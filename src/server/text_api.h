// What the text APIs (OpenAI's three, Ollama's two) share: from a parsed request to a task with
// pictures and prompt, and the ways that answers go back. Include this only in .cc files.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/chat_request.h"
#include "server/generation.h"
#include "server/json_call.h"

namespace glmocr::server {

// Opens and prepares the request's pictures, a document's pages included, and renders its chat.
// Logs the request's unknown members. Errors name the member.
std::variant<GenerationTask, ApiError> PrepareChat(Service& service, const HttpRequest& http,
                                                   TextRequest request);
// The same for what a request brings beside its prompts: options, choices, the answer's form.
std::optional<ApiError> PrepareOptions(Service& service, const TextRequest& request,
                                       GenerationTask* task);

// Why a choice has no whole answer, if it has none.
std::optional<ApiError> FailureOf(const Choice& choice);
// Of the first choice that has one.
std::optional<ApiError> FailureOf(const GenerationResult& result);

// {"prompt_tokens": ...} of chat and plain completions.
nlohmann::ordered_json UsageJson(const Usage& usage);
// OpenAI's list of tokens with logprobs, "[{"token", "logprob", "bytes", "top_logprobs"}, ...]".
void AppendLogprobs(std::span<const TokenInfo> tokens, std::string* out);
// "stop_reason" and "matched_stop", vLLM's and SGLang's names of the stop string that ended the
// text, or null: `,"stop_reason":null,"matched_stop":null`.
std::string StopMembers(const Choice& choice);
// `,"glmocr":{"warnings":[{"kind","page","message"}]}`; empty without warnings.
std::string GlmOcrMember(const Choice& choice);
// Bytes that are part of a character become U+FFFD.
void AppendJsonBytes(std::string_view bytes, std::string* out);

// A streamed answer. Its head goes out with the first write, or with Begin once it is certain that
// there will be an answer; both may happen at once on two threads.
class AnswerStream {
 public:
  // `first`: the first piece of the body; may be empty.
  AnswerStream(std::shared_ptr<Responder> responder, std::string content_type, std::string first)
      : responder_(std::move(responder)),
        content_type_(std::move(content_type)),
        first_(std::move(first)) {}

  void Begin();
  void Write(std::string_view bytes) {
    Begin();
    responder_->Write(bytes);
  }
  void End(std::string_view last) {
    Write(last);
    responder_->End();
  }

 private:
  const std::shared_ptr<Responder> responder_;
  const std::string content_type_;
  const std::string first_;
  std::once_flag begun_;
};

// Starts the task; then begins `stream`, if there is one.
std::optional<ApiError> Start(Service& service, const std::shared_ptr<Responder>& responder,
                              GenerationTask task, AnswerStream* stream);
// Starts a task whose answer goes out as a whole: `send` gets what came of it.
std::optional<ApiError> StartWhole(Service& service, const std::shared_ptr<Responder>& responder,
                                   GenerationTask task, bool logprobs,
                                   std::function<void(const GenerationResult&)> send);
// Runs `render` now, or on a worker where it is long: logprobs are.
void Render(Service& service, bool logprobs, std::function<void()> render);
// What the answer calls the model: as the request does.
std::string ServedModel(const Service& service, const TextRequest& request);

}  // namespace glmocr::server
