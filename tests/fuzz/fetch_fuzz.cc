// Any bytes as a URL, a redirect's Location and the addresses that its host resolves to: no crash,
// and what is accepted is a host of the list, by its one spelling, at public addresses.
//
// Input: number of addresses (low two bits of the first byte) with 17 bytes each (even: IPv4), then
// the URL, and after a line end the Location of a redirect.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "fetch/address.h"
#include "fetch/fetch.h"
#include "fetch/target.h"

namespace glmocr {
namespace {

using fetch::Url;

class FixedResolver : public Resolver {
 public:
  explicit FixedResolver(std::vector<IpAddress> answer) : answer_(std::move(answer)) {}
  Result<std::vector<IpAddress>> Resolve(const std::string&, double,
                                         const std::function<bool()>&) override {
    return answer_;
  }

 private:
  const std::vector<IpAddress> answer_;
};

const FetchPolicy& Policy() {
  static const FetchPolicy policy = [] {
    FetchPolicy p;
    p.enabled = true;
    p.allow_http = true;
    p.allowed_hosts = {"good.example", "*.files.example", "8.8.8.8", "127.0.0.1", "2606::1"};
    p.allowed_ports = {8080};
    GLM_CHECK(CheckFetchPolicy(p).ok());
    return p;
  }();
  return policy;
}

std::string Part(const Url& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  std::string out;
  if (curl_url_get(url.handle.get(), part, &text, flags) == CURLUE_OK) out = text;
  curl_free(text);
  return out;
}

// Written from the RFCs alone, not with the code under test.
bool IsInside(const IpAddress& address) {
  const auto& b = address.bytes;
  if (address.family == AF_INET) {
    return b[0] == 0 || b[0] == 10 || b[0] == 127 || b[0] >= 224 || (b[0] == 169 && b[1] == 254) ||
           (b[0] == 172 && b[1] / 16 == 1) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 100 && b[1] / 64 == 1);
  }
  const bool zeros = std::all_of(b.begin(), b.begin() + 10, [](uint8_t byte) { return byte == 0; });
  return zeros || b[0] == 0xfc || b[0] == 0xfd || b[0] == 0xfe || b[0] == 0xff ||
         (b[0] == 0x20 && b[1] == 0x02) || (b[0] == 0 && b[1] == 0x64);
}

void CheckAccepted(const Url& url) {
  GLM_CHECK(url.host == "good.example" || url.host.ends_with(".files.example") ||
            url.host == "8.8.8.8" || url.host == "127.0.0.1" || url.host == "2606::1");
  GLM_CHECK(url.port == (url.https ? 443 : 80) || url.port == 8080);
  // libcurl holds what was checked, and a second look finds the same.
  const std::string host = Part(url, CURLUPART_HOST);
  GLM_CHECK(host == url.host || host == "[" + url.host + "]");
  GLM_CHECK(Part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT) == std::to_string(url.port));
  GLM_CHECK(Part(url, CURLUPART_USER).empty() && Part(url, CURLUPART_PASSWORD).empty());
  const std::string text = Part(url, CURLUPART_URL);
  const auto again = fetch::ParseUrl(text, Policy());
  GLM_CHECK(again.ok() || text.size() > 8192);
  if (again.ok()) GLM_CHECK(again->host == url.host && again->port == url.port);
}

void CheckAddresses(const Url& url, const std::vector<IpAddress>& answer) {
  FixedResolver resolver(answer);
  const auto addresses = fetch::ResolveTarget(url, Policy(), resolver, 1, {});
  if (!addresses.ok()) return;
  GLM_CHECK(!addresses->empty() && url.host != "127.0.0.1");
  for (const IpAddress& address : *addresses) GLM_CHECK(!IsInside(address));
}

}  // namespace
}  // namespace glmocr

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using glmocr::fetch::ParseUrl;
  if (size == 0) return 0;
  std::span<const uint8_t> bytes(data, size);
  const size_t n = bytes[0] % 4;
  bytes = bytes.subspan(1);
  std::vector<glmocr::IpAddress> answer;
  for (size_t i = 0; i < n && bytes.size() >= 17; ++i, bytes = bytes.subspan(17)) {
    glmocr::IpAddress address;
    const bool v6 = bytes[0] % 2 != 0;
    address.family = v6 ? AF_INET6 : AF_INET;
    std::memcpy(address.bytes.data(), bytes.data() + 1, v6 ? 16 : 4);
    answer.push_back(address);
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t end = text.find('\n');
  (void)glmocr::Network::Parse(text.substr(0, end));
  const auto url = ParseUrl(text.substr(0, end), glmocr::Policy());
  if (!url.ok()) {
    GLM_CHECK(!url.error().message.empty());
    return 0;
  }
  glmocr::CheckAccepted(*url);
  glmocr::CheckAddresses(*url, answer);
  if (end == std::string_view::npos) return 0;
  const auto next = ParseUrl(text.substr(end + 1), glmocr::Policy(), &*url);
  if (!next.ok()) return 0;
  glmocr::CheckAccepted(*next);
  glmocr::CheckAddresses(*next, answer);
  return 0;
}
