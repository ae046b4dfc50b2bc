#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "jobs/document_job.h"
#include "pdf/locate.h"
#include "server/capabilities.h"
#include "server/documents_api.h"
#include "server/health.h"
#include "server/jobs.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/mistral_api.h"
#include "server/ollama.h"
#include "server/openai_chat.h"
#include "server/openai_completions.h"
#include "server/openai_responses.h"
#include "server/openapi.h"
#include "server/router.h"
#include "server/sdk_api.h"
#include "server/service.h"
#include "server/web_page.h"

namespace glmocr::server {
namespace {

LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerConfig& config, Recognizer& recognizer,
       std::shared_ptr<const LayoutEngine> layout, const ConfinementState& confinement)
      : config_(config),
        confinement_(confinement),
        log_(LevelOf(config.log_level), config.log_format == "json"),
        keys_(config.keys),
        service_{.config = config_,
                 .recognizer = recognizer,
                 .layout = std::move(layout),
                 .log = log_,
                 .metrics = metrics_,
                 .confinement = confinement_,
                 .page_threads = page_threads_},
        router_(config_, keys_) {}

  Status Start() {
    const bool whole = confinement_.confined() && confinement_.landlock_abi > 0;
    const std::string state = ToText(confinement_);
    if (whole)
      log_.Info("decoding is confined", {{"by", state}});
    else
      log_.Warning("decoding is not fully confined", {{"by", state}});
    AddHealthRoutes(router_, service_, ready_);
    AddChatRoutes(router_, service_);
    AddCompletionRoutes(router_, service_);
    AddResponseRoutes(router_, service_);
    AddOllamaRoutes(router_, service_);
    AddMetricsRoute(router_, metrics_, config_);
    metrics_.SetSources({.engine = [this] { return service_.recognizer.stats(); },
                         .http = [this] { return listening_ ? http_->stats() : HttpServerStats(); },
                         .queue =
                             [this] {
                               return MetricsSources::Queue{
                                   service_.admission.active(), config_.max_queue,
                                   service_.admission.refused(),
                                   static_cast<int64_t>(service_.work.size())};
                             }});
    documents_ = std::make_unique<DocumentThreads>(std::max(1, config_.document_workers));
    GLM_ASSIGN(jobs_, Jobs::Open(service_, *documents_));
    AddDocumentRoutes(router_, service_, *jobs_);
    AddSdkRoutes(router_, service_, *documents_);
    AddMistralRoutes(router_, service_, *documents_);
    AddCapabilityRoutes(router_, service_);
    AddOpenApiRoute(router_);
    AddWebPageRoutes(router_);  // after what /capabilities lists
    GLM_ASSIGN(http_,
               HttpServer::Start(
                   config_.http,
                   {.on_header = [this](HttpRequest& request) { return router_.Check(request); },
                    .on_request =
                        [this](std::shared_ptr<const HttpRequest> request,
                               std::shared_ptr<Responder> responder) {
                          router_.Dispatch(std::move(request), std::move(responder));
                        },
                    .on_done = [this](const HttpRequest& request, int status, size_t sent,
                                      double seconds) { Done(request, status, sent, seconds); }}));
    listening_ = true;
    jobs_->Start();
    ready_ = true;
    return OkStatus();
  }

  ~Impl() {
    Drain();
    StopDocuments();
    http_.reset();
  }

  void Drain() {
    if (!ready_.exchange(false)) return;
    log_.Info("draining", {{"running", service_.admission.active()}});
    http_->StopListening();
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(config_.drain_timeout_s);
    while (service_.admission.active() > 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    // Places are given back a moment before the answers' last bytes are handed on.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    StopDocuments();
    service_.recognizer.CancelAll();
    log_.Info("stopped", {});
  }

  uint16_t port() const { return http_->port(); }
  std::vector<std::string> routes() const { return router_.RouteNames(); }

 private:
  // Before the engine's end, so that what is unfinished is left to the next process.
  void StopDocuments() {
    if (jobs_) jobs_->Stop();
    if (documents_) documents_->Stop();
    page_threads_.Stop();
  }

  void Done(const HttpRequest& request, int status, size_t sent, double seconds) {
    router_.Done(request);
    const std::string pattern =
        request.route < 0 ? "" : router_.routes()[static_cast<size_t>(request.route)].pattern;
    metrics_.Http(request.method, pattern, status, seconds);
    if (!request.key_name.empty()) metrics_.KeyRequest(request.key_name, !request.entered);
    log_.Info("request", {{"request_id", request.id},
                          {"trace_id", request.trace_id},
                          {"peer", request.peer},
                          {"key", request.key_name},
                          {"method", request.method.substr(0, 16)},
                          {"target", request.target.substr(0, 256)},
                          {"status", static_cast<int64_t>(status)},
                          {"received_bytes", static_cast<int64_t>(request.body.size())},
                          {"sent_bytes", static_cast<int64_t>(sent)},
                          {"seconds", seconds}});
  }

  const ServerConfig config_;
  const ConfinementState confinement_;
  Log log_;
  Metrics metrics_;
  KeyRing keys_;
  // Above the service, whose threads use them.
  DocumentThreads page_threads_{std::max(1, config_.workers)};
  std::unique_ptr<Jobs> jobs_;
  std::unique_ptr<DocumentThreads> documents_;
  Service service_;
  Router router_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> listening_{false};  // http_ is set
  std::unique_ptr<HttpServer> http_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Start(const ServerConfig& config, Recognizer& recognizer,
                                              std::shared_ptr<const LayoutEngine> layout) {
  GLM_CHECK(layout != nullptr);
  GLM_RETURN_IF_ERROR(Validate(config));
  // Without its worker no picture can be opened: better said now than to each client.
  GLM_RETURN_IF_ERROR(pdf::FindWorker());
  GLM_ASSIGN(const ConfinementState confinement, TryConfinement());
  if (!confinement.confined() && !config.allow_unconfined_decoding) {
    return Error{ErrorCode::kUnsupported,
                 "this system does not let the processes that decode pictures and PDF files be "
                 "confined (" +
                     ToText(confinement) +
                     "): a hostile file could do what this user can. Use a kernel, or settings of "
                     "the container, with seccomp filters; or start with "
                     "--allow-unconfined-decoding if all clients are trusted"};
  }
  auto impl = std::make_unique<Impl>(config, recognizer, std::move(layout), confinement);
  GLM_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const { return impl_->port(); }
std::vector<std::string> Server::routes() const { return impl_->routes(); }
void Server::Drain() { impl_->Drain(); }

}  // namespace glmocr::server
