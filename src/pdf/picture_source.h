// A picture as a worker's source: media/decode.h over the file that the parent handed down.
#pragma once

#include <span>

#include "media/decode.h"
#include "pdf/worker_source.h"

namespace glmocr::pdf {

class PictureSource : public WorkerSource {
 public:
  explicit PictureSource(int fd) : fd_(fd) {}
  RequestType open_request() const override { return RequestType::kOpenPicture; }
  std::optional<FailureReason> Open(const std::string& payload) override;
  uint32_t n_pages() const override { return n_pages_; }
  std::optional<FailureReason> Page(const PageRequest& request, ReplySink& reply) override;

 private:
  const int fd_;
  std::span<const std::byte> bytes_;  // mapped until the process ends
  DecodeOptions options_;
  uint32_t n_pages_ = 0;
};

}  // namespace glmocr::pdf
