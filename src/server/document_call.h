// Documents that are read while their client waits: the request holds its place until the answer's
// end, and reading ends when the client goes. Include this only in .cc files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/document_request.h"
#include "jobs/document_job.h"
#include "server/json_call.h"

namespace glmocr::server {

struct DocumentReference {
  std::string reference;  // as MediaSource::Open takes it
  std::string field;      // of the request, "images[2]"
};

struct DocumentCall {
  std::vector<DocumentReference> documents;
  DocumentRequest request;  // `password`, `dpi` and what is about PDF are not used
  bool keep_image = false;
  // Pages of one document come in order; those of several documents interleave. One call at a time.
  std::function<Status(size_t document, ReadPage page)> on_page;
  // All of them are read, at least in part. Answers.
  std::function<void(int pages_failed)> on_done;
};

// Answers with the error where a document cannot be read at all.
void ReadDocuments(Service& service, DocumentThreads& threads, const JsonCall& call,
                   ErrorShape errors, DocumentCall documents);

}  // namespace glmocr::server
