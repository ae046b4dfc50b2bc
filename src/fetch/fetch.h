// Files behind http(s) addresses that a client names, fetched under a policy.
//
// Why so careful: the client chooses the address, the server makes the connection. Unchecked, that
// is a way into the operator's network, to a cloud's metadata, or to filling the memory
// (docs/decisions/0013-remote-fetch.md). The rules:
//   - Off unless enabled; then only hosts of the list, https (http where allowed), the scheme's own
//     port or a listed one, no user names, and nothing that parsers are known to disagree on.
//     libcurl's URL parser is the only one; what it parsed is what it connects to.
//   - A host is resolved once. All its addresses must be public, and the connection goes to one of
//     these addresses: the socket's own address is compared before it connects.
//   - Redirects are followed here, at most max_redirects, each checked as the first address was.
//   - No proxy, cookies, credentials, .netrc, decompression; TLS is verified; bytes and seconds
//   end.
// How to use:
//   GLM_RETURN_IF_ERROR(CheckFetchPolicy(policy));                        // at start
//   Result<std::string> bytes = Fetch(url, policy, {.cancelled = ..., .log = ...});
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fetch/address.h"

namespace glmocr {

struct FetchPolicy {
  bool enabled = false;
  // "example.org": that host; "*.example.org": the hosts below it, not itself. Or an IP address. In
  // ASCII: international names as they stand in the DNS (xn--...). Empty: nothing is allowed.
  std::vector<std::string> allowed_hosts;
  bool allow_http = false;         // http:// besides https://; never after a redirect from https
  std::vector<int> allowed_ports;  // besides 443 of https and 80 of http
  int max_redirects = 3;           // 0 to 10
  size_t max_bytes = size_t{64} << 20;
  double timeout_s = 30;          // of everything: names, redirects, body. 0.01 to 3600
  double connect_timeout_s = 10;  // of each connection with its TLS handshake. 0.01 to 3600
  // A transfer that is slower for so many seconds is given up.
  int min_bytes_per_s = 1000;
  int slow_limit_s = 10;
  // Networks such as "10.1.0.0/16" that allowed hosts may have addresses in although they are not
  // public. It opens them to whoever may name a URL: an operator's decision, for a file server of
  // his own, and what the tests reach their server on the loopback address by.
  std::vector<std::string> allowed_networks;
  std::string ca_file;  // certificates of authorities to trust, PEM; empty: the system's
};

// Names to addresses.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // All addresses of `host`, at least one, within timeout_s; for any thread. Errors: kIo,
  // kCancelled.
  virtual Result<std::vector<IpAddress>> Resolve(const std::string& host, double timeout_s,
                                                 const std::function<bool()>& cancelled) = 0;
};
// The system's (getaddrinfo), on a thread of its own, since it cannot be interrupted.
Resolver& SystemResolver();

struct FetchHooks {
  std::function<bool()> cancelled;  // asked every 50 ms; may be empty
  // What Fetch's errors do not say: addresses, what libcurl says, each hop. One line, escaped, for
  // the operator only. May be empty.
  std::function<void(const std::string&)> log;
  Resolver* resolver = nullptr;  // null: SystemResolver()
};

// kInvalidArgument, naming the field and the entry.
Status CheckFetchPolicy(const FetchPolicy& policy);

// The body of a 200 answer. Thread-safe. The messages are for the client: they name the rule, never
// an address, a redirect's target or a library's words. kUnsupported: fetching is off;
// kInvalidArgument: the URL, or a host, port or scheme that is not allowed; kResourceExhausted:
// larger than max_bytes; kCancelled: time, or the caller; kIo: the rest, unreachable hosts and
// addresses that are not public alike.
Result<std::string> Fetch(std::string_view url, const FetchPolicy& policy,
                          const FetchHooks& hooks = {});

}  // namespace glmocr
