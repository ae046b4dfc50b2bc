#include "server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/seconds_since.h"

namespace glmocr::server {
namespace {

using testing::HasSubstr;

constexpr char kKey[] = "sk-0123456789abcdef";

HttpRequest Call(const std::string& method, const std::string& path,
                 std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpRequest request = {.method = method, .target = path, .path = path, .id = "r1"};
  headers.emplace_back("host", "127.0.0.1:8080");
  request.headers = std::move(headers);
  return request;
}

struct Fixture {
  explicit Fixture(std::vector<ApiKey> with_keys = {}) : keys(with_keys), router(config, keys) {
    const HttpHandler nothing = [](std::shared_ptr<const HttpRequest>, std::shared_ptr<Responder>) {
    };
    router.Add(
        {.method = "GET", .pattern = "/health", .handler = nothing, .access = Access::kPublic});
    router.Add({.method = "POST",
                .pattern = "/v1/things",
                .handler = nothing,
                .body = BodyKind::kJson,
                .max_body_bytes = 1000});
    router.Add({.method = "GET", .pattern = "/v1/things/{id}", .handler = nothing});
    router.Add({.method = "DELETE", .pattern = "/v1/things/{id}", .handler = nothing});
    router.Add({.method = "GET", .pattern = "/v1/things/{id}/parts/{n}", .handler = nothing});
  }
  // The status of a refusal, or 0.
  int Status(HttpRequest request) {
    last = request;
    HeaderVerdict verdict = router.Check(last);
    if (auto* refusal = std::get_if<HttpResponse>(&verdict)) {
      response = *refusal;
      return refusal->status;
    }
    limit = std::get<BodyLimit>(verdict).max_bytes;
    return 0;
  }

  ServerConfig config;
  KeyRing keys;
  Router router;
  HttpRequest last;
  HttpResponse response;
  size_t limit = 0;
};

std::vector<ApiKey> OneKey() { return {{.name = "team", .digest = DigestOfKey(kKey)}}; }

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [n, value] : response.headers) {
    if (n == name) return value;
  }
  return "";
}

TEST(Router, MatchesPathsWhole) {
  Fixture f;
  EXPECT_EQ(f.Status(Call("GET", "/health")), 0);
  EXPECT_EQ(f.Status(Call("HEAD", "/health")), 0);
  EXPECT_EQ(f.Status(Call("GET", "/v1/things/a-b")), 0);
  EXPECT_THAT(f.last.path_values, testing::ElementsAre("a-b"));
  EXPECT_EQ(f.Status(Call("GET", "/v1/things/x/parts/3")), 0);
  EXPECT_THAT(f.last.path_values, testing::ElementsAre("x", "3"));
  for (const char* path :
       {"/", "", "health", "//health", "/health//", "/Health", "/v1/things//", "/v1/things/x/parts",
        "/health%2f", "/v1/../health", "*", "http://127.0.0.1/health"}) {
    EXPECT_EQ(f.Status(Call("GET", path)), 404) << path;
  }
}

