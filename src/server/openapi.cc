#include "server/openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace glmocr::server {

using nlohmann::ordered_json;

std::string OpenApiDocument(const Router& router) {
  ordered_json document = ordered_json::parse(OpenApiSource(), nullptr, false);
  GLM_CHECK(document.is_object());
  document["info"]["version"] = GLMOCR_VERSION;
  ordered_json paths = ordered_json::object();
  for (const auto& [path, methods] : document["paths"].items()) {
    ordered_json kept = ordered_json::object();
    for (const auto& [method, operation] : methods.items()) {
      const bool there =
          std::any_of(router.routes().begin(), router.routes().end(), [&](const Route& route) {
            return route.pattern == path && ToLowerAscii(route.method) == method;
          });
      if (there) kept[method] = operation;
    }
    if (!kept.empty()) paths[path] = std::move(kept);
  }
  document["paths"] = std::move(paths);
  return document.dump();
}

void AddOpenApiRoute(Router& router) {
  // Handlers run on one thread, the network's, and routes are not added any more then.
  const auto document = std::make_shared<std::string>();
  router.Add({.method = "GET",
              .pattern = "/openapi.json",
              .handler = [document, &router](std::shared_ptr<const HttpRequest>,
                                             std::shared_ptr<Responder> r) {
                if (document->empty()) *document = OpenApiDocument(router);
                r->Send({.body = *document});
              }});
}

}  // namespace glmocr::server
