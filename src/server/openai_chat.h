// POST /v1/chat/completions.
#pragma once

#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `service` outlives the router.
void AddChatRoutes(Router& router, Service& service);

}  // namespace glmocr::server
