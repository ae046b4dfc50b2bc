// What all routes share: the model, the bounds, the threads.
#pragma once

#include <memory>

#include "layout/layout.h"
#include "pdf/confinement.h"
#include "pipeline/recognizer.h"
#include "server/admission.h"
#include "server/config.h"
#include "server/grammars.h"
#include "server/log.h"
#include "server/media_source.h"
#include "server/metrics.h"
#include "server/work_queue.h"

namespace glmocr::server {

// Of the engine's requests, where documents have 0: a single question goes before the next crop of
// a document, except for the places that the recogniser keeps for the lowest priority.
inline constexpr int32_t kInteractivePriority = 1;

struct Service {
  const ServerConfig& config;
  Recognizer& recognizer;
  std::shared_ptr<const LayoutEngine> layout;
  Log& log;
  Metrics& metrics;
  const ConfinementState& confinement;  // of the workers that decode
  DocumentThreads& page_threads;        // read the pages that text requests show; no uploads
  MediaSource media{config, log};
  Admission admission{config.max_queue};
  // Bytes of pictures that wait for their answer.
  Admission prepared_bytes{config.max_prepared_bytes};
  Grammars grammars{recognizer.processor().tokenizer(), recognizer.runner().info().eos_token_ids};
  WorkQueue work{config.workers};  // last: its threads end first
};

}  // namespace glmocr::server
