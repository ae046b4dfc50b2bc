#include "server/document_call.h"

#include <algorithm>
#include <mutex>

namespace glmocr::server {
namespace {

struct Reading {
  DocumentCall call;
  std::shared_ptr<const HttpRequest> request;
  std::shared_ptr<Responder> responder;
  Admission::Ticket ticket;
  ErrorShape errors = ErrorShape::kOpenAi;
  Log* log = nullptr;

  std::mutex page_mutex;  // on_page
  std::mutex mutex;       // of the following
  std::vector<std::shared_ptr<DocumentJob>> runs;
  size_t left = 0;
  int pages_failed = 0;
  std::optional<ApiError> error;

  void Cancel() {
    std::lock_guard lock(mutex);
    for (const auto& run : runs) run->Cancel();
  }

  void Finish(size_t document, const DocumentOutcome& outcome) {
    const bool nothing = outcome.pages_failed == outcome.pages_read;
    std::optional<Error> failure = outcome.error;
    if (!failure && nothing) failure = Error{ErrorCode::kCorrupt, outcome.first_failure};
    bool last = false;
    {
      std::lock_guard lock(mutex);
      pages_failed += outcome.pages_failed;
      if (failure) {
        log->Info("document not read", {{"request_id", request->id}, {"error", failure->message}});
        if (!error) {
          error = ApiErrorOf(*failure, call.documents[document].field);
          if (failure->code == ErrorCode::kCancelled) {
            error = ApiError{.status = 503,
                             .message = "Reading ended early: " + failure->message + ".",
                             .retry_after_s = 5};
          }
        }
        // The answer is known.
        for (const auto& run : runs) run->Cancel();
      }
      last = --left == 0;
      if (last) runs.clear();
    }
    if (!last) return;
    if (error) {
      responder->Send(ErrorResponse(*error, errors, *request));
    } else {
      call.on_done(pages_failed);
    }
    ticket.reset();
  }
};

}  // namespace

void ReadDocuments(Service& service, DocumentThreads& threads, const JsonCall& call,
                   ErrorShape errors, DocumentCall documents) {
  auto reading = std::make_shared<Reading>();
  reading->call = std::move(documents);
  reading->request = call.request;
  reading->responder = call.responder;
  reading->ticket = call.ticket;
  reading->errors = errors;
  reading->log = &service.log;
  const size_t n = reading->call.documents.size();
  reading->left = n;
  std::vector<std::shared_ptr<DocumentJob>> runs;
  for (size_t i = 0; i < n; ++i) {
    DocumentReference& document = reading->call.documents[i];
    DocumentTask task;
    task.name = document.field;
    task.pages = reading->call.request.pages;
    task.max_pages = service.config.max_pages;
    task.time_s = service.config.document_timeout_s;
    task.reader = ReaderOptionsOf(service, reading->call.request);
    task.reader.keep_image = reading->call.keep_image;
    task.open = [&service, reference = std::move(document.reference), name = document.field,
                 request = call.request, responder = call.responder]() mutable {
      // Its text goes when it is decoded.
      return service.media.Open({.reference = std::exchange(reference, {}),
                                 .name = name,
                                 .request_id = request->id,
                                 .owner = request->key_name,
                                 .cancelled = [responder] { return responder->gone(); }});
    };
    task.on_page = [reading, i](ReadPage page) {
      std::lock_guard lock(reading->page_mutex);
      return reading->call.on_page(i, std::move(page));
    };
    task.on_done = [reading, i](const DocumentOutcome& outcome) { reading->Finish(i, outcome); };
    task.observer = &service.metrics;
    runs.push_back(std::make_shared<DocumentJob>(service.recognizer, std::move(task)));
  }
  {
    std::lock_guard lock(reading->mutex);
    reading->runs = runs;
  }
  call.responder->OnGone([weak = std::weak_ptr<Reading>(reading)] {
    if (const auto alive = weak.lock()) alive->Cancel();
  });
  for (auto& run : runs) threads.Add(std::move(run));
}

}  // namespace glmocr::server
