#include "server/health.h"

#include <ctime>

#include "server/json_call.h"
#include "server/model_names.h"

namespace glmocr::server {

using nlohmann::ordered_json;

void AddHealthRoutes(Router& router, Service& service, const std::atomic<bool>& ready) {
  router.Add(
      {.method = "GET",
       .pattern = "/health",
       .handler = [](std::shared_ptr<const HttpRequest>,
                     std::shared_ptr<Responder> r) { r->Send({.body = R"({"status":"ok"})"}); },
       .access = Access::kPublic});
  router.Add({.method = "GET",
              .pattern = "/ready",
              .handler =
                  [&ready](std::shared_ptr<const HttpRequest>, std::shared_ptr<Responder> r) {
                    r->Send(ready
                                ? HttpResponse{.body = R"({"status":"ready"})"}
                                : HttpResponse{.status = 503, .body = R"({"status":"stopping"})"});
                  },
              .access = Access::kPublic});
  const ordered_json model = {{"id", service.config.served_model_name},
                              {"object", "model"},
                              {"created", static_cast<int64_t>(std::time(nullptr))},
                              {"owned_by", "glm-ocr"}};
  router.Add(
      {.method = "GET",
       .pattern = "/v1/models",
       .handler = [list = Dump({{"object", "list"}, {"data", ordered_json::array({model})}})](
                      std::shared_ptr<const HttpRequest>, std::shared_ptr<Responder> r) {
         r->Send({.body = list});
       }});
  router.Add({.method = "GET",
              .pattern = "/v1/models/{id}",
              .handler = [&service, one = Dump(model)](std::shared_ptr<const HttpRequest> request,
                                                       std::shared_ptr<Responder> r) {
                if (const auto error = CheckModel(service.config, request->path_values[0]))
                  return r->Send(ErrorResponse(*error, ErrorShape::kOpenAi, *request));
                r->Send({.body = one});
              }});
}

}  // namespace glmocr::server
