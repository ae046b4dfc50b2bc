// The document APIs of the model's makers: their SDK's server (POST /glmocr/parse) and their cloud
// (POST /api/paas/v4/layout_parsing). docs/documents_api.md says what is the same.
#pragma once

#include "jobs/document_job.h"
#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `threads` outlives the service's work queue.
void AddSdkRoutes(Router& router, Service& service, DocumentThreads& threads);

}  // namespace glmocr::server
