// For tests: a server on a free port with the starter model, and a blocking HTTP client. Include
// this only in tests.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "media/image.h"
#include "pipeline/recognizer.h"
#include "server/server.h"

namespace glmocr::server {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  nlohmann::json Json() const;  // a test failure and null when it is none
  // The objects of "data: {...}" lines, without [DONE].
  std::vector<nlohmann::json> Events() const;
  // The "event: name" lines.
  std::vector<std::string> EventNames() const;
  // One object a line.
  std::vector<nlohmann::json> Lines() const;
};

// A connection whose answer is read piece by piece.
class OpenCall {
 public:
  virtual ~OpenCall() = default;  // closes the connection
  // Waits for more of the answer; false at its end.
  virtual bool Read() = 0;
  virtual const std::string& bytes() const = 0;  // all that came, the head included
};

class TestServer {
 public:
  // `edit` changes the configuration; host and port are set already.
  explicit TestServer(const std::function<void(ServerConfig&)>& edit = {});
  ~TestServer();

  HttpReply Get(const std::string& path);
  HttpReply Post(const std::string& path, const nlohmann::json& body);
  // The answer to a request that must succeed; the error object of one that must be refused.
  nlohmann::json Good(const std::string& path, const nlohmann::json& body);
  nlohmann::json Refused(const std::string& path, const nlohmann::json& body, int status = 400);
  HttpReply Send(const std::string& method, const std::string& path, const std::string& body,
                 const std::map<std::string, std::string>& headers);
  // A POST whose answer is not waited for.
  std::unique_ptr<OpenCall> Open(const std::string& path, const nlohmann::json& body);
  Server& server() { return *server_; }
  // True once nothing runs or waits in the engine; false after `seconds`.
  bool BecomesIdle(double seconds);

  Recognizer& recognizer() { return *recognizer_; }

 private:
  std::unique_ptr<Recognizer> recognizer_;  // its own: a server that ends stops the engine
  std::unique_ptr<Server> server_;
};

// `request` with the members of `more` added or put in place of its own.
nlohmann::json With(nlohmann::json request, const nlohmann::json& more);

// The starter model's tokens.
const Tokenizer& StarterTokenizer();
// A logit_bias under which no token comes that ends an answer.
nlohmann::json EndlessBias();

// A line of tests/golden/lines/document_clean with what the starter model's training code read.
struct GoldenLine {
  Image image;
  std::string text;
  std::string uri;  // the picture as a data: URI, PNG
};
const std::vector<GoldenLine>& GoldenLines();
std::string PngUri(const Image& image);

}  // namespace glmocr::server
