// POST /v1/completions: plain text goes on, without a chat's frame.
#pragma once

#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `service` outlives the router.
void AddCompletionRoutes(Router& router, Service& service);

}  // namespace glmocr::server
