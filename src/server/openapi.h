// GET /openapi.json: the routes of this server as an OpenAPI 3.1 document. openapi.json describes
// every route that there is; what is served has those that the router knows.
#pragma once

#include <string>
#include <string_view>

#include "server/router.h"

namespace glmocr::server {

// openapi.json as it was compiled in.
std::string_view OpenApiSource();
// That, without the paths and methods that the router lacks; with the program's version.
std::string OpenApiDocument(const Router& router);
void AddOpenApiRoute(Router& router);  // which the document is made of when it is asked for first

}  // namespace glmocr::server
