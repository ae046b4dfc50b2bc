// What is measured, for Prometheus (docs/metrics.md lists the names, vLLM's where it has one).
//
// Counters of the engine, the network and the process are read when they are asked for; only
// latencies and what no counter knows are recorded as they happen. Recording takes well under a
// microsecond, so it may be done on the engine's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "engine/stats.h"
#include "jobs/document_job.h"
#include "server/http_server.h"
#include "server/router.h"

namespace glmocr::server {

// Where the numbers of the moment come from. Each may be called from any thread; empty ones are
// left out.
struct MetricsSources {
  std::function<EngineStats()> engine;
  std::function<HttpServerStats()> http;
  struct Queue {
    int64_t active = 0, limit = 0, refused = 0, unprepared = 0;
  };
  std::function<Queue()> queue;
};

class Metrics : public DocumentObserver {
 public:
  Metrics();
  ~Metrics() override;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Before the first Text().
  void SetSources(MetricsSources sources);

  // A text API's generations; from any thread. The time between two tokens of one answer:
  void InterToken(double seconds);
  // One answer (choice) has ended.
  void Generation(const Outcome& outcome);
  // A request was answered. `pattern`: of its route, never the path as sent; empty without one.
  // Status 0: the client went before.
  void Http(std::string_view method, std::string_view pattern, int status, double seconds);
  // A key's request was refused (429) by its limits, or let in.
  void KeyRequest(const std::string& key_name, bool refused);

  // Documents: one was taken, a page of one was read (or could not be), one has ended
  // ("succeeded", "failed", "cancelled", "partial").
  void DocumentBegun() override;
  void DocumentPage(double seconds, bool ok) override;
  void DocumentEnded(std::string_view status, double seconds) override;

  // In Prometheus' text format, version 0.0.4.
  std::string Text() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// GET /metrics.
void AddMetricsRoute(Router& router, const Metrics& metrics, const ServerConfig& config);

}  // namespace glmocr::server
