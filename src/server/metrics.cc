#include "server/metrics.h"

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace glmocr::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Seconds from a millisecond to the request timeout.
const prometheus::Histogram::BucketBoundaries kLatencyBuckets = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,  1,   2.5,
    5,     10,     20,    40,   80,    160,  320, 640,  1280, 2560};
const prometheus::Histogram::BucketBoundaries kTokenGapBuckets = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15,
    0.2,    0.3,   0.4,    0.5,   0.75, 1,     2.5,  5,     10};
const prometheus::Histogram::BucketBoundaries kTokenBuckets = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000};

constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "DELETE", "OPTIONS", "PUT"};
constexpr FinishReason kReasons[] = {FinishReason::kStop,       FinishReason::kLength,
                                     FinishReason::kStopString, FinishReason::kLoop,
                                     FinishReason::kCancelled,  FinishReason::kDeadline,
                                     FinishReason::kError};

// One family with one value, or with values by one label.
class Families {
 public:
  void Counter(const char* name, const char* help, double value) {
    Add(name, help, MetricType::Counter, "", "", value);
  }
  void Gauge(const char* name, const char* help, double value) {
    Add(name, help, MetricType::Gauge, "", "", value);
  }
  void CounterBy(const char* name, const char* help, const char* label, const std::string& of,
                 double value) {
    Add(name, help, MetricType::Counter, label, of, value);
  }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  void Add(const char* name, const char* help, MetricType type, const char* label,
           const std::string& of, double value) {
    if (families_.empty() || families_.back().name != name)
      families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
    ClientMetric metric;
    if (*label != 0) metric.label.push_back({label, of});
    if (type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    families_.back().metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> families_;
};

void AddEngine(const EngineStats& s, Families* out) {
  const auto d = [](int64_t n) { return static_cast<double>(n); };
  out->Gauge("glmocr_num_requests_running", "Sequences in the engine's batch.", d(s.running));
  out->Gauge("glmocr_num_requests_waiting", "Sequences that wait for the engine.", d(s.waiting));
  out->Counter("glmocr_num_preemptions_total", "Sequences put back to make room in the cache.",
               d(s.preemptions));
  out->Gauge("glmocr_kv_cache_usage_perc", "Used share of the key/value cache, 0 to 1.",
             s.blocks_total == 0 ? 0 : 1 - d(s.blocks_available) / d(s.blocks_total));
  out->Counter("glmocr_prefix_cache_queries_total",
               "Prompt tokens that were looked for in the prefix cache.",
               d(s.prefill_tokens + s.cached_prompt_tokens));
  out->Counter("glmocr_prefix_cache_hits_total", "Of these, found there.",
               d(s.cached_prompt_tokens));
  out->Counter("glmocr_mm_cache_queries_total", "Pictures that the engine needed embedded.",
               d(s.encoded_images + s.encoder_cache_hits));
  out->Counter("glmocr_mm_cache_hits_total", "Of these, found in the encoder cache.",
               d(s.encoder_cache_hits));
  out->Counter("glmocr_prompt_tokens_total", "Prompt tokens computed, documents included.",
               d(s.prefill_tokens));
  out->Counter("glmocr_generation_tokens_total", "Tokens generated, documents included.",
               d(s.generated_tokens));
  out->Counter("glmocr_engine_requests_total", "Sequences given to the engine.", d(s.submitted));
  out->Counter("glmocr_engine_requests_failed_total", "Of these, ended by an error.", d(s.failed));
  out->Counter("glmocr_engine_steps_total", "Steps of the engine.", d(s.steps));
  const char* part_help = "Seconds in the model, by part.";
  out->CounterBy("glmocr_engine_seconds_total", part_help, "part", "step", s.step_s);
  out->CounterBy("glmocr_engine_seconds_total", part_help, "part", "draft", s.draft_s);
  out->CounterBy("glmocr_engine_seconds_total", part_help, "part", "encode", s.encode_s);
  out->Counter("glmocr_spec_decode_num_drafts_total", "Sequence steps with drafted tokens (MTP).",
               d(s.verify_steps));
  out->Counter("glmocr_spec_decode_num_draft_tokens_total", "Tokens drafted.", d(s.drafted_tokens));
  out->Counter("glmocr_spec_decode_num_accepted_tokens_total", "Of these, accepted.",
               d(s.accepted_tokens));
  for (size_t i = 0; i < s.accepted_at.size(); ++i) {
    out->CounterBy("glmocr_spec_decode_num_accepted_tokens_per_pos_total",
                   "Accepted drafts by their position in the draft.", "position", std::to_string(i),
                   d(s.accepted_at[i]));
  }
  out->Gauge("glmocr_spec_decode_drafts_per_step", "Tokens drafted a step now; 0: off.",
             s.n_drafts);
}

void AddHttp(const HttpServerStats& s, Families* out) {
  out->Gauge("glmocr_http_connections", "Open connections.", static_cast<double>(s.connections));
  out->Counter("glmocr_http_connections_total", "Connections accepted.",
               static_cast<double>(s.connections_total));
  out->Counter("glmocr_http_connections_refused_total",
               "Connections closed at once, because max_connections were open.",
               static_cast<double>(s.refused_connections));
  out->Gauge("glmocr_http_buffered_bytes", "Bytes of request bodies in memory.",
             static_cast<double>(s.buffered_bytes));
}

void AddQueue(const MetricsSources::Queue& q, Families* out) {
  out->Gauge("glmocr_queue_depth", "Requests that hold a place of max_queue.",
             static_cast<double>(q.active));
  out->Gauge("glmocr_queue_limit", "max_queue.", static_cast<double>(q.limit));
  out->Counter("glmocr_queue_refused_total", "Requests answered 429 for want of a place.",
               static_cast<double>(q.refused));
  out->Gauge("glmocr_requests_unprepared", "Requests that wait for a worker to decode them.",
             static_cast<double>(q.unprepared));
}

double StartTime() {
  // Field 22 of /proc/self/stat, in ticks since boot; the name (field 2) may hold spaces.
  double boot = 0;
  unsigned long long ticks = 0;  // NOLINT(google-runtime-int): scanf
  if (std::FILE* f = std::fopen("/proc/stat", "re"); f != nullptr) {
    char line[512];
    unsigned long long value = 0;  // NOLINT(google-runtime-int)
    while (std::fgets(line, sizeof(line), f) != nullptr) {
      if (std::sscanf(line, "btime %llu", &value) == 1)  // NOLINT(cert-err34-c)
        boot = static_cast<double>(value);
    }
    std::fclose(f);
  }
  if (std::FILE* f = std::fopen("/proc/self/stat", "re"); f != nullptr) {
    char text[1024] = {};
    const size_t n = std::fread(text, 1, sizeof(text) - 1, f);
    std::fclose(f);
    const std::string_view all(text, n);
    size_t at = all.rfind(')');
    for (int field = 2; field < 22 && at != std::string_view::npos; ++field)
      at = all.find(' ', at + 1);
    if (at != std::string_view::npos) ticks = std::strtoull(text + at, nullptr, 10);
  }
  return boot + static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// The names that every client library of Prometheus gives them.
void AddProcess(double start_time, Families* out) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  out->Counter("process_cpu_seconds_total", "User and system time.",
               seconds(usage.ru_utime) + seconds(usage.ru_stime));
  if (std::FILE* f = std::fopen("/proc/self/statm", "re"); f != nullptr) {
    long long size = 0, resident = 0;                          // NOLINT(google-runtime-int): scanf
    if (std::fscanf(f, "%lld %lld", &size, &resident) == 2) {  // NOLINT(cert-err34-c)
      const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
      out->Gauge("process_virtual_memory_bytes", "Address space.",
                 static_cast<double>(size) * page);
      out->Gauge("process_resident_memory_bytes", "Resident memory.",
                 static_cast<double>(resident) * page);
    }
    std::fclose(f);
  }
  if (DIR* folder = ::opendir("/proc/self/fd"); folder != nullptr) {
    int n = -3;  // ".", ".." and this one
    while (::readdir(folder) != nullptr) ++n;
    ::closedir(folder);
    out->Gauge("process_open_fds", "Open file descriptors.", n);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out->Gauge("process_max_fds", "Most file descriptors.", static_cast<double>(limit.rlim_cur));
  out->Gauge("process_start_time_seconds", "Start, since the epoch.", start_time);
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  MetricsSources sources;
  const double start_time = StartTime();

  prometheus::Histogram& Simple(const char* name, const char* help,
                                const prometheus::Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
  }

  prometheus::Histogram& first_token =
      Simple("glmocr_time_to_first_token_seconds",
             "From a text request's queueing to its first token.", kLatencyBuckets);
  prometheus::Histogram& inter_token = Simple(
      "glmocr_inter_token_latency_seconds", "Between two tokens of one answer.", kTokenGapBuckets);
  prometheus::Histogram& e2e =
      Simple("glmocr_e2e_request_latency_seconds", "From a text request's queueing to its end.",
             kLatencyBuckets);
  prometheus::Histogram& queued =
      Simple("glmocr_request_queue_time_seconds",
             "From a text request's queueing to its first step.", kLatencyBuckets);
  prometheus::Histogram& prompt_tokens =
      Simple("glmocr_request_prompt_tokens", "Prompt tokens of a text request.", kTokenBuckets);
  prometheus::Histogram& generated_tokens = Simple(
      "glmocr_request_generation_tokens", "Tokens generated for a text request.", kTokenBuckets);
  prometheus::Family<prometheus::Counter>& finished =
      prometheus::BuildCounter()
          .Name("glmocr_request_success_total")
          .Help("Text requests' answers that ended, by reason; errors included.")
          .Register(registry);
  std::array<prometheus::Counter*, std::size(kReasons)> finished_by{};

  prometheus::Family<prometheus::Counter>& http_requests =
      prometheus::BuildCounter()
          .Name("glmocr_http_requests_total")
          .Help("HTTP requests by route, method and status; status 0: the client left first.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& http_seconds =
      prometheus::BuildHistogram()
          .Name("glmocr_http_request_duration_seconds")
          .Help("From a request's header to its answer's end.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& key_requests =
      prometheus::BuildCounter()
          .Name("glmocr_key_requests_total")
          .Help("Requests by the name of the API key.")
          .Register(registry);

  prometheus::Gauge& documents_running = prometheus::BuildGauge()
                                             .Name("glmocr_documents_running")
                                             .Help("Documents that are being read.")
                                             .Register(registry)
                                             .Add({});
  prometheus::Family<prometheus::Counter>& documents = prometheus::BuildCounter()
                                                           .Name("glmocr_documents_total")
                                                           .Help("Documents that ended, by status.")
                                                           .Register(registry);
  prometheus::Histogram& document_seconds = Simple(
      "glmocr_document_duration_seconds", "From a document's begin to its end.", kLatencyBuckets);
  prometheus::Family<prometheus::Counter>& pages =
      prometheus::BuildCounter()
          .Name("glmocr_pages_read_total")
          .Help("Pages of documents; rate() of it is pages a second.")
          .Register(registry);
  prometheus::Counter& pages_ok = pages.Add({{"result", "ok"}});
  prometheus::Counter& pages_failed = pages.Add({{"result", "failed"}});
  prometheus::Histogram& page_seconds =
      Simple("glmocr_page_duration_seconds", "From a page's begin to its end; pages overlap.",
             kLatencyBuckets);

  Impl() {
    for (size_t i = 0; i < std::size(kReasons); ++i)
      finished_by[i] =
          &finished.Add({{"finished_reason", std::string(FinishReasonName(kReasons[i]))}});
    prometheus::BuildGauge()
        .Name("glmocr_build_info")
        .Help("1, with the version as a label.")
        .Register(registry)
        .Add({{"version", GLMOCR_VERSION}})
        .Set(1);
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::SetSources(MetricsSources sources) { impl_->sources = std::move(sources); }

void Metrics::InterToken(double seconds) { impl_->inter_token.Observe(seconds); }

void Metrics::Generation(const Outcome& outcome) {
  Impl& m = *impl_;
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (kReasons[i] == outcome.reason) m.finished_by[i]->Increment();
  }
  if (outcome.usage.completion_tokens > 0) {
    m.first_token.Observe(outcome.timing.first_token_s);
    m.queued.Observe(outcome.timing.queued_s);
  }
  m.e2e.Observe(outcome.timing.total_s);
  m.prompt_tokens.Observe(static_cast<double>(outcome.usage.prompt_tokens));
  m.generated_tokens.Observe(static_cast<double>(outcome.usage.completion_tokens));
}

void Metrics::Http(std::string_view method, std::string_view pattern, int status, double seconds) {
  // A client's own word must not become a label: each new one is a series that stays.
  std::string known = "other";
  for (const std::string_view m : kMethods) {
    if (m == method) known = std::string(m);
  }
  const std::string route(pattern.empty() ? "none" : pattern);
  impl_->http_requests
      .Add({{"route", route}, {"method", known}, {"status", std::to_string(status)}})
      .Increment();
  impl_->http_seconds.Add({{"route", route}}, kLatencyBuckets).Observe(seconds);
}

void Metrics::KeyRequest(const std::string& key_name, bool refused) {
  impl_->key_requests.Add({{"key", key_name}, {"result", refused ? "refused" : "accepted"}})
      .Increment();
}

void Metrics::DocumentBegun() { impl_->documents_running.Increment(); }

void Metrics::DocumentPage(double seconds, bool ok) {
  (ok ? impl_->pages_ok : impl_->pages_failed).Increment();
  impl_->page_seconds.Observe(seconds);
}

void Metrics::DocumentEnded(std::string_view status, double seconds) {
  impl_->documents_running.Decrement();
  impl_->documents.Add({{"status", std::string(status)}}).Increment();
  impl_->document_seconds.Observe(seconds);
}

std::string Metrics::Text() const {
  Families now;
  const MetricsSources& sources = impl_->sources;
  if (sources.engine) AddEngine(sources.engine(), &now);
  if (sources.queue) AddQueue(sources.queue(), &now);
  if (sources.http) AddHttp(sources.http(), &now);
  AddProcess(impl_->start_time, &now);
  std::vector<MetricFamily> all = impl_->registry.Collect();
  for (MetricFamily& family : now.Take()) all.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(all);
}

void AddMetricsRoute(Router& router, const Metrics& metrics, const ServerConfig& config) {
  router.Add({.method = "GET",
              .pattern = "/metrics",
              .handler =
                  [&metrics](std::shared_ptr<const HttpRequest>, std::shared_ptr<Responder> r) {
                    r->Send({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                             .body = metrics.Text()});
                  },
              .access = config.metrics_public ? Access::kPublic : Access::kKey});
}

}  // namespace glmocr::server
