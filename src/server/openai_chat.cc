#include "server/openai_chat.h"

#include <chrono>
#include <ctime>

#include "server/chat_request.h"
#include "server/generation.h"
#include "server/json_call.h"

namespace glmocr::server {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json LogprobJson(std::string_view bytes, float logprob) {
  ordered_json list = ordered_json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return {{"token", std::string(bytes)}, {"logprob", logprob}, {"bytes", list}};
}

ordered_json LogprobsJson(std::span<const TokenInfo> tokens) {
  ordered_json content = ordered_json::array();
  for (const TokenInfo& token : tokens) {
    ordered_json entry = LogprobJson(token.bytes, token.logprob);
    entry["top_logprobs"] = ordered_json::array();
    for (const auto& [bytes, logprob] : token.top)
      entry["top_logprobs"].push_back(LogprobJson(bytes, logprob));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

ordered_json UsageJson(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_prompt_tokens}}},
          {"completion_tokens_details",
           {{"accepted_prediction_tokens", usage.accepted_tokens},
            {"rejected_prediction_tokens", usage.drafted_tokens - usage.accepted_tokens}}}};
}

// The fixed parts of a stream's events, written once.
struct ChatStream {
  std::shared_ptr<Responder> responder;
  std::string head;  // {"id": ..., "choices":[
  bool logprobs = false, include_usage = false;

  std::string Event(const std::string& choices, const std::string& rest = "") const {
    return "data: " + head + choices + "]" + rest + "}\n\n";
  }
  std::string UsageNull() const { return include_usage ? R"(,"usage":null)" : ""; }

  void Delta(int choice, std::string_view text, std::span<const TokenInfo> tokens) const {
    std::string item = "{\"index\":" + std::to_string(choice) + R"(,"delta":{"content":)";
    AppendJsonString(text, &item);
    item += "},\"logprobs\":";
    item += logprobs ? Dump(LogprobsJson(tokens)) : "null";
    item += ",\"finish_reason\":null}";
    responder->Write(Event(item, UsageNull()));
  }
};

