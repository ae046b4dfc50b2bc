#include "fetch/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/ascii.h"
#include "base/untrusted_text.h"

namespace glmocr::fetch {
namespace {

constexpr size_t kMaxUrlBytes = 8192;
constexpr size_t kMaxHostBytes = 253;  // RFC 1035
constexpr size_t kMaxLabelBytes = 63;

Error Bad(std::string_view why) {
  return {ErrorCode::kInvalidArgument, fmt::format("the URL is not accepted: {}", why)};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Characters that parsers treat differently (a backslash is a slash to browsers; some skip tabs and
// line ends) or that RFC 3986 has no place for. Looked for before parsing, so that the parser never
// has to have an opinion on them.
bool HasOddCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte >= 0x7f ||
           std::string_view("\\\"<>^`{|}").find(c) != std::string_view::npos;
  });
}

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  std::string out;
  if (curl_url_get(url, part, &text, flags) == CURLUE_OK && text != nullptr) out = text;
  curl_free(text);
  return out;
}

// Letters, digits, hyphens and underscores between single dots; the last label is no number, which
// resolvers would take for an IPv4 address in one of its old spellings (0x7f.1, 017700000001).
bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  std::string_view label;
  for (size_t at = 0; at <= host.size();) {
    const size_t end = std::min(host.find('.', at), host.size());
    label = host.substr(at, end - at);
    if (label.empty() || label.size() > kMaxLabelBytes || label.front() == '-') return false;
    for (const char c : label) {
      if (!IsDigit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') return false;
    }
    at = end + 1;
  }
  const bool hex = label.starts_with("0x") &&
                   label.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
  return !hex && label.find_first_not_of("0123456789") != std::string_view::npos;
}

// The canonical spelling of a host of a URL or of the policy's list, or nothing.
std::optional<std::string> CanonicalHost(std::string_view text) {
  std::string host = ToLowerAscii(text);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const auto address = IpAddress::Parse(std::string_view(host).substr(1, host.size() - 2));
    if (!address || address->family != AF_INET6) return std::nullopt;
    return address->ToString();
  }
  if (const auto address = IpAddress::Parse(host); address && address->family == AF_INET)
    return address->ToString();
  // The root's dot says that the name is whole, which it always is here.
  if (host.ends_with('.')) host.pop_back();
  if (!IsHostName(host)) return std::nullopt;
  return host;
}

std::optional<std::string> CanonicalEntry(std::string_view entry) {
  if (const auto address = IpAddress::Parse(entry)) return address->ToString();
  return CanonicalHost(entry);
}

Result<Url> Check(UrlHandle handle, const FetchPolicy& policy) {
  Url url;
  url.handle = std::move(handle);
  CURLU* parsed = url.handle.get();
  const std::string scheme = ToLowerAscii(Part(parsed, CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https") return Bad("it must begin with https://");
  url.https = scheme == "https";
  if (!url.https && !policy.allow_http) return Bad("it must begin with https://");
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS}) {
    if (!Part(parsed, part).empty()) return Bad("it has a user name or password");
  }
  if (!Part(parsed, CURLUPART_ZONEID).empty()) return Bad("its address has a zone");
  const std::string written = Part(parsed, CURLUPART_HOST);
  const std::optional<std::string> host = CanonicalHost(written);
  if (!host) return Bad("its host is not a name or address in the usual spelling");
  url.host = *host;
  if (!IsAllowedHost(url.host, policy))
    return Bad("its host is not on this server's list of hosts to fetch from");
  // What libcurl looks up and sends is then the spelling that was checked.
  const bool v6 = url.host.find(':') != std::string::npos;
  const std::string canonical = v6 ? "[" + url.host + "]" : url.host;
  if (curl_url_set(parsed, CURLUPART_HOST, canonical.c_str(), 0) != CURLUE_OK)
    return Bad("its host cannot be understood");

  const std::string port = Part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || stop != port.data() + port.size() || url.port < 1 || url.port > 65535)
    return Bad("its port cannot be understood");
  if (url.port != (url.https ? 443 : 80) &&
      std::find(policy.allowed_ports.begin(), policy.allowed_ports.end(), url.port) ==
          policy.allowed_ports.end())
    return Bad("its port is not on this server's list of ports to fetch from");
  return url;
}

}  // namespace

bool IsAllowedHost(const std::string& host, const FetchPolicy& policy) {
  return std::any_of(policy.allowed_hosts.begin(), policy.allowed_hosts.end(),
                     [&](std::string_view entry) {
                       if (!entry.starts_with("*.")) return CanonicalEntry(entry) == host;
                       const auto parent = CanonicalHost(entry.substr(2));
                       return parent && !IpAddress::Parse(host) && host.ends_with("." + *parent);
                     });
}

