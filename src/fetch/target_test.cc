// URLs against a policy: what is read of them, what is refused, and that libcurl connects to what
// was checked.
#include "fetch/target.h"

#include <gmock/gmock.h>

#include <map>

namespace glmocr {
namespace {

using fetch::ParseUrl;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

FetchPolicy Policy() {
  FetchPolicy policy;
  policy.enabled = true;
  policy.allowed_hosts = {"good.example", "*.files.example", "evil.example",           "127.0.0.1",
                          "8.8.8.8",      "2606:4700::1111", "xn--mnchen-3ya.example", "localhost"};
  return policy;
}

std::string HostOf(std::string_view text, const FetchPolicy& policy = Policy()) {
  const auto url = ParseUrl(text, policy);
  return url.ok() ? url->host : "refused: " + url.error().message;
}

std::string UrlText(const fetch::Url& url) {
  char* text = nullptr;
  EXPECT_EQ(curl_url_get(url.handle.get(), CURLUPART_URL, &text, 0), CURLUE_OK);
  std::string out = text != nullptr ? text : "";
  curl_free(text);
  return out;
}

TEST(ParseUrlTest, Accepted) {
  EXPECT_EQ(HostOf("https://good.example/a.png"), "good.example");
  EXPECT_EQ(HostOf("HTTPS://GOOD.Example:443/a?b=c#d"), "good.example");
  EXPECT_EQ(HostOf("https://good.example"), "good.example");
  EXPECT_EQ(HostOf("https://a.files.example/"), "a.files.example");
  EXPECT_EQ(HostOf("https://a.b.files.example/"), "a.b.files.example");
  EXPECT_EQ(HostOf("https://xn--mnchen-3ya.example/"), "xn--mnchen-3ya.example");
  EXPECT_EQ(HostOf("https://good.example/?to=https://user@other/"), "good.example");
  // A name with and without the root's dot is the same.
  EXPECT_EQ(HostOf("https://good.example./"), "good.example");
  EXPECT_EQ(HostOf("https://[2606:4700:0:0::1111]/"), "2606:4700::1111");
  const auto url = ParseUrl("https://GOOD.example.:443/a/../b?q#f", Policy());
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->port, 443);
  EXPECT_THAT(UrlText(*url), HasSubstr("https://good.example:443/b?q"));
}

TEST(ParseUrlTest, SsrfBasic) {
  for (const char* text :
       {"https://other.example/", "https://good.example.other.example/", "https://xgood.example/",
        "https://files.example/", "https://afiles.example/", "https://169.254.169.254/latest/",
        "https://10.0.0.1/", "https://[::1]/", "https://[fd00:ec2::254]/"})
    EXPECT_THAT(HostOf(text), HasSubstr("not on this server's list of hosts")) << text;
  for (const char* text : {"file:///etc/passwd", "ftp://good.example/", "gopher://good.example/",
                           "data:,x", "good.example/a", "//good.example/a", "/a", "http://", "",
                           "https:good.example", "https:/good.example/", "https:///good.example/",
                           "http://good.example/", "dict://good.example:11211/"})
    EXPECT_THAT(HostOf(text), HasSubstr("refused")) << text;
  EXPECT_THAT(HostOf("https://good.example/", FetchPolicy{.enabled = true}), HasSubstr("list"));
}

TEST(ParseUrlTest, SsrfParser) {
  for (const char* text :
       {// a backslash is a slash to some parsers, part of a name to others
        "http://good.example\\@evil.example/", "https://good.example\\@evil.example/",
        "https://evil.example\\.good.example/", "https:\\\\good.example\\",
        // user names hide the host
        "https://good.example@evil.example/", "https://good.example:pw@evil.example/",
        "https://:pw@evil.example/", "https://a@b@evil.example/",
        "https://good.example%40evil.example/", "https://good.example;@evil.example/",
        // characters that some skip
        "https://good.exa\tmple/", "https://good.example\n/", "https://good.example \r/",
        " https://good.example/", "https://good.example/\x7f", "https://good.example/a b",
        // zones, and things that are no addresses
        "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::1", "https://[good]/",
        "https://[2606:4700::1111%251]/", "https://[::ffff:127.0.0.1]/", "https://[127.0.0.1]/",
        // names that are none
        "https://good..example/", "https://good.example../", "https://.good.example/", "https://./",
        "https://-x.files.example/", "https://a,b.files.example/", "https://*.files.example/",
        "https://%00.files.example/", "https://m\xc3\xbcnchen.example/",
        "https://good\xe3\x80\x82.example/", "https://\xe2\x93\x96ood.example/",
        // ports
        "https://good.example:0/", "https://good.example:65536/", "https://good.example:x/",
        "https://good.example:-443/", "https://good.example:80/", "https://good.example:8443/"})
    EXPECT_THAT(HostOf(text), HasSubstr("refused")) << text;
  EXPECT_THAT(HostOf("https://" + std::string(300, 'a') + ".files.example/"), HasSubstr("refused"));
  EXPECT_THAT(HostOf("https://" + std::string(64, 'a') + ".files.example/"), HasSubstr("refused"));
  EXPECT_THAT(HostOf("https://good.example/" + std::string(9000, 'a')), HasSubstr("longer"));
  EXPECT_THAT(HostOf(std::string_view("https://good.example/\0", 22)), HasSubstr("refused"));
}

// Old spellings of IPv4 addresses are read as the address that they mean, or refused; never as a
// name that someone else resolves.
TEST(ParseUrlTest, SsrfParserOldAddresses) {
  for (const char* text :
       {"https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://2130706433/", "https://0x7f000001/",
        "https://127.1/", "https://127.0.0.1./", "https://017700000001/", "https://127.0.1/",
        "https://127%2e0%2e0%2e1/", "https://127.0.0.0x1/"}) {
    const std::string host = HostOf(text);
    EXPECT_TRUE(host == "127.0.0.1" || host.starts_with("refused")) << text << " " << host;
  }
  for (const char* text : {"https://127.0.0.1.1/", "https://256.0.0.1/", "https://0x100000000/",
                           "https://1.2.3.4.5.6.7.8/", "https://a.0x7f/", "https://a.1/",
                           "https://99999999999999999999/", "https://08.8.8.8/"}) {
    FetchPolicy policy = Policy();
    EXPECT_THAT(HostOf(text, policy), HasSubstr("refused")) << text;
  }
}

TEST(ParseUrlTest, HttpAndPorts) {
  FetchPolicy policy = Policy();
  policy.allow_http = true;
  policy.allowed_ports = {8443};
  const auto url = ParseUrl("http://good.example/", policy);
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->port, 80);
  EXPECT_FALSE(url->https);
  EXPECT_EQ(HostOf("https://good.example:8443/", policy), "good.example");
  EXPECT_THAT(HostOf("https://good.example:80/", policy), HasSubstr("port"));
  EXPECT_THAT(HostOf("http://good.example:443/", policy), HasSubstr("port"));
  // https may not become http on the way.
  const auto secure = ParseUrl("https://good.example/", policy);
  ASSERT_TRUE(secure.ok());
  EXPECT_FALSE(ParseUrl("http://good.example/", policy, &*secure).ok());
  EXPECT_TRUE(ParseUrl("https://evil.example/", policy, &*url).ok());
}

