// A route whose body is JSON, run on a worker: from the request to the parsed body, and from what
// went wrong to the error in the API's shape. Include this only in .cc files.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "server/api_error.h"
#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

struct JsonCall {
  std::shared_ptr<const HttpRequest> request;
  std::shared_ptr<Responder> responder;
  nlohmann::ordered_json body;  // an object
  Admission::Ticket ticket;     // its place: keep it until the answer is ready
};

// Runs `work` on a worker. What it returns or throws is answered: 503 when memory is out, 500 for
// other exceptions, whose reason is logged.
void AnswerOnWorker(Service& service, ErrorShape errors, std::shared_ptr<const HttpRequest> request,
                    std::shared_ptr<Responder> responder,
                    std::function<std::optional<ApiError>()> work);

// Either answers through the responder (now or later), or returns what is wrong.
using JsonWork = std::function<std::optional<ApiError>(JsonCall)>;

// 429 when too much is under way, 400 for what is no JSON object, 500 for what `work` throws.
HttpHandler JsonHandler(Service& service, ErrorShape errors, JsonWork work);

// Members that nobody knows, in one line of the log.
void LogUnknown(const Service& service, const HttpRequest& http,
                const std::vector<std::string>& unknown);

// Compact JSON; bytes that are no UTF-8 become U+FFFD.
std::string Dump(const nlohmann::ordered_json& value);
// A string as JSON, with its quotes; much faster than a value.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace glmocr::server
