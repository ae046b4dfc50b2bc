// What program and worker say when a PDF is written anew, of any bytes: as a request, what is
// understood can be said again in the same bytes; as replies, no part or report beyond its limits.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "pdf/protocol.h"

namespace {

using glmocr::pdf::RequestHeader;
using glmocr::pdf::RewriteRequest;

class Bytes : public glmocr::pdf::ByteSource {
 public:
  explicit Bytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  glmocr::Status Read(void* to, size_t n) override {
    if (n > bytes_.size()) return glmocr::Error{glmocr::ErrorCode::kIo, "the end"};
    if (n > 0) std::memcpy(to, bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return glmocr::OkStatus();
  }

 private:
  std::span<const uint8_t> bytes_;
};

void AsRequest(std::string_view payload) {
  const auto options = glmocr::pdf::DecodeRewrite(payload);
  if (!options) return;
  const std::string again = glmocr::pdf::EncodeRewrite(*options);
  GLM_CHECK(again.size() == sizeof(RequestHeader) + payload.size());
  RewriteRequest request;
  std::memcpy(&request, payload.data(), sizeof(request));
  request.flags &= RewriteRequest::kReplaceHiddenText | RewriteRequest::kPdfa;
  GLM_CHECK(std::memcmp(again.data() + sizeof(RequestHeader), &request, sizeof(request)) == 0);
  GLM_CHECK(again.substr(sizeof(RequestHeader) + sizeof(request)) ==
            payload.substr(sizeof(request)));
}

void AsReplies(std::span<const uint8_t> bytes, size_t n_pages) {
  Bytes source(bytes);
  for (;;) {
    const auto reply = glmocr::pdf::ReadRewriteReply(source, n_pages);
    if (!reply.ok()) {
      GLM_CHECK(!reply.error().message.empty());
      return;
    }
    if (const auto* part = std::get_if<std::string>(&*reply)) {
      GLM_CHECK(!part->empty() && part->size() <= glmocr::pdf::kMaxRewrittenPart);
    } else if (const auto* report = std::get_if<glmocr::pdf::RewriteReport>(&*reply)) {
      GLM_CHECK(report->pages.size() == n_pages);
      GLM_CHECK(static_cast<uint32_t>(report->pdfa_problem) <= glmocr::pdf::kMaxPdfaProblem);
      for (const auto page : report->pages)
        GLM_CHECK(static_cast<uint8_t>(page) >= 1 &&
                  static_cast<uint8_t>(page) <= glmocr::pdf::kMaxRewrittenPage);
    }
  }
}

}  // namespace

// The first byte: 255 for a request, else how many pages the replies are about.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> rest(data + 1, size - 1);
  if (data[0] == 255) {
    AsRequest({reinterpret_cast<const char*>(rest.data()), rest.size()});
  } else {
    AsReplies(rest, data[0]);
  }
  return 0;
}