TEST(ParseUrlTest, SsrfRedirectReferences) {
  const auto base = ParseUrl("https://good.example/a/b?c", Policy());
  ASSERT_TRUE(base.ok());
  const auto follow = [&](std::string_view location) {
    const auto url = ParseUrl(location, Policy(), &*base);
    return url.ok() ? UrlText(*url) : "refused: " + url.error().message;
  };
  EXPECT_EQ(follow("d"), "https://good.example/a/d");
  EXPECT_EQ(follow("/d"), "https://good.example/d");
  EXPECT_EQ(follow("?e"), "https://good.example/a/b?e");
  EXPECT_EQ(follow("//x.files.example/d"), "https://x.files.example/d");
  EXPECT_EQ(follow("https://evil.example/"), "https://evil.example/");
  for (const char* location :
       {"", "//other.example/", "///other.example/", "https://other.example/", "http://10.0.0.1/",
        "https://169.254.169.254/", "file:///etc/passwd", "ftp://good.example/", "\\\\evil.example",
        "/\\evil.example/", "//user@evil.example/", "https://good.example:22/"})
    EXPECT_THAT(follow(location), HasSubstr("refused")) << location;
  // The first URL is as it was.
  EXPECT_EQ(UrlText(*base), "https://good.example/a/b?c");
}

class FakeResolver : public Resolver {
 public:
  explicit FakeResolver(std::vector<std::string> answer) : answer_(std::move(answer)) {}
  Result<std::vector<IpAddress>> Resolve(const std::string&, double,
                                         const std::function<bool()>&) override {
    ++asked;
    std::vector<IpAddress> out;
    for (const std::string& text : answer_) out.push_back(*IpAddress::Parse(text));
    return out;
  }
  int asked = 0;

 private:
  const std::vector<std::string> answer_;
};