TEST(Router, SaysWhyThereIsNothingWhereClientsOfOthersAsk) {
  Fixture f;
  const auto message = [&](const char* path) {
    HttpRequest request = Call("POST", path);
    return std::get<HttpResponse>(f.router.Check(request)).body;
  };
  EXPECT_THAT(message("/api/pull"), testing::StartsWith(R"({"error":"The model of this server)"));
  EXPECT_THAT(message("/api/blobs/sha256:1"), testing::HasSubstr("The model of this server"));
  EXPECT_THAT(message("/api/pullover"), testing::HasSubstr("nothing at this path"));
  EXPECT_THAT(message("/v1/embeddings"), testing::HasSubstr("no embeddings"));
  EXPECT_THAT(message("/api/embed"), testing::HasSubstr("no embeddings"));
}

TEST(Router, TakesASlashAtTheEnd) {
  Fixture f;
  EXPECT_EQ(f.Status(Call("GET", "/health/")), 0);
  EXPECT_EQ(f.Status(Call("GET", "/v1/things/x/")), 0);
  EXPECT_THAT(f.last.path_values, testing::ElementsAre("x"));
}

TEST(Router, SaysWhichMethodsAPathTakes) {
  Fixture f;
  EXPECT_EQ(f.Status(Call("PUT", "/v1/things/x")), 405);
  EXPECT_EQ(HeaderOf(f.response, "Allow"), "GET, DELETE");
}

TEST(Router, BodiesOnlyWhereARouteTakesThem) {
  Fixture f;
  EXPECT_EQ(f.Status(Call("POST", "/v1/things", {{"content-type", "application/json"}})), 0);
  EXPECT_EQ(f.limit, 1000);
  EXPECT_EQ(
      f.Status(Call("POST", "/v1/things", {{"content-type", "Application/JSON; charset=utf-8"}})),
      0);
  for (const char* type :
       {"text/plain", "application/jsonp", "application/json-patch+json", " ;"}) {
    EXPECT_EQ(f.Status(Call("POST", "/v1/things", {{"content-type", type}})), 415) << type;
  }
  EXPECT_EQ(f.Status(Call("POST", "/v1/things")), 415);
  EXPECT_EQ(f.Status(Call("GET", "/v1/things/x")), 0);
  EXPECT_EQ(f.limit, 0);
}

// security: auth-route
TEST(Security, AuthRouteDeniesWhatIsNotPublic) {
  Fixture f(OneKey());
  for (const Route& route : f.router.routes()) {
    std::string path = route.pattern;
    for (size_t at; (at = path.find('{')) != std::string::npos;)
      path.replace(at, path.find('}') - at + 1, "x");
    const int status = f.Status(Call(route.method, path, {{"content-type", "application/json"}}));
    EXPECT_EQ(status, route.access == Access::kPublic ? 0 : 401) << route.method << " " << path;
  }
  EXPECT_EQ(f.Status(Call("GET", "/no/such/path")), 401);  // nor does it tell what exists
  EXPECT_EQ(f.Status(Call("PUT", "/v1/things/x")), 401);
  EXPECT_EQ(HeaderOf(f.response, "WWW-Authenticate"), "Bearer");
}

TEST(Router, TakesKeysInTheFormsThatClientsSend) {
  Fixture f(OneKey());
  const std::string key = kKey;
  for (const auto& header :
       std::vector<std::pair<std::string, std::string>>{{"authorization", "Bearer " + key},
                                                        {"authorization", "bearer " + key},
                                                        {"authorization", "Bearer  " + key},
                                                        {"authorization", "Bearer \t" + key},
                                                        {"authorization", key},
                                                        {"x-api-key", key}}) {
    EXPECT_EQ(f.Status(Call("GET", "/v1/things/x", {header})), 0) << header.second;
    EXPECT_EQ(f.last.key_name, "team");
  }
  for (const std::string& wrong : {"Bearer " + key + "x", std::string("Bearer "), "Basic " + key,
                                   key.substr(1), std::string()}) {
    EXPECT_EQ(f.Status(Call("GET", "/v1/things/x", {{"authorization", wrong}})), 401) << wrong;
  }
}

TEST(Router, AKeysLimitsHoldAndAreGivenBack) {
  std::vector<ApiKey> keys = OneKey();
  keys[0].max_concurrent = 2;
  Fixture f(keys);
  const auto call = [] { return Call("GET", "/v1/things/x", {{"x-api-key", kKey}}); };
  EXPECT_EQ(f.Status(call()), 0);
  const HttpRequest first = f.last;
  EXPECT_EQ(f.Status(call()), 0);
  EXPECT_EQ(f.Status(call()), 429);
  EXPECT_NE(HeaderOf(f.response, "Retry-After"), "");
  f.router.Done(f.last);  // the refused one holds no place
  EXPECT_EQ(f.Status(call()), 429);
  f.router.Done(first);
  EXPECT_EQ(f.Status(call()), 0);
}

TEST(Router, AKeysRateHolds) {
  std::vector<ApiKey> keys = OneKey();
  keys[0].requests_per_minute = 3;
  Fixture f(keys);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(f.Status(Call("GET", "/v1/things/x", {{"x-api-key", kKey}})), 0);
  EXPECT_EQ(f.Status(Call("GET", "/v1/things/x", {{"x-api-key", kKey}})), 429);
  EXPECT_EQ(HeaderOf(f.response, "Retry-After"), "20");
}

// security: cors-star
TEST(Security, CorsStarIsClosedUnlessConfigured) {
  Fixture f;
  const auto from = [](const std::string& method, const std::string& origin) {
    return Call(method, "/v1/things/x", {{"origin", origin}});
  };
  EXPECT_EQ(f.Status(from("GET", "https://evil.example")), 403);
  EXPECT_EQ(f.Status(from("OPTIONS", "https://evil.example")), 403);
  EXPECT_EQ(HeaderOf(f.response, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(f.Status(from("GET", "null")), 403);
  EXPECT_EQ(f.Status(from("GET", "http://127.0.0.1:8080")), 0);  // our own page
  EXPECT_EQ(f.Status(from("GET", "http://127.0.0.1:8081")), 403);
  f.config.allowed_origins = {"https://app.example"};
  EXPECT_EQ(f.Status(from("OPTIONS", "https://app.example")), 204);
  EXPECT_EQ(HeaderOf(f.response, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(HeaderOf(f.response, "Access-Control-Allow-Credentials"), "");
  EXPECT_EQ(f.Status(from("GET", "https://app.example.evil.example")), 403);
}

// security: options-routes
TEST(Security, OptionsRoutesAreNotToldWithoutAKey) {
  Fixture f(OneKey());
  f.config.allowed_origins = {"https://app.example"};
  const auto options = [&](const char* path, const char* origin) {
    return f.Status(Call("OPTIONS", path, {{"origin", origin}}));
  };
  EXPECT_EQ(options("/v1/things/x", "http://127.0.0.1:8080"), 401) << "our own page never asks";
  EXPECT_EQ(options("/no/such/path", "http://127.0.0.1:8080"), 401);
  EXPECT_EQ(options("/v1/things/x", "https://app.example"), 204);
  const std::string methods = HeaderOf(f.response, "Access-Control-Allow-Methods");
  EXPECT_EQ(options("/no/such/path", "https://app.example"), 204);
  EXPECT_EQ(HeaderOf(f.response, "Access-Control-Allow-Methods"), methods);
}

TEST(Router, TakesBodiesAsTheyAreOnly) {
  Fixture f;
  const auto post = [&](const char* coding) {
    return f.Status(Call("POST", "/v1/things",
                         {{"content-type", "application/json"}, {"content-encoding", coding}}));
  };
  EXPECT_EQ(post("identity"), 0);
  for (const char* coding : {"gzip", "GZIP", "br", "deflate, gzip"}) EXPECT_EQ(post(coding), 415);
}

TEST(Security, WithoutKeysOnlyNamesOfThisMachineAreAnswered) {
  Fixture f;
  const auto host = [&](const std::string& name) {
    HttpRequest request = Call("GET", "/health");
    request.headers = {{"host", name}};
    return f.Status(std::move(request));
  };
  for (const char* good : {"localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080",
                           "localhost.", "localhost.:80", ""})
    EXPECT_EQ(host(good), 0) << good;
  for (const char* bad :
       {"rebind.example:8080", "127.0.0.1.example", "localhost.example", "localhost:80@evil.com",
        "[::1]evil.com", "localhost..", "localhost:80:80"})
    EXPECT_EQ(host(bad), 421) << bad;
  f.config.allowed_hosts = {"ocr.example"};
  EXPECT_EQ(host("ocr.example:8080"), 0);
}

TEST(Router, EveryRefusalCarriesTheSecurityHeaders) {
  Fixture f;
  EXPECT_EQ(f.Status(Call("GET", "/nothing")), 404);
  EXPECT_EQ(HeaderOf(f.response, "X-Content-Type-Options"), "nosniff");
  EXPECT_THAT(HeaderOf(f.response, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
}

TEST(Config, AnAddressThatOthersReachNeedsAKey) {
  ServerConfig config;
  for (const char* host : {"127.0.0.1", "127.5.5.5", "::1", "localhost"}) {
    config.http.host = host;
    EXPECT_TRUE(Validate(config).ok()) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "192.168.1.2", "example.org", "0"}) {
    config.http.host = host;
    const Status status = Validate(config);
    ASSERT_FALSE(status.ok()) << host;
    EXPECT_THAT(status.error().message, HasSubstr("--api-key-file"));
  }
  config.keys = OneKey();
  EXPECT_TRUE(Validate(config).ok());
}

// security: key-timing. The digests that are compared have one length, and all keys are looked at;
// measured, a wrong first byte and a wrong last byte must take the same time.
TEST(Security, KeyTimingDoesNotTellHowFarAKeyIsRight) {
  const std::string key(4096, 'k');
  KeyRing ring({{.name = "a", .digest = DigestOfKey(key)}});
  std::string early = key, late = key;
  early.front() = 'x';
  late.back() = 'x';
  const auto time = [&](const std::string& presented) {
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) EXPECT_FALSE(ring.Find(presented).has_value());
    return SecondsSince(begun);
  };
  time(early);
  // The least of many is free of what else the machine does. A comparison byte by byte would differ
  // by a factor; hashing takes the same time to some percent.
  double least_early = 1e9, least_late = 1e9;
  for (int i = 0; i < 200; ++i) {
    least_early = std::min(least_early, time(early));
    least_late = std::min(least_late, time(late));
  }
  EXPECT_LT(std::abs(least_early - least_late), 0.25 * std::max(least_early, least_late));
}

}  // namespace
}  // namespace glmocr::server
