#include "server/text_api.h"

#include <fmt/format.h>

#include <algorithm>

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

// One picture, or all pages of a document, made ready. `held` gets their memory's tickets.
std::optional<ApiError> AddPictures(Service& service, const HttpRequest& http,
                                    const RequestMedia& media, std::vector<ImageInput>* images,
                                    std::vector<Admission::Ticket>* held) {
  const auto fail = [&](const Error& error) { return ApiErrorOf(error, media.name); };
  const auto too_many = [&](std::string message) {
    return ApiError{.message = std::move(message), .param = media.name};
  };
  auto document = service.media.Open({.reference = media.reference,
                                      .name = media.name,
                                      .request_id = http.id,
                                      .owner = http.key_name});
  if (!document.ok()) return fail(document.error());
  const int n_pages = (*document)->n_pages();
  if (media.kind == RequestMedia::Kind::kPicture && n_pages != 1) {
    return too_many(
        fmt::format("'{}' has {} pages: send it as a 'file' part, each page as a picture, or the "
                    "document to /v1/documents.",
                    media.name, n_pages));
  }
  const int max = service.config.max_images;
  if (static_cast<int>(images->size()) + n_pages > max) {
    return too_many(
        fmt::format("With the {} pages of '{}' there are more than {} pictures. Send "
                    "long documents to /v1/documents.",
                    n_pages, media.name, max));
  }
  for (int i = 0; i < n_pages; ++i) {
    auto page = (*document)->Read(i, i + 1 < n_pages ? i + 1 : -1);
    if (!page.ok()) return fail(page.error());
    auto input = service.recognizer.processor().PrepareImage(page->image);
    if (!input.ok()) return fail(input.error());
    held->push_back(service.prepared_bytes.TryEnter(
        http.Owner(), input->patches->rows() * input->patches->cols() * static_cast<int64_t>(sizeof(float))));
    if (!held->back()) {
      return ApiError{.status = 429,
                      .message = "Too many pictures are waiting. Try again later.",
                      .code = "queue_full",
                      .retry_after_s = service.admission.RetryAfterSeconds()};
    }
    images->push_back(std::move(*input));
  }
  return std::nullopt;
}

void AppendTokenLogprob(std::string_view bytes, float logprob, std::string* out) {
  *out += "\"token\":";
  AppendJsonBytes(bytes, out);
  // JSON has no infinity; OpenAI's servers say -9999 for what can never be drawn.
  fmt::format_to(std::back_inserter(*out), ",\"logprob\":{},\"bytes\":[",
                 std::max(logprob, -9999.0F));
  for (const char& c : bytes) {
    fmt::format_to(std::back_inserter(*out), "{}{}", &c == bytes.data() ? "" : ",",
                   static_cast<unsigned char>(c));
  }
  *out += ']';
}

}  // namespace

std::optional<ApiError> PrepareOptions(Service& service, const TextRequest& request,
                                       GenerationTask* task) {
  task->options = request.generation;
  task->n = request.n;
  return ApplyOutputFormat(service, request.format, task);
}

std::variant<GenerationTask, ApiError> PrepareChat(Service& service, const HttpRequest& http,
                                                   TextRequest request) {
  LogUnknown(service, http, request.unknown);
  GenerationTask task;
  if (auto error = PrepareOptions(service, request, &task)) return *error;
  std::vector<ImageInput> images;
  size_t next = 0;
  for (ChatMessage& message : request.chat.messages) {
    std::vector<ChatPart> parts;
    for (ChatPart& part : message.content) {
      if (part.kind != ChatPart::Kind::kImage) {
        parts.push_back(std::move(part));
        continue;
      }
      const size_t before = images.size();
      if (auto error = AddPictures(service, http, request.media[next++], &images, &task.held))
        return *error;
      parts.resize(parts.size() + images.size() - before, ChatPart::Image());
    }
    message.content = std::move(parts);
  }
  auto prompt = service.recognizer.processor().Process(request.chat, std::move(images));
  if (!prompt.ok()) return ApiErrorOf(prompt.error());
  task.prompts.push_back(std::move(*prompt));
  return task;
}

std::optional<ApiError> FailureOf(const Choice& choice) {
  if (choice.error) return ApiErrorOf(*choice.error);
  if (choice.finish == FinishReason::kCancelled) {
    return ApiError{.status = 503, .message = "The server is stopping.", .retry_after_s = 5};
  }
  return std::nullopt;
}

std::optional<ApiError> FailureOf(const GenerationResult& result) {
  for (const Choice& choice : result.choices) {
    if (auto error = FailureOf(choice)) return error;
  }
  return std::nullopt;
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

void AppendJsonBytes(std::string_view bytes, std::string* out) {
  AppendJsonString(RepairUtf8(bytes), out);
}

void AppendLogprobs(std::span<const TokenInfo> tokens, std::string* out) {
  *out += '[';
  for (const TokenInfo& token : tokens) {
    *out += &token == tokens.data() ? "{" : ",{";
    AppendTokenLogprob(token.bytes, token.logprob, out);
    *out += ",\"top_logprobs\":[";
    for (const auto& top : token.top) {
      *out += &top == token.top.data() ? "{" : ",{";
      AppendTokenLogprob(top.first, top.second, out);
      *out += '}';
    }
    *out += "]}";
  }
  *out += ']';
}

void AnswerStream::Begin() {
  std::call_once(begun_, [this] {
    responder_->Begin(
        {.content_type = content_type_, .body = first_, .headers = {{"X-Accel-Buffering", "no"}}});
  });
}

std::optional<ApiError> Start(Service& service, const std::shared_ptr<Responder>& responder,
                              GenerationTask task, AnswerStream* stream) {
  const Status status = StartGeneration(service, responder, std::move(task));
  if (!status.ok()) return ApiErrorOf(status.error());
  if (stream != nullptr) stream->Begin();
  return std::nullopt;
}

std::optional<ApiError> StartWhole(Service& service, const std::shared_ptr<Responder>& responder,
                                   GenerationTask task, bool logprobs,
                                   std::function<void(const GenerationResult&)> send) {
  task.on_done = [&service, logprobs, send = std::move(send)](GenerationResult result) {
    Render(service, logprobs, [send, result = std::move(result)] { send(result); });
  };
  return Start(service, responder, std::move(task), nullptr);
}

std::string ServedModel(const Service& service, const TextRequest& request) {
  return request.model.empty() ? service.config.served_model_name : request.model;
}

void Render(Service& service, bool logprobs, std::function<void()> render) {
  if (logprobs) {
    service.work.Post("", std::move(render));
  } else {
    render();
  }
}

}  // namespace glmocr::server
