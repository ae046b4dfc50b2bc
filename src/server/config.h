// Everything that an operator may choose, with the values that hold when nothing is said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fetch/fetch.h"
#include "server/http_server.h"
#include "server/keys.h"

namespace glmocr::server {

struct ServerConfig {
  HttpServerOptions http;
  std::vector<ApiKey> keys;  // empty: none is asked for, which only loopback addresses allow
  std::vector<std::string> allowed_hosts;  // Host headers, beside the address listened on; "*": any
  std::vector<std::string> allowed_origins;   // of web pages elsewhere that may call (CORS)
  std::string served_model_name = "glm-ocr";  // what /v1/models says
  // Further names under which requests may ask for it: what the tested clients and the recipes of
  // GLM-OCR's authors send. "*": any.
  std::vector<std::string> model_aliases = {"glm-ocr", "GLM-OCR", "zai-org/GLM-OCR", "glmocr",
                                            "mistral-ocr-latest"};

  // Work
  int64_t max_queue = 512;         // generations queued or running; more get 429
  int workers = 2;                 // threads that decode and prepare requests
  double request_timeout_s = 600;  // of one generation; a document has document_timeout_s
  double document_timeout_s = 3600;
  // Tokens of a stream that come faster than this go out together.
  double stream_interval_s = 0.05;
  double drain_timeout_s = 30;  // SIGTERM: running answers may end

  // Bounds of what a request may hold
  size_t max_body_bytes = size_t{64} << 20;
  size_t max_upload_bytes = size_t{256} << 20;  // of a document
  int64_t max_image_pixels = 64'000'000;
  int max_images = 32;
  // Pictures made ready for the model and not yet answered, of all requests together.
  int64_t max_prepared_bytes = int64_t{4} << 30;
  int max_pages = 1000;
  int64_t max_tokens = 16384;
  size_t max_json_values = 100000;  // of one request: numbers, strings, objects, ...
  int max_choices = 8;

  // Files that requests name
  FetchPolicy fetch;  // web addresses; off
  // Where pictures are decoded. "each": in a confined process of its own, some 8 ms of processor
  // time; what a codec does wrong with a hostile file ends with that file. "shared": JPEG, PNG, BMP
  // and PNM in one that the same API key's pictures take in turn. "off": in the server, for an
  // operator who knows all clients.
  std::string picture_worker = "shared";
  // Without seccomp a decoder that is taken over can do what the server's user can.
  bool allow_unconfined_decoding = false;
  std::string media_path;  // the folder below which files may be named; empty: none may

  // Jobs
  std::string data_dir;  // private: uploads, results, the job database; empty: a temporary one
  int document_workers = 2;
  int max_jobs = 1000;             // kept, finished ones included
  double keep_jobs_s = 24 * 3600;  // finished ones
  // Uploads and results together; the oldest finished jobs make room.
  uint64_t max_stored_bytes = uint64_t{16} << 30;

  std::string log_level = "info";   // debug, info, warning, error
  std::string log_format = "json";  // or text
  bool metrics_public = false;      // GET /metrics asks for no key
};

// kInvalidArgument with what to change: an address that others reach without a key, bounds that
// contradict each other.
Status Validate(const ServerConfig& config);
// Whether only programs of this machine reach that address.
bool IsLoopback(const std::string& host);

}  // namespace glmocr::server
