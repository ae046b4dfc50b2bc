#include "server/request_id.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace glmocr::server {
namespace {

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string NewRequestId() {
  std::array<unsigned char, 16> bytes{};
  GLM_CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
  std::string id;
  for (const unsigned char b : bytes) id += fmt::format("{:02x}", b);
  return id;
}

std::string RequestIdOf(std::string_view header) {
  const auto harmless = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!header.empty() && header.size() <= 128 &&
      std::all_of(header.begin(), header.end(), harmless)) {
    return std::string(header);
  }
  return NewRequestId();
}

std::string TraceIdOf(std::string_view traceparent) {
  if (traceparent.size() != 55 || traceparent[2] != '-' || traceparent[35] != '-' ||
      traceparent[52] != '-' || !IsHex(traceparent.substr(0, 2)) ||
      !IsHex(traceparent.substr(3, 32)) || !IsHex(traceparent.substr(36, 16)) ||
      !IsHex(traceparent.substr(53, 2)) || traceparent.substr(3, 32) == std::string(32, '0')) {
    return {};
  }
  return std::string(traceparent.substr(3, 32));
}

}  // namespace glmocr::server
