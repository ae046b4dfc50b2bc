#include "server/json_call.h"

#include <new>

#include "server/json_fields.h"

namespace glmocr::server {

using nlohmann::ordered_json;

void AnswerOnWorker(Service& service, ErrorShape errors, std::shared_ptr<const HttpRequest> request,
                    std::shared_ptr<Responder> responder,
                    std::function<std::optional<ApiError>()> work) {
  const std::string owner = request->Owner();
  service.work.Post(owner, [&service, errors, request = std::move(request),
                            responder = std::move(responder), work = std::move(work)]() mutable {
    if (responder->gone()) return;
    std::optional<ApiError> error;
    try {
      error = std::exchange(work, nullptr)();  // what it held goes before the answer
    } catch (const std::bad_alloc&) {
      error = ApiErrorOf({ErrorCode::kOutOfMemory, ""});
    } catch (const std::exception& e) {
      service.log.Failure("handler failed", {{"request_id", request->id}, {"error", e.what()}});
      error = ApiErrorOf({ErrorCode::kInternal, ""});
    }
    if (error) responder->Send(ErrorResponse(*error, errors, *request));
  });
}

HttpHandler JsonHandler(Service& service, ErrorShape errors, JsonWork work) {
  return [&service, errors, work = std::move(work)](
             const std::shared_ptr<const HttpRequest>& request,
             const std::shared_ptr<Responder>& responder) {
    Admission::Ticket ticket = service.admission.TryEnter(request->Owner());
    if (!ticket) {
      responder->Send(ErrorResponse({.status = 429,
                                     .message = "Too many requests are waiting. Try again later.",
                                     .code = "queue_full",
                                     .retry_after_s = service.admission.RetryAfterSeconds()},
                                    errors, *request));
      return;
    }
    AnswerOnWorker(service, errors, request, responder,
                   [&service, work, request, responder,
                    ticket = std::move(ticket)]() -> std::optional<ApiError> {
                     auto body = ParseRequestObject(request->body, service.config.max_json_values);
                     if (!body.ok()) return ApiErrorOf(body.error());
                     return work({request, responder, std::move(*body), ticket});
                   });
  };
}

void LogUnknown(const Service& service, const HttpRequest& http,
                const std::vector<std::string>& unknown) {
  if (unknown.empty()) return;
  constexpr size_t kMaxBytes = 512;
  std::string names;
  for (const std::string& name : unknown) {
    if (names.size() > kMaxBytes) break;
    names += (names.empty() ? "" : ", ") + name.substr(0, 64);
  }
  service.log.Info("unknown fields", {{"request_id", http.id}, {"fields", names}});
}

std::string Dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void AppendJsonString(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (byte < 0x20) {
      *out += "\\u00";
      *out += kHex[byte >> 4];
      *out += kHex[byte & 15];
    } else {
      *out += c;
    }
  }
  *out += '"';
}

}  // namespace glmocr::server
