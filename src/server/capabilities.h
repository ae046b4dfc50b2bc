// GET /capabilities: what this server can do, and its bounds.
#pragma once

#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// After all other routes: it lists them.
void AddCapabilityRoutes(Router& router, Service& service);

}  // namespace glmocr::server
