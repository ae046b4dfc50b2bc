#include "fetch/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include "base/untrusted_text.h"

namespace glmocr {
namespace {

struct Range {
  const char* base;
  int prefix_bits;
};

// https://www.iana.org/assignments/iana-ipv4-special-registry, less its anycast services (AS112,
// AMT), which are public.
constexpr Range kNotPublic4[] = {
    {"0.0.0.0", 8},         // this host
    {"10.0.0.0", 8},        // private
    {"100.64.0.0", 10},     // shared (CGNAT)
    {"127.0.0.0", 8},       // loopback
    {"168.63.129.16", 32},  // Azure's platform services
    {"169.254.0.0", 16},    // link-local, with the clouds' metadata at 169.254.169.254
    {"172.16.0.0", 12},     // private
    {"192.0.0.0", 24},      // IETF protocols
    {"192.0.2.0", 24},      // documentation
    {"192.88.99.0", 24},    // 6to4 relays, retired
    {"192.168.0.0", 16},    // private
    {"198.18.0.0", 15},     // benchmarking
    {"198.51.100.0", 24},   // documentation
    {"203.0.113.0", 24},    // documentation
    {"224.0.0.0", 4},       // multicast
    {"240.0.0.0", 4},       // reserved, with broadcast
};
// Within 2000::/3, outside which nothing is public.
constexpr Range kNotPublic6[] = {
    {"2001::", 23},      // IETF protocols: Teredo, benchmarking, ORCHID
    {"2001:db8::", 32},  // documentation
    {"2002::", 16},      // 6to4: an IPv4 address inside
    {"3fff::", 20},      // documentation
};

bool SamePrefix(const IpAddress& a, const IpAddress& b, int prefix_bits) {
  if (a.family != b.family) return false;
  const auto whole = static_cast<size_t>(prefix_bits / 8);
  const int rest = prefix_bits % 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) return false;
  return rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

bool InAnyOf(std::span<const Range> ranges, const IpAddress& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    const std::optional<IpAddress> base = IpAddress::Parse(range.base);
    GLM_CHECK(base.has_value());
    return SamePrefix(address, *base, range.prefix_bits);
  });
}

}  // namespace

std::optional<IpAddress> IpAddress::FromSockaddr(const sockaddr* address, socklen_t length) {
  IpAddress out;
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof(v4));
    std::memcpy(out.bytes.data(), &v4.sin_addr, 4);
    return out;
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof(v6));
    if (v6.sin6_scope_id != 0) return std::nullopt;
    out.family = AF_INET6;
    std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
    return out;
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  IpAddress out;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string name(text);
  if (::inet_pton(AF_INET, name.c_str(), out.bytes.data()) == 1) return out;
  out.family = AF_INET6;
  if (::inet_pton(AF_INET6, name.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  GLM_CHECK(::inet_ntop(family, bytes.data(), text, sizeof(text)) != nullptr);
  return text;
}

bool IsPublic(const IpAddress& address) {
  if (address.family == AF_INET) return !InAnyOf(kNotPublic4, address);
  const bool global_unicast = (address.bytes[0] & 0xe0) == 0x20;
  return global_unicast && !InAnyOf(kNotPublic6, address);
}

bool Network::Contains(const IpAddress& address) const {
  return SamePrefix(base, address, prefix_bits);
}

Result<Network> Network::Parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is not a network: {} (write 10.1.0.0/16 or fd00:1::/32)",
                             QuoteUntrusted(text), why)};
  };
  const size_t slash = text.find('/');
  const std::optional<IpAddress> base = IpAddress::Parse(text.substr(0, slash));
  if (!base) return bad("no IP address");
  Network network{*base, base->bits()};
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, network.prefix_bits);
    if (error != std::errc() || stop != end || network.prefix_bits < 1 ||
        network.prefix_bits > base->bits())
      return bad(fmt::format("the prefix must have 1 to {} bits", base->bits()));
  }
  for (int bit = network.prefix_bits; bit < base->bits(); ++bit) {
    if ((base->bytes[static_cast<size_t>(bit / 8)] >> (7 - bit % 8)) & 1)
      return bad("bits are set after the prefix");
  }
  return network;
}

}  // namespace glmocr
