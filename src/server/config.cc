#include "server/config.h"

#include <arpa/inet.h>

#include "base/untrusted_text.h"

namespace glmocr::server {

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Status Validate(const ServerConfig& config) {
  if (config.keys.empty() && !IsLoopback(config.http.host)) {
    return Error{ErrorCode::kInvalidArgument,
                 "listening on " + QuoteUntrusted(config.http.host) +
                     " without an API key would let everyone in who reaches this machine: set one "
                     "(--api-key-file FILE, GLMOCR_API_KEY, or api_keys in --config FILE), or keep "
                     "--host 127.0.0.1"};
  }
  if (config.http.tls.certificate.empty() != config.http.tls.private_key.empty()) {
    return Error{
        ErrorCode::kInvalidArgument,
        "TLS needs both files: the certificate (--tls-certificate) and its key (--tls-key)"};
  }
  if (config.max_body_bytes > config.http.limits.max_buffered_bytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "the largest body is above what all bodies together may hold"};
  }
  return CheckFetchPolicy(config.fetch);
}

}  // namespace glmocr::server
