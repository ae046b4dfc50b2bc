// POST /v1/ocr in the shape of Mistral's OCR API, as its official client (mistralai) sends and
// reads it.
#pragma once

#include "jobs/document_job.h"
#include "server/router.h"
#include "server/service.h"

namespace glmocr::server {

// `threads` outlives the service's work queue.
void AddMistralRoutes(Router& router, Service& service, DocumentThreads& threads);

}  // namespace glmocr::server
