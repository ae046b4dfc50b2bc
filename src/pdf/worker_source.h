// What a worker makes pages of: a PDF or a picture. Runs in the worker process only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "pdf/protocol.h"

namespace glmocr::pdf {

// Where a reply goes.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void Begin(ReplyType type) = 0;  // once, first
  virtual void Write(const void* data, size_t n) = 0;
};

class WorkerSource {
 public:
  virtual ~WorkerSource() = default;
  virtual RequestType open_request() const = 0;
  virtual size_t max_payload_bytes() const = 0;  // of that request
  virtual bool reopens() const = 0;              // whether Open may be called again
  // `payload`: that of the request. A failure reason or nothing.
  virtual std::optional<FailureReason> Open(std::string payload) = 0;
  virtual uint32_t n_pages() const = 0;  // after Open
  // Writes the page's reply, or leaves `reply` alone and says why.
  virtual std::optional<FailureReason> Page(const PageRequest& request, ReplySink& reply) = 0;
};

}  // namespace glmocr::pdf