std::string Resolved(const char* text, std::vector<std::string> answer,
                     const FetchPolicy& policy = Policy()) {
  const auto url = ParseUrl(text, policy);
  if (!url.ok()) return url.error().message;
  FakeResolver resolver(std::move(answer));
  const auto addresses = fetch::ResolveTarget(*url, policy, resolver, 1, {});
  if (!addresses.ok()) return addresses.error().message;
  std::string out;
  for (const IpAddress& address : *addresses) out += address.ToString() + " ";
  return out;
}

TEST(ResolveTargetTest, EveryAddressIsChecked) {
  EXPECT_EQ(Resolved("https://good.example/", {"1.1.1.1", "2606:4700::1"}),
            "1.1.1.1 2606:4700::1 ");
  EXPECT_THAT(Resolved("https://good.example/", {"1.1.1.1", "127.0.0.1"}),
              HasSubstr("127.0.0.1, which is not public"));
  EXPECT_THAT(Resolved("https://good.example/", {"169.254.169.254"}), HasSubstr("not public"));
  EXPECT_THAT(Resolved("https://good.example/", {"::ffff:8.8.8.8"}), HasSubstr("not public"));
  EXPECT_THAT(Resolved("https://good.example/", {}), HasSubstr("no address"));
  // An allowed address needs no resolver and is checked all the same.
  EXPECT_EQ(Resolved("https://8.8.8.8/", {"10.0.0.1"}), "8.8.8.8 ");
  EXPECT_THAT(Resolved("https://127.0.0.1/", {"8.8.8.8"}), HasSubstr("not public"));
}

TEST(ResolveTargetTest, AllowedNetworks) {
  FetchPolicy policy = Policy();
  policy.allowed_networks = {"10.1.0.0/16", "::1"};
  EXPECT_EQ(Resolved("https://good.example/", {"10.1.2.3", "::1", "1.1.1.1"}, policy),
            "10.1.2.3 ::1 1.1.1.1 ");
  EXPECT_THAT(Resolved("https://good.example/", {"10.1.2.3", "10.2.0.0"}, policy),
              HasSubstr("10.2.0.0, which is not public"));
}

TEST(SystemResolverTest, KnowsLocalhostAndNotNothing) {
  const auto local = SystemResolver().Resolve("localhost", 20, {});
  ASSERT_TRUE(local.ok()) << local.error().message;
  for (const IpAddress& address : *local) EXPECT_FALSE(IsPublic(address));
  // "invalid" is never delegated (RFC 6761).
  EXPECT_FALSE(SystemResolver().Resolve("nothing.invalid", 20, {}).ok());
  const auto cancelled = SystemResolver().Resolve("nothing.invalid", 20, [] { return true; });
  ASSERT_FALSE(cancelled.ok());
}

TEST(FetchPolicyTest, Checked) {
  EXPECT_TRUE(CheckFetchPolicy(Policy()).ok());
  EXPECT_TRUE(CheckFetchPolicy({}).ok());
  for (const char* entry :
       {"", "*", "*.", "*.org", "*.10.0.0.1", "a*.example.org", "https://x.org", "x.org/",
        "x.org:80", "x y.org", "m\xc3\xbcnchen.de", "127.1", "..", "user@x.org", "fe80::1%1"}) {
    FetchPolicy policy;
    policy.allowed_hosts = {"good.example", entry};
    const Status status = CheckFetchPolicy(policy);
    ASSERT_FALSE(status.ok()) << entry;
    EXPECT_THAT(status.error().message,
                AllOf(HasSubstr("allowed_hosts"), Not(HasSubstr("good.example"))));
  }
  const auto refused = [](const std::function<void(FetchPolicy&)>& change) {
    FetchPolicy policy;
    change(policy);
    const Status status = CheckFetchPolicy(policy);
    return status.ok() ? "accepted" : status.error().message;
  };
  using P = FetchPolicy;
  EXPECT_THAT(refused([](P& p) { p.allowed_networks = {"0.0.0.0/0"}; }),
              HasSubstr("allowed_networks"));
  EXPECT_THAT(refused([](P& p) { p.allowed_ports = {70000}; }), HasSubstr("allowed_ports"));
  EXPECT_THAT(refused([](P& p) { p.max_redirects = 11; }), HasSubstr("max_redirects"));
  EXPECT_THAT(refused([](P& p) { p.max_bytes = 0; }), HasSubstr("max_bytes"));
  EXPECT_THAT(refused([](P& p) { p.timeout_s = 0; }), HasSubstr("timeout_s"));
  EXPECT_THAT(refused([](P& p) { p.connect_timeout_s = 1e9; }), HasSubstr("timeout_s"));
  EXPECT_THAT(refused([](P& p) { p.slow_limit_s = 0; }), HasSubstr("slow_limit_s"));
}

}  // namespace
}  // namespace glmocr
