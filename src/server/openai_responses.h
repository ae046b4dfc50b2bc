// POST /v1/responses: OpenAI's newer text API, its text and picture subset. Nothing is stored, so
// what refers to an earlier response is refused.
#pragma once

#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `service` outlives the router.
void AddResponseRoutes(Router& router, Service& service);

}  // namespace glmocr::server
