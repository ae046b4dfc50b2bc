// Ollama's API: /api/generate, /api/chat, /api/tags, /api/show, /api/ps, /api/version. Answers
// stream as a JSON object a line unless the request says otherwise.
#pragma once

#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `service` outlives the router.
void AddOllamaRoutes(Router& router, Service& service);

}  // namespace glmocr::server
