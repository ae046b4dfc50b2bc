#include "fetch/address.h"

#include <gmock/gmock.h>

namespace glmocr {
namespace {

using testing::HasSubstr;

TEST(IpAddressTest, PublicAddresses) {
  for (const char* text :
       {"1.1.1.1",        "8.8.8.8",         "9.255.255.255", "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.255.255.255", "128.0.0.0",     "169.253.255.255", "172.15.255.255",
        "172.32.0.0",     "192.0.1.0",       "192.0.3.0",     "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0",      "203.0.112.255", "223.255.255.255", "2606:4700::1111",
        "2a00:1450::1",   "2001:200::1",     "2003::1",       "3ffe::1"}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->ToString(), text);
    EXPECT_TRUE(IsPublic(*address)) << text;
  }
}

TEST(IpAddressTest, AddressesThatAreNotPublic) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200",
        "100.127.255.255", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0",
        "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.192", "192.0.2.1",
        "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        // unspecified, loopback, discard, link-local, site-local, unique local with metadata
        "::", "::1", "100::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
        "ff02::1",
        // documentation, Teredo, benchmarking, ORCHID
        "2001:db8::1", "3fff::1", "2001::1", "2001:2::1", "2001:10::1", "2001:1ff::1",
        // IPv4 inside, public or not: mapped, compatible, translated, NAT64, 6to4
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::",
        // segment routing, nothing yet
        "5f00::1", "4000::1"}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_FALSE(IsPublic(*address)) << text;
  }
}

TEST(IpAddressTest, OnlyCanonicalText) {
  for (const char* text :
       {"", "1", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "1.2.3.4.", "1.2.3.4.5",
        "256.1.1.1", " 1.1.1.1", "1.1.1.1 ", "[::1]", "fe80::1%lo", "::1::", "g::1", "1.1.1.1/8"})
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  EXPECT_FALSE(IpAddress::Parse(std::string_view("1.1.1.1\0x", 9)));
}

TEST(IpAddressTest, OfSockets) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  const auto* any = reinterpret_cast<const sockaddr*>(&v6);
  ASSERT_TRUE(IpAddress::FromSockaddr(any, sizeof(v6)));
  EXPECT_EQ(IpAddress::FromSockaddr(any, sizeof(v6))->ToString(), "::1");
  EXPECT_FALSE(IpAddress::FromSockaddr(any, sizeof(v6) - 1));
  v6.sin6_scope_id = 2;
  EXPECT_FALSE(IpAddress::FromSockaddr(any, sizeof(v6)));
  sockaddr local{};
  local.sa_family = AF_UNIX;
  EXPECT_FALSE(IpAddress::FromSockaddr(&local, sizeof(local)));
  EXPECT_FALSE(IpAddress::FromSockaddr(nullptr, 0));
}

TEST(NetworkTest, Contains) {
  const auto in = [](const char* network, const char* address) {
    const auto parsed = Network::Parse(network);
    EXPECT_TRUE(parsed.ok()) << network;
    return parsed.ok() && parsed->Contains(*IpAddress::Parse(address));
  };
  EXPECT_TRUE(in("10.1.0.0/16", "10.1.255.255"));
  EXPECT_FALSE(in("10.1.0.0/16", "10.2.0.0"));
  EXPECT_TRUE(in("10.1.128.0/17", "10.1.128.1"));
  EXPECT_FALSE(in("10.1.128.0/17", "10.1.127.255"));
  EXPECT_TRUE(in("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(in("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(in("fd00:1::/33", "fd00:1:7fff::"));
  EXPECT_FALSE(in("fd00:1::/33", "fd00:1:8000::"));
  // A mapped address is another one.
  EXPECT_FALSE(in("127.0.0.0/8", "::ffff:127.0.0.1"));
}

TEST(NetworkTest, Refused) {
  for (const char* text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
        "10.0.0.1/8", "::/0", "fd00::/129", "example.org", "10/8", "127.0.0.1/7"}) {
    const auto network = Network::Parse(text);
    ASSERT_FALSE(network.ok()) << text;
    EXPECT_THAT(network.error().message, HasSubstr("is not a network")) << text;
  }
}

}  // namespace
}  // namespace glmocr
