// The network's side: connections, HTTP/1.1, TLS, time and size limits. Knows nothing of routes.
//
// One thread runs all sockets (Boost.Asio, Boost.Beast); handlers must not block it. A request's
// header is shown to `on_header` before its body is read, so that what has no key, no route or too
// large a body costs nothing. Bodies count as they come, for as long as anybody has the request;
// when connections run out, the one that has waited longest gives way to a new one. The client's
// end of the connection is watched while its answer is made, so that work for a client that left is
// dropped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/result.h"
#include "server/http_message.h"

namespace glmocr::server {

struct HttpLimits {
  size_t max_header_bytes = size_t{32} << 10;
  size_t max_buffered_bytes = size_t{1} << 30;         // request bodies of all connections together
  size_t max_unsent_bytes = size_t{64} << 20;          // of one streamed answer
  size_t max_unsent_bytes_in_sum = size_t{512} << 20;  // of all answers that are held in memory
  int max_connections = 4096;
  double idle_timeout_s = 75;    // between requests of a connection
  double header_timeout_s = 10;  // from a request's first byte to its header's end
  // For a body: so much, and a second more for each `min_bytes_per_s` that have come.
  double body_timeout_s = 20;
  double min_bytes_per_s = 32 << 10;
  double write_timeout_s = 30;  // for a client to take 256 KiB, or less where there is less
};

struct TlsOptions {
  std::string certificate;  // PEM file, the chain; empty: no TLS
  std::string private_key;  // PEM file
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an address of this machine, or a name that has one
  uint16_t port = 8080;            // 0: any that is free
  HttpLimits limits;
  TlsOptions tls;
};

// What is decided when the header has come: an answer (the body is not read), or how many bytes of
// body may follow.
struct BodyLimit {
  size_t max_bytes = 0;
};
using HeaderVerdict = std::variant<BodyLimit, HttpResponse>;

struct HttpServerStats {
  int64_t connections = 0;        // open now
  int64_t connections_total = 0;  // accepted since the start
  int64_t refused_connections = 0;
  int64_t buffered_bytes = 0;  // request bodies
  int64_t unsent_bytes = 0;    // of answers
  int64_t failed = 0;          // connections that ended with the server's lack of memory
};

class HttpServer {
 public:
  struct Callbacks {
    // On the network's thread. May add to the request (key_name, path_values).
    std::function<HeaderVerdict(HttpRequest&)> on_header;
    HttpHandler on_request;  // on the network's thread: must return soon
    // An answer was given (or the client went): status, bytes sent, seconds since the header.
    // Status 0: the client went before one was begun.
    std::function<void(const HttpRequest&, int status, size_t sent_bytes, double seconds)> on_done;
  };

  // Listens. kInvalidArgument: no such address, or certificate; kIo: the port is taken.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   Callbacks callbacks);
  ~HttpServer();  // StopListening; closes what is open

  uint16_t port() const;
  HttpServerStats stats() const;
  // No new connections, and open ones close after their present answer. Returns at once.
  void StopListening();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmocr::server
