// What all routes share: the model, the bounds, the threads.
#pragma once

#include <memory>

#include "layout/layout.h"
#include "pipeline/recognizer.h"
#include "server/config.h"
#include "server/grammars.h"
#include "server/log.h"
#include "server/media_source.h"
#include "server/metrics.h"
#include "server/work_queue.h"

namespace glmocr::server {

// Priorities of the engine's requests: a single question goes before the next crop of a document.
inline constexpr int32_t kInteractivePriority = 1;
inline constexpr int32_t kDocumentPriority = 0;

struct Service {
  const ServerConfig& config;
  Recognizer& recognizer;
  std::shared_ptr<const LayoutEngine> layout;
  Log& log;
  Metrics& metrics;
  MediaSource media{config, log};
  Admission admission{config.max_queue};
  // Bytes of pictures that wait for their answer.
  Admission prepared_bytes{config.max_prepared_bytes};
  // Places with kInteractivePriority. Fewer than the batch has, so that documents go on whatever
  // else is asked.
  Admission fast_lane;
  Grammars grammars{recognizer.processor().tokenizer(), recognizer.runner().info().eos_token_ids};
  WorkQueue work{config.workers};  // last: its threads end first
};

}  // namespace glmocr::server
