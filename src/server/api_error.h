// What goes wrong with a request, and how each API says it.
#pragma once

#include <string>

#include "base/result.h"
#include "server/http_message.h"

namespace glmocr::server {

struct ApiError {
  int status = 400;
  std::string message;
  std::string param;         // the field, "messages[0].content"; empty: none
  std::string code;          // "model_not_found"; empty: none
  double retry_after_s = 0;  // > 0: a Retry-After header
};

// Shapes of error bodies.
enum class ErrorShape {
  kOpenAi,  // {"error": {"message", "type", "param", "code"}}
  kPlain,   // {"error": "message"}: the official SDK's server, Ollama
  kMaas,    // {"error": {"code", "message"}, "request_id"}
};

// 400 for what the client can mend, 404, 429 with a Retry-After for kUnavailable, 503 for
// kCancelled; 500 without details for the rest, which belong into the log only.
ApiError ApiErrorOf(const Error& error);
// About the value of the field `param`.
ApiError ApiErrorOf(const Error& error, std::string param);
HttpResponse ErrorResponse(const ApiError& error, ErrorShape shape, const HttpRequest& request);

}  // namespace glmocr::server
