#include "server/router.h"

#include <algorithm>
#include <optional>

namespace glmocr::server {
namespace {

bool OfOllama(std::string_view path) {
  return path.starts_with("/api/") && !path.starts_with("/api/paas/");
}

// For paths that clients of other servers ask for, why there is nothing.
std::string NothingAt(std::string_view path) {
  for (const std::string_view action : {"pull", "push", "create", "copy", "delete", "blobs"}) {
    if (path.starts_with("/api/") && path.substr(5).substr(0, path.find('/', 5) - 5) == action)
      return "The model of this server is chosen when it starts (--model): models cannot be "
             "pulled, made or removed here.";
  }
  if (path.ends_with("/embeddings") || path == "/api/embed")
    return "This server reads documents: it makes no embeddings.";
  return "There is nothing at this path.";
}

std::vector<std::string_view> Parts(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const size_t end = path.find('/');
    parts.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return parts;
}

// The open parts' values, where the path is one of the pattern's.
std::optional<std::vector<std::string>> Match(std::string_view pattern, std::string_view path) {
  if (path.empty() || path[0] != '/') return std::nullopt;
  const std::vector<std::string_view> wanted = Parts(pattern), got = Parts(path);
  if (wanted.size() != got.size()) return std::nullopt;
  std::vector<std::string> values;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].empty() && wanted[i].front() == '{') {
      if (got[i].empty()) return std::nullopt;
      values.emplace_back(got[i]);
    } else if (wanted[i] != got[i]) {
      return std::nullopt;
    }
  }
  return values;
}

