// Documents in the background: upload, progress, result (/v1/documents).
#pragma once

#include "server/jobs.h"
#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `jobs` outlives the service's work queue.
void AddDocumentRoutes(Router& router, Service& service, Jobs& jobs);

}  // namespace glmocr::server