Result<Url> ParseUrl(std::string_view text, const FetchPolicy& policy, const Url* base) {
  if (text.empty()) return Bad("it is empty");
  if (text.size() > kMaxUrlBytes)
    return Bad(fmt::format("it is longer than {} bytes", kMaxUrlBytes));
  if (HasOddCharacter(text)) {
    return Bad(
        "it has a character that URLs are written without (percent-encode it; international host "
        "names begin with xn--)");
  }
  if (base == nullptr) {
    // libcurl forgives a missing or third slash.
    const std::string start = ToLowerAscii(text.substr(0, 9));
    const size_t slashes = start.find("://");
    if (slashes == std::string::npos || start.find(":///") != std::string::npos)
      return Bad("it must begin with https://");
  }
  UrlHandle handle(base == nullptr ? curl_url() : curl_url_dup(base->handle.get()));
  if (!handle) return Error{ErrorCode::kOutOfMemory, "not enough memory for the URL"};
  if (curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_DISALLOW_USER) !=
      CURLUE_OK)
    return Bad("it cannot be understood");
  GLM_ASSIGN(Url url, Check(std::move(handle), policy));
  if (base != nullptr && base->https && !url.https) return Bad("it redirects from https to http");
  return url;
}

Result<std::vector<IpAddress>> ResolveTarget(const Url& url, const FetchPolicy& policy,
                                             Resolver& resolver, double timeout_s,
                                             const std::function<bool()>& cancelled) {
  std::vector<IpAddress> addresses;
  if (const auto literal = IpAddress::Parse(url.host)) {
    addresses = {*literal};
  } else {
    GLM_ASSIGN(addresses, resolver.Resolve(url.host, timeout_s, cancelled));
  }
  if (addresses.empty())
    return Error{ErrorCode::kIo, fmt::format("{} has no address", QuoteUntrusted(url.host))};
  std::vector<Network> networks;
  for (const std::string& text : policy.allowed_networks) {
    GLM_ASSIGN(const Network network, Network::Parse(text));
    networks.push_back(network);
  }
  for (const IpAddress& address : addresses) {
    if (IsPublic(address)) continue;
    if (std::any_of(networks.begin(), networks.end(),
                    [&](const Network& network) { return network.Contains(address); }))
      continue;
    return Error{ErrorCode::kIo,
                 fmt::format("{} has the address {}, which is not public (allowed_networks could "
                             "allow it)",
                             QuoteUntrusted(url.host), address.ToString())};
  }
  return addresses;
}

}  // namespace glmocr::fetch

namespace glmocr {

Status CheckFetchPolicy(const FetchPolicy& policy) {
  const auto bad = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  };
  for (const std::string& entry : policy.allowed_hosts) {
    const bool below = entry.starts_with("*.");
    const auto host = below ? fetch::CanonicalHost(std::string_view(entry).substr(2))
                            : fetch::CanonicalEntry(entry);
    // "*.org" would be half the internet, "*.10.1" no name.
    if (!host || (below && (host->find('.') == std::string::npos || IpAddress::Parse(*host)))) {
      return bad(
          fmt::format("allowed_hosts: {} is not a host (write example.org, *.example.org or an "
                      "IP address)",
                      QuoteUntrusted(entry)));
    }
  }
  for (const std::string& text : policy.allowed_networks) {
    if (auto network = Network::Parse(text); !network.ok())
      return network.error().With("allowed_networks");
  }
  for (const int port : policy.allowed_ports) {
    if (port < 1 || port > 65535)
      return bad(fmt::format("allowed_ports: {} is not a port (1 to 65535)", port));
  }
  if (policy.max_redirects < 0 || policy.max_redirects > 10)
    return bad("max_redirects must be 0 to 10");
  if (policy.max_bytes < 1) return bad("max_bytes must be at least 1");
  for (const double seconds : {policy.timeout_s, policy.connect_timeout_s}) {
    if (!(seconds >= 0.01 && seconds <= 3600))
      return bad("timeout_s and connect_timeout_s must be 0.01 to 3600");
  }
  if (policy.min_bytes_per_s < 0 || policy.slow_limit_s < 1 || policy.slow_limit_s > 3600)
    return bad("min_bytes_per_s must be at least 0, slow_limit_s 1 to 3600");
  return OkStatus();
}

}  // namespace glmocr