// The name in "name", "name:80", "name." or "[::1]:80"; nothing where something else follows it.
std::optional<std::string> HostName(std::string_view host) {
  const bool literal = !host.empty() && host.front() == '[';
  const size_t end = literal ? host.find(']') : host.find(':');
  std::string_view name = host.substr(0, literal && end != std::string_view::npos ? end + 1 : end);
  std::string_view port = host.substr(name.size());
  if (!port.empty() &&
      (port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return std::nullopt;
  if (!literal && name.ends_with('.')) name.remove_suffix(1);  // the root of all names
  return ToLowerAscii(name);
}

// "Bearer KEY", or the key alone as the SDK's cloud clients may send it; else X-Api-Key.
std::string_view PresentedKey(const HttpRequest& request) {
  std::string_view value = request.Header("authorization");
  if (value.empty()) return request.Header("x-api-key");
  constexpr std::string_view kBearer = "bearer";
  if (value.size() > kBearer.size() && StartsWithNoCase(value, kBearer) &&
      (value[kBearer.size()] == ' ' || value[kBearer.size()] == '\t')) {
    value.remove_prefix(kBearer.size());
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  }
  return value;
}

// Adds the headers that every answer carries.
class DecoratingResponder : public Responder {
 public:
  DecoratingResponder(const Router& router, std::shared_ptr<const HttpRequest> request,
                      std::shared_ptr<Responder> next)
      : router_(router), request_(std::move(request)), next_(std::move(next)) {}
  void Send(HttpResponse response) override {
    router_.Decorate(*request_, response);
    next_->Send(std::move(response));
  }
  void Begin(HttpResponse head) override {
    router_.Decorate(*request_, head);
    next_->Begin(std::move(head));
  }
  void Write(std::string_view bytes) override { next_->Write(bytes); }
  void End() override { next_->End(); }
  void SendFile(HttpResponse head, std::shared_ptr<const FileBody> file) override {
    router_.Decorate(*request_, head);
    next_->SendFile(std::move(head), std::move(file));
  }
  bool gone() const override { return next_->gone(); }
  void OnGone(std::function<void()> callback) override { next_->OnGone(std::move(callback)); }

 private:
  const Router& router_;
  const std::shared_ptr<const HttpRequest> request_;
  const std::shared_ptr<Responder> next_;
};

}  // namespace

Router::Router(const ServerConfig& config, KeyRing& keys) : config_(config), keys_(keys) {}

void Router::Add(Route route) { routes_.push_back(std::move(route)); }

std::vector<std::string> Router::RouteNames() const {
  std::vector<std::string> names;
  for (const Route& route : routes_) names.push_back(route.method + " " + route.pattern);
  return names;
}

// Without keys every web page that the user visits could reach a server on this machine under a
// name of its own (DNS rebinding); so the name must be one that means this machine.
bool Router::HostAllowed(std::string_view host) const {
  if (!keys_.empty()) return true;
  const std::optional<std::string> given = HostName(host);
  if (!given) return false;
  const std::string& name = *given;
  if (name.empty() || name == "localhost" || name == "[::1]" || IsLoopback(name)) return true;
  return std::any_of(config_.allowed_hosts.begin(), config_.allowed_hosts.end(),
                     [&](const std::string& allowed) { return allowed == "*" || allowed == name; });
}

bool Router::OriginAllowed(const HttpRequest& request, std::string_view origin) const {
  const size_t scheme = origin.find("://");
  if (scheme != std::string_view::npos && !request.Header("host").empty() &&
      ToLowerAscii(origin.substr(scheme + 3)) == ToLowerAscii(request.Header("host"))) {
    return true;  // our own page
  }
  return OriginListed(origin);
}

bool Router::OriginListed(std::string_view origin) const {
  return !origin.empty() &&
         std::find(config_.allowed_origins.begin(), config_.allowed_origins.end(), origin) !=
             config_.allowed_origins.end();
}

HeaderVerdict Router::Check(HttpRequest& request) {
  const auto refuse = [&](const ApiError& error, ErrorShape shape = ErrorShape::kOpenAi) {
    HttpResponse response = ErrorResponse(error, shape, request);
    Decorate(request, response);
    return HeaderVerdict(std::move(response));
  };
  if (!HostAllowed(request.Header("host"))) {
    return refuse({.status = 421, .message = "This server does not answer under that host name."});
  }
  const std::string_view origin = request.Header("origin");
  if (!origin.empty() && !OriginAllowed(request, origin)) {
    return refuse({.status = 403, .message = "Pages of that origin may not call this server."});
  }
  if (request.path.size() > 1 && request.path.back() == '/') request.path.pop_back();
  const Route* found = nullptr;
  std::string methods;
  for (const Route& route : routes_) {
    std::optional<std::vector<std::string>> values = Match(route.pattern, request.path);
    if (!values) continue;
    const bool same =
        route.method == request.method || (route.method == "GET" && request.method == "HEAD");
    if (same && found == nullptr) {
      found = &route;
      request.path_values = std::move(*values);
    }
    methods += (methods.empty() ? "" : ", ") + route.method;
  }
  // A browser asks before it sends a key: what it is told is the same whatever the path.
  if (found == nullptr && request.method == "OPTIONS" && OriginListed(origin)) {
    HttpResponse response = {.status = 204, .content_type = ""};
    response.headers.emplace_back("Access-Control-Allow-Methods", "DELETE, GET, POST");
    response.headers.emplace_back("Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, X-Request-Id");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
    Decorate(request, response);
    return response;
  }
  // Without a key nobody learns which routes exist.
  if (!keys_.empty() && (found == nullptr || found->access == Access::kKey)) {
    const std::optional<std::string> name = keys_.Find(PresentedKey(request));
    if (!name) {
      return refuse({.status = 401,
                     .message = "A valid API key is needed: Authorization: Bearer KEY.",
                     .code = "invalid_api_key"},
                    found != nullptr ? found->errors : ErrorShape::kOpenAi);
    }
    request.key_name = *name;
  }
  if (found == nullptr) {
    if (methods.empty()) {
      return refuse({.status = 404, .message = NothingAt(request.path)},
                    OfOllama(request.path) ? ErrorShape::kPlain : ErrorShape::kOpenAi);
    }
    HttpResponse response =
        ErrorResponse({.status = 405, .message = "This path takes " + methods + "."},
                      ErrorShape::kOpenAi, request);
    response.headers.emplace_back("Allow", methods);
    Decorate(request, response);
    return response;
  }
  request.route = static_cast<int>(found - routes_.data());
  const std::string type = request.MediaType();
  const bool sends = found->body != BodyKind::kNone;
  const std::string coding = ToLowerAscii(request.Header("content-encoding"));
  if (sends && !coding.empty() && coding != "identity") {
    return refuse({.status = 415, .message = "Send the body as it is, without Content-Encoding."},
                  found->errors);
  }
  if (found->body == BodyKind::kJson && type != "application/json") {
    return refuse({.status = 415, .message = "Send JSON, with Content-Type: application/json."},
                  found->errors);
  }
  if (found->body == BodyKind::kMultipart && type != "multipart/form-data") {
    return refuse(
        {.status = 415, .message = "Send a form, with Content-Type: multipart/form-data."},
        found->errors);
  }
  if (!request.key_name.empty()) {
    if (const double wait_s = keys_.Enter(request.key_name); wait_s > 0) {
      return refuse({.status = 429,
                     .message = "This API key's limit is reached. Try again later.",
                     .code = "rate_limit_exceeded",
                     .retry_after_s = wait_s},
                    found->errors);
    }
    request.entered = true;
  }
  return BodyLimit{sends ? found->max_body_bytes : 0};
}

void Router::Dispatch(std::shared_ptr<const HttpRequest> request,
                      std::shared_ptr<Responder> responder) const {
  const Route& route = routes_[static_cast<size_t>(request->route)];
  auto decorated = std::make_shared<DecoratingResponder>(*this, request, std::move(responder));
  route.handler(std::move(request), std::move(decorated));
}

void Router::Done(const HttpRequest& request) {
  if (request.entered) keys_.Leave(request.key_name);
}

void Router::Decorate(const HttpRequest& request, HttpResponse& response) const {
  const auto add = [&](const char* name, std::string value) {
    const bool there = std::any_of(response.headers.begin(), response.headers.end(),
                                   [&](const auto& header) { return header.first == name; });
    if (!there) response.headers.emplace_back(name, std::move(value));
  };
  add("X-Content-Type-Options", "nosniff");
  add("Cache-Control", "no-store");
  add("Referrer-Policy", "no-referrer");
  add("X-Frame-Options", "DENY");
  add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  const std::string_view origin = request.Header("origin");
  if (OriginListed(origin)) {
    add("Access-Control-Allow-Origin", std::string(origin));
    add("Vary", "Origin");
  }
}

}  // namespace glmocr::server
