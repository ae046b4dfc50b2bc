#include "server/api_error.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

const char* OpenAiType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

}  // namespace

ApiError ApiErrorOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnsupported:
    case ErrorCode::kResourceExhausted:
      return {.status = 400, .message = error.message};
    case ErrorCode::kNotFound:
      return {.status = 404, .message = error.message};
    case ErrorCode::kUnavailable:
      return {.status = 429, .message = error.message, .retry_after_s = 1};
    case ErrorCode::kCancelled:
      return {.status = 503, .message = error.message, .retry_after_s = 5};
    case ErrorCode::kOutOfMemory:
      return {.status = 503,
              .message = "The server is out of memory. Try again later.",
              .retry_after_s = 5};
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      break;
  }
  return {.status = 500,
          .message = "The server failed. Its log says why, under this request's id."};
}

ApiError ApiErrorOf(const Error& error, std::string param) {
  ApiError api = ApiErrorOf(error);
  api.param = std::move(param);
  return api;
}

HttpResponse ErrorResponse(const ApiError& error, ErrorShape shape, const HttpRequest& request) {
  ordered_json body;
  const auto or_null = [](const std::string& text) {
    return text.empty() ? ordered_json() : ordered_json(text);
  };
  switch (shape) {
    case ErrorShape::kOpenAi:
      body["error"] = {{"message", error.message},
                       {"type", OpenAiType(error.status)},
                       {"param", or_null(error.param)},
                       {"code", or_null(error.code)}};
      break;
    case ErrorShape::kPlain:
      body["error"] = error.message;
      break;
    case ErrorShape::kMaas:
      body["error"] = {{"code", error.code.empty() ? std::to_string(error.status) : error.code},
                       {"message", error.message}};
      body["request_id"] = request.id;
      break;
  }
  HttpResponse response = {
      .status = error.status,
      .body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
  if (error.retry_after_s > 0) {
    response.headers.emplace_back(
        "Retry-After",
        std::to_string(std::max(1, static_cast<int>(std::ceil(error.retry_after_s)))));
  }
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace glmocr::server
