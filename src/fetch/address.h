// IP addresses and which of them lie in the public internet.
//
// Why: a server that fetches what a client names must not become the client's way into the
// operator's own network. What decides is the address that a name resolves to, never the name.
// How: IsPublic(address), and Network for ranges that an operator allows besides.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace glmocr {

// IPv4 or IPv6, without port and scope.
struct IpAddress {
  int family = AF_INET;                // AF_INET or AF_INET6
  std::array<uint8_t, 16> bytes = {};  // in network order; IPv4: the first four
  bool operator==(const IpAddress&) const = default;

  // Nothing for other families, and for IPv6 addresses with a scope (link-local).
  static std::optional<IpAddress> FromSockaddr(const sockaddr* address, socklen_t length);
  // Canonical text alone: "192.0.2.1" in four decimal parts, or IPv6 (no brackets, no scope).
  static std::optional<IpAddress> Parse(std::string_view text);
  std::string ToString() const;
  int bits() const { return family == AF_INET ? 32 : 128; }
};

// Of IPv4, what no entry of IANA's special-purpose registry (RFC 6890) takes out: not private,
// loopback, link-local, shared (CGNAT), documentation, benchmarking, multicast or reserved; and not
// 168.63.129.16, by which a large cloud answers its guests. Of IPv6, global unicast (2000::/3) less
// documentation, 2001::/23 (Teredo, ORCHID, benchmarking and others) and 6to4. Forms that hold an
// IPv4 address (mapped, NAT64, 6to4, Teredo) are not public, whatever they hold.
bool IsPublic(const IpAddress& address);

// The addresses whose first prefix_bits are those of `base`.
struct Network {
  IpAddress base;
  int prefix_bits = 0;
  bool Contains(const IpAddress& address) const;
  // "10.1.0.0/16", "fd00::/8", or one address. kInvalidArgument, naming the text: anything else,
  // bits set behind the prefix, and a prefix of 0 bits, which is everything.
  static Result<Network> Parse(std::string_view text);
};

}  // namespace glmocr
