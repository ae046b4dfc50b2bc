// Pictures as a worker's source: media/decode.h over the bytes that the parent sends.
#pragma once

#include <span>

#include "media/decode.h"
#include "pdf/worker_source.h"

namespace glmocr::pdf {

class PictureSource : public WorkerSource {
 public:
  RequestType open_request() const override { return RequestType::kOpenPicture; }
  size_t max_payload_bytes() const override { return sizeof(PictureRequest) + kMaxPictureBytes; }
  bool reopens() const override { return true; }
  std::optional<FailureReason> Open(std::string payload) override;
  uint32_t n_pages() const override { return n_pages_; }
  std::optional<FailureReason> Page(const PageRequest& request, ReplySink& reply) override;

 private:
  std::string payload_;
  std::span<const std::byte> bytes_;  // of payload_
  DecodeOptions options_;
  uint32_t n_pages_ = 0;
  int32_t n_frames_ = 1;
};

}  // namespace glmocr::pdf
