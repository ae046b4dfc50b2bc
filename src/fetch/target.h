// One hop of a fetch before any byte is sent: the URL parsed and held against the policy, the host
// resolved and all its addresses checked.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fetch/address.h"
#include "fetch/fetch.h"

namespace glmocr::fetch {

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlFree>;

struct Url {
  UrlHandle handle;  // what libcurl connects by; host and port below are read from it
  bool https = false;
  std::string host;  // lower case, without brackets and trailing dot
  int port = 0;
};

// `text`, or where `base` is given a reference relative to it (a redirect's Location).
// kInvalidArgument, with a message for the client.
Result<Url> ParseUrl(std::string_view text, const FetchPolicy& policy, const Url* base = nullptr);

// Whether the policy's list names `host` (as in Url).
bool IsAllowedHost(const std::string& host, const FetchPolicy& policy);

// The addresses of the URL's host, each of them public or in an allowed network. kIo when one is
// not, with a message for the log, not for the client; and the resolver's errors.
Result<std::vector<IpAddress>> ResolveTarget(const Url& url, const FetchPolicy& policy,
                                             Resolver& resolver, double timeout_s,
                                             const std::function<bool()>& cancelled);

}  // namespace glmocr::fetch
