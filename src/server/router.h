// Which requests are answered, by whom, and for whom. What is not listed is denied: a route without
// a word about access asks for a key.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/config.h"
#include "server/http_message.h"
#include "server/http_server.h"
#include "server/keys.h"

namespace glmocr::server {

enum class Access { kKey, kPublic };
enum class BodyKind { kNone, kJson, kMultipart, kAny };

struct Route {
  std::string method;
  std::string pattern;  // "/v1/documents/{id}": a part in braces takes any non-empty part
  HttpHandler handler;  // on the network's thread
  Access access = Access::kKey;
  BodyKind body = BodyKind::kNone;
  size_t max_body_bytes = 0;
  ErrorShape errors = ErrorShape::kOpenAi;
};

class Router {
 public:
  // `config` and `keys` outlive this.
  Router(const ServerConfig& config, KeyRing& keys);
  void Add(Route route);

  // In this order: Host and Origin (pages elsewhere in the user's browser), route (404), method
  // (405), key (401), the key's limits (429), the body's type (415). Sets key_name, route and
  // path_values.
  HeaderVerdict Check(HttpRequest& request);
  void Dispatch(std::shared_ptr<const HttpRequest> request,
                std::shared_ptr<Responder> responder) const;
  // After every request for which Check gave a BodyLimit.
  void Done(const HttpRequest& request);

  const std::vector<Route>& routes() const { return routes_; }
  // "GET /health", in the order in which they were added.
  std::vector<std::string> RouteNames() const;
  // Security headers, and CORS where the origin may call.
  void Decorate(const HttpRequest& request, HttpResponse& response) const;

 private:
  bool HostAllowed(std::string_view host) const;
  bool OriginListed(std::string_view origin) const;
  bool OriginAllowed(const HttpRequest& request, std::string_view origin) const;

  const ServerConfig& config_;
  KeyRing& keys_;
  std::vector<Route> routes_;
};

}  // namespace glmocr::server
