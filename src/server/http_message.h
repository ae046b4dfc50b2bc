// One HTTP exchange as handlers see it: a request that is wholly read, and a Responder that answers
// it, at once or piece by piece, from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "server/admission.h"
#include "server/file_body.h"

namespace glmocr::server {

struct HttpRequest {
  std::string method;  // "GET", "POST", ...
  std::string target;  // as sent
  std::string path;    // the target before '?', as sent: no route of ours needs percent-decoding
  std::string query;   // after '?', as sent
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string peer;      // address of the connection's other end, "127.0.0.1"
  std::string id;        // the client's X-Request-Id where it is well-formed, else made here
  std::string trace_id;  // of a W3C traceparent header, 32 hex digits; or empty
  std::string key_name;  // of the API key that authorised it; empty without keys
  // Parts of the path that the route's pattern left open, in order.
  std::vector<std::string> path_values;
  int route = -1;        // index into Router::routes
  bool entered = false;  // counted against the key's limits
  // The body's bytes, counted against those of all bodies for as long as the request is there.
  Admission::Ticket body_place;

  // The first header of that (lower-case) name; empty without.
  std::string_view Header(std::string_view name) const {
    for (const auto& [n, value] : headers) {
      if (n == name) return value;
    }
    return {};
  }
  // Whom what the request holds counts for: its key, without keys the address it came from.
  const std::string& Owner() const { return key_name.empty() ? peer : key_name; }
  // Of the body, in lower case and without parameters: "text/html" for "text/HTML; charset=utf-8".
  std::string MediaType() const {
    std::string_view type = Header("content-type");
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    return ToLowerAscii(type);
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// The way back to one client. Calls may come from any thread and never block; what a slow client
// has not taken yet waits here, up to the server's bound, beyond which the client is dropped.
// Either Send, or SendFile, or Begin, any number of Write, End. One that goes away unanswered answers 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void Send(HttpResponse response) = 0;
  // As Send, with a file's bytes as the body (`head.body` stays empty): they are read a slice at a
  // time, as the client takes them.
  virtual void SendFile(HttpResponse head, std::shared_ptr<const FileBody> file) = 0;
  // The head of a streaming answer; `head.body` is its first piece.
  virtual void Begin(HttpResponse head) = 0;
  virtual void Write(std::string_view bytes) = 0;
  virtual void End() = 0;
  // The client has gone, or was dropped; what is written now goes nowhere.
  virtual bool gone() const = 0;
  // Called once, on the network's thread, when the client goes before the answer's end; at once if
  // it is gone. It must return soon.
  virtual void OnGone(std::function<void()> callback) = 0;
};

using HttpHandler =
    std::function<void(std::shared_ptr<const HttpRequest>, std::shared_ptr<Responder>)>;

}  // namespace glmocr::server