std::optional<ApiError> Complete(Service& service, JsonCall call) {
  auto parsed = ParseChatRequest(call.body, service.config);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  CompletionRequest request = std::get<CompletionRequest>(std::move(parsed));
  for (const std::string& name : request.ignored)
    service.log.Info("unknown field", {{"request_id", call.request->id}, {"field", name}});
  auto mask =
      ReadResponseFormat(service, request.response_format, "response_format", call.request->body);
  if (auto* error = std::get_if<ApiError>(&mask)) return *error;
  GenerationTask task;
  task.token_mask = std::get<MaskMaker>(std::move(mask));
  std::vector<ImageInput> images;
  const GlmOcrProcessor& processor = service.recognizer.processor();
  for (size_t i = 0; i < request.images.size(); ++i) {
    auto image = service.media.OpenImage({.reference = request.images[i],
                                          .name = request.image_names[i],
                                          .request_id = call.request->id,
                                          .cancelled = [r = call.responder] { return r->gone(); }});
    auto input = image.ok() ? processor.PrepareImage(*image) : Result<ImageInput>(image.error());
    if (!input.ok()) {
      ApiError error = ApiErrorOf(input.error());
      error.param = request.image_names[i];
      return error;
    }
    images.push_back(std::move(*input));
  }
  auto prompt = processor.Process(request.chat, std::move(images));
  if (!prompt.ok()) return ApiErrorOf(prompt.error());
  task.prompt = std::move(*prompt);
  task.options = request.generation;
  task.n = request.n;
  const std::string id = "chatcmpl-" + call.request->id;
  const auto created = static_cast<int64_t>(std::time(nullptr));
  const std::string model =
      request.model.empty() ? service.config.served_model_name : request.model;
  const auto responder = call.responder;
  if (request.stream) {
    auto stream = std::make_shared<ChatStream>();
    stream->responder = responder;
    stream->logprobs = request.logprobs;
    stream->include_usage = request.include_usage;
    stream->head = Dump(
        {{"id", id}, {"object", "chat.completion.chunk"}, {"created", created}, {"model", model}});
    stream->head.pop_back();
    stream->head += ",\"choices\":[";
    task.keep_text = false;
    task.on_delta = [stream](int choice, std::string_view text, std::span<const TokenInfo> tokens) {
      stream->Delta(choice, text, tokens);
    };
    task.on_choice = [stream](int c, const Choice& choice) {
      if (choice.error) {
        const ApiError error = ApiErrorOf(*choice.error);
        stream->responder->Write(
            "data: " + ErrorResponse(error, ErrorShape::kOpenAi, HttpRequest()).body + "\n\n");
        return;
      }
      stream->responder->Write(stream->Event(
          "{\"index\":" + std::to_string(c) + R"(,"delta":{},"logprobs":null,"finish_reason":")" +
              std::string(OpenAiFinish(choice.finish)) + "\"}",
          stream->UsageNull()));
    };
    task.on_done = [stream, ticket = call.ticket](GenerationResult result) {
      if (stream->include_usage)
        stream->responder->Write(stream->Event("", ",\"usage\":" + Dump(UsageJson(result.usage))));
      stream->responder->Write("data: [DONE]\n\n");
      stream->responder->End();
    };
    // The head goes out before the first token can: the events' order is the order of Write.
    std::string first;
    for (int c = 0; c < request.n; ++c) {
      first += stream->Event("{\"index\":" + std::to_string(c) +
                                 R"(,"delta":{"role":"assistant","content":""},"logprobs":null,)"
                                 R"("finish_reason":null})",
                             stream->UsageNull());
    }
    auto begun = std::make_shared<std::once_flag>();
    const auto begin = [begun, stream, first] {
      std::call_once(*begun, [&] {
        stream->responder->Begin({.content_type = "text/event-stream",
                                  .body = first,
                                  .headers = {{"X-Accel-Buffering", "no"}}});
      });
    };
    task.on_delta = [begin, next = task.on_delta](int c, std::string_view text,
                                                  std::span<const TokenInfo> tokens) {
      begin();
      next(c, text, tokens);
    };
    task.on_choice = [begin, next = task.on_choice](int c, const Choice& choice) {
      begin();
      next(c, choice);
    };
    const Status status = StartGeneration(service, responder, std::move(task));
    if (!status.ok()) return ApiErrorOf(status.error());
    begin();
    return std::nullopt;
  }
  task.on_done = [responder, id, created, model, logprobs = request.logprobs,
                  request = call.request, ticket = call.ticket](const GenerationResult& result) {
    ordered_json choices = ordered_json::array();
    for (size_t c = 0; c < result.choices.size(); ++c) {
      const Choice& choice = result.choices[c];
      if (choice.error) {
        responder->Send(ErrorResponse(ApiErrorOf(*choice.error), ErrorShape::kOpenAi, *request));
        return;
      }
      if (choice.finish == FinishReason::kCancelled) {
        responder->Send(
            ErrorResponse({.status = 503, .message = "The server is stopping.", .retry_after_s = 5},
                          ErrorShape::kOpenAi, *request));
        return;
      }
      choices.push_back(
          {{"index", c},
           {"message", {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}}},
           {"logprobs", logprobs ? LogprobsJson(choice.tokens) : ordered_json()},
           {"finish_reason", OpenAiFinish(choice.finish)}});
    }
    responder->Send({.body = Dump({{"id", id},
                                   {"object", "chat.completion"},
                                   {"created", created},
                                   {"model", model},
                                   {"choices", std::move(choices)},
                                   {"usage", UsageJson(result.usage)},
                                   {"system_fingerprint", nullptr}})});
  };
  const Status status = StartGeneration(service, responder, std::move(task));
  if (!status.ok()) return ApiErrorOf(status.error());
  return std::nullopt;
}

}  // namespace

void AddChatRoutes(Router& router, Service& service) {
  router.Add({.method = "POST",
              .pattern = "/v1/chat/completions",
              .handler = JsonHandler(
                  service, ErrorShape::kOpenAi,
                  [&service](JsonCall call) { return Complete(service, std::move(call)); }),
              .body = BodyKind::kJson,
              .max_body_bytes = service.config.max_body_bytes});
}

}  // namespace glmocr::server
