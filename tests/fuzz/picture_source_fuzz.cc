// Any bytes as what asks a worker for a picture: it answers with a whole picture within the limits
// of the request, or with a reason.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "base/check.h"
#include "pdf/picture_source.h"

namespace {

constexpr int64_t kMaxPixels = 1 << 16;  // of the request, so that a run takes no time

class Counting : public glmocr::pdf::ReplySink {
 public:
  void Begin(glmocr::pdf::ReplyType type) override {
    GLM_CHECK(type == glmocr::pdf::ReplyType::kPicture && bytes.empty());
  }
  void Write(const void* data, size_t n) override {
    if (n > 0) bytes.append(static_cast<const char*>(data), n);
  }
  std::string bytes;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string payload(reinterpret_cast<const char*>(data), size);
  glmocr::pdf::PictureRequest request;
  if (payload.size() >= sizeof(request)) {
    std::memcpy(&request, payload.data(), sizeof(request));
    request.max_pixels = std::min(request.max_pixels, kMaxPixels);
    std::memcpy(payload.data(), &request, sizeof(request));
  }
  glmocr::pdf::PictureSource source;
  // One that is asked for a second file forgets the first.
  GLM_CHECK(source.Open("none").has_value());
  if (source.Open(payload)) {
    GLM_CHECK(source.n_pages() == 0);
    return 0;
  }
  const uint32_t n = source.n_pages();
  GLM_CHECK(n > 0);
  for (const uint32_t index : {0u, n - 1, n, UINT32_MAX}) {
    Counting reply;
    const auto failure = source.Page({.index = index}, reply);
    GLM_CHECK(failure.has_value() == reply.bytes.empty());
    GLM_CHECK(index < n || failure.has_value());
    if (failure) continue;
    glmocr::pdf::PictureHeader header;
    GLM_CHECK(reply.bytes.size() > sizeof(header));
    std::memcpy(&header, reply.bytes.data(), sizeof(header));
    GLM_CHECK(header.index == index && header.width_px > 0 && header.height_px > 0);
    const int64_t pixels = int64_t{header.width_px} * header.height_px;
    GLM_CHECK(pixels <= request.max_pixels);
    GLM_CHECK(reply.bytes.size() == sizeof(header) + 3 * static_cast<size_t>(pixels));
  }
  return 0;
}
