#include "server/web_page.h"

#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"

// <web_assets.inc> is made by cmake/embed_web.cmake: a row for each file.
#define GLMOCR_ASSET(symbol, path, type) \
  extern "C" const char symbol[];        \
  extern "C" const char symbol##_end[];
#include <web_assets.inc>
#undef GLMOCR_ASSET

namespace glmocr::server {
namespace {

// Nothing but what the program itself carries, and pictures that the page has fetched. No inline
// script or style, no eval; strings become markup through one named policy only (web/safe_dom.js).
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types glm-ocr-inert";

// Whether If-None-Match names the tag. RFC 9110, 13.1.2: a list of tags, weak ones included.
bool Names(std::string_view header, std::string_view tag) {
  return header == "*" || header.find(tag) != std::string_view::npos;
}

void Add(Router& router, std::string_view body, const char* path, const char* type) {
  std::string tag = "\"";
  tag.append(HashBytes(body.data(), body.size()).Hex()).append("\"");
  router.Add({.method = "GET",
              .pattern = path,
              .handler =
                  [body, type, tag](const std::shared_ptr<const HttpRequest>& request,
                                    const std::shared_ptr<Responder>& responder) {
                    HttpResponse response{.content_type = type};
                    response.headers = {{"ETag", tag},
                                        {"Cache-Control", "no-cache"},
                                        {"Content-Security-Policy", kPolicy},
                                        {"Cross-Origin-Opener-Policy", "same-origin"},
                                        {"Cross-Origin-Resource-Policy", "same-origin"}};
                    if (Names(request->Header("if-none-match"), tag)) {
                      response.status = 304;
                    } else {
                      response.body = body;
                    }
                    responder->Send(std::move(response));
                  },
              .access = Access::kPublic});
}

}  // namespace

void AddWebPageRoutes(Router& router) {
#define GLMOCR_ASSET(symbol, path, type) \
  Add(router, std::string_view(symbol, static_cast<size_t>(symbol##_end - symbol)), path, type);
#include <web_assets.inc>
#undef GLMOCR_ASSET
}

}  // namespace glmocr::server
