#include "server/web_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace glmocr::server {
namespace {

using testing::HasSubstr;
using testing::Not;

class Recorder : public Responder {
 public:
  void Send(HttpResponse sent) override { response = std::move(sent); }
  void SendFile(HttpResponse, std::shared_ptr<const FileBody>) override {}
  void Begin(HttpResponse) override {}
  void Write(std::string_view) override {}
  void End() override {}
  bool gone() const override { return false; }
  void OnGone(std::function<void()>) override {}

  HttpResponse response;
};

struct Fixture {
  Fixture() : keys({{.name = "team", .digest = DigestOfKey("sk-0123456789abcdef")}}) {
    AddWebPageRoutes(router);
  }
  HttpResponse Get(const std::string& path, const std::string& if_none_match = "") {
    auto request = std::make_shared<HttpRequest>(
        HttpRequest{.method = "GET", .target = path, .path = path, .id = "r1"});
    request->headers = {{"host", "127.0.0.1:8080"}};
    if (!if_none_match.empty()) request->headers.emplace_back("if-none-match", if_none_match);
    HeaderVerdict verdict = router.Check(*request);
    if (auto* refusal = std::get_if<HttpResponse>(&verdict)) return *refusal;
    auto recorder = std::make_shared<Recorder>();
    router.Dispatch(request, recorder);
    return recorder->response;
  }

  ServerConfig config;
  KeyRing keys;
  Router router{config, keys};
};

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [n, value] : response.headers) {
    if (n == name) return value;
  }
  return "";
}

std::string SourceFile(const std::string& name) {
  std::ifstream file(GLMOCR_SOURCE_DIR "/web/" + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(WebPage, ServesItsFilesWithoutAKey) {
  Fixture f;
  const HttpResponse page = f.Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(page.body, SourceFile("index.html"));
  EXPECT_EQ(f.Get("/assets/app.js").body, SourceFile("app.js"));
  EXPECT_EQ(f.Get("/assets/app.js").content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(f.Get("/assets/style.css").content_type, "text/css; charset=utf-8");
  EXPECT_EQ(f.Get("/assets/favicon.svg").content_type, "image/svg+xml");
  const HttpResponse font = f.Get("/assets/katex/fonts/KaTeX_Main-Regular.woff2");
  EXPECT_EQ(font.content_type, "font/woff2");
  EXPECT_EQ(font.body.substr(0, 4), "wOF2");
  EXPECT_GT(f.Get("/assets/katex/katex.min.js").body.size(), 100'000u);
  EXPECT_THAT(f.Get("/assets/marked/LICENCE.txt").body, HasSubstr("Copyright"));
  EXPECT_THAT(f.Get("/assets/katex/LICENCE.txt").body, HasSubstr("Copyright"));
}

// Every file that the page names is there, so that it works without any other host.
TEST(WebPage, CarriesWhatItNames) {
  Fixture f;
  const std::string page = f.Get("/").body;
  int n = 0;
  for (const std::string attribute : {"src=\"", "href=\""}) {
    for (size_t at = page.find(attribute); at != std::string::npos; at = page.find(attribute, at)) {
      at += attribute.size();
      const std::string path = page.substr(at, page.find('"', at) - at);
      if (path[0] == '#') continue;
      EXPECT_EQ(f.Get("/" + path).status, 200) << path;
      ++n;
    }
  }
  EXPECT_GE(n, 8);
  const std::string css = f.Get("/assets/katex/katex.min.css").body;
  n = 0;
  for (size_t at = css.find("url("); at != std::string::npos; at = css.find("url(", at)) {
    at += 4;
    const std::string path = css.substr(at, css.find(')', at) - at);
    if (path.find(".woff2") == std::string::npos) continue;  // what the browser takes first
    EXPECT_EQ(f.Get("/assets/katex/" + path).status, 200) << path;
    ++n;
  }
  EXPECT_GE(n, 20);
}

TEST(WebPage, AllowsNoInlineScriptOrStyleAndNoOtherHost) {
  Fixture f;
  for (const char* path : {"/", "/assets/app.js", "/assets/favicon.svg"}) {
    const std::string policy = HeaderOf(f.Get(path), "Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'")) << path;
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'")) << path;
    EXPECT_THAT(policy, HasSubstr("require-trusted-types-for 'script'")) << path;
    EXPECT_THAT(policy, Not(HasSubstr("unsafe"))) << path;
    EXPECT_THAT(policy, Not(HasSubstr("http"))) << path;
    EXPECT_THAT(policy, Not(HasSubstr("*"))) << path;
  }
}

TEST(WebPage, AnswersThatNothingChanged) {
  Fixture f;
  const HttpResponse first = f.Get("/");
  const std::string tag = HeaderOf(first, "ETag");
  EXPECT_EQ(tag.size(), 34u);
  const HttpResponse again = f.Get("/", tag);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(HeaderOf(again, "ETag"), tag);
  EXPECT_EQ(f.Get("/", "\"other\", W/" + tag).status, 304);
  EXPECT_EQ(f.Get("/", "\"other\"").status, 200);
  EXPECT_NE(HeaderOf(f.Get("/assets/app.js"), "ETag"), tag);
}

TEST(WebPage, HasNothingBesideItsFiles) {
  Fixture f;
  for (const char* path : {"/index.html", "/assets", "/assets/", "/assets/../web/app.js",
                           "/assets/katex/katex.js", "/assets/app.js//"}) {
    EXPECT_EQ(f.Get(path).status, 401) << path;  // as every unknown path where there are keys
  }
}

}  // namespace
}  // namespace glmocr::server
