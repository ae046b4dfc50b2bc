// The server as a whole: routes over a loaded model, from listening to the last answer.
//
//   GLM_ASSIGN(std::unique_ptr<Server> server, Server::Start(config, recognizer, layout));
//   ... wait for a signal ...
//   server->Drain();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "layout/layout.h"
#include "pipeline/recognizer.h"
#include "server/config.h"

namespace glmocr::server {

class Server {
 public:
  // Errors: those of Validate(config) and HttpServer::Start; kNotFound: the worker program that
  // decodes files. `recognizer` outlives the server;
  // `layout` is not null.
  static Result<std::unique_ptr<Server>> Start(const ServerConfig& config, Recognizer& recognizer,
                                               std::shared_ptr<const LayoutEngine> layout);
  ~Server();

  uint16_t port() const;
  // "GET /v1/models", ...: what it answers.
  std::vector<std::string> routes() const;
  // Takes no new connection or request, gives what runs config.drain_timeout_s to end, and cancels
  // the rest. /ready says no from now on. The recogniser's engine is stopped as well: it takes no
  // more requests.
  void Drain();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmocr::server
