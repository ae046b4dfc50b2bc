// GET /health, /ready, /v1/models: answered on the network's thread, without asking the engine.
#pragma once

#include <atomic>

#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

void AddHealthRoutes(Router& router, Service& service, const std::atomic<bool>& ready);

}  // namespace glmocr::server
