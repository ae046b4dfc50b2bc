#include "server/config_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "base/file.h"

namespace glmocr::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kKey = "0123456789abcdef-secret";

class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile() { AddServerSettings(settings_, &config_); }

  std::string YamlError(const std::string& yaml) {
    const Status status = settings_.ReadYaml(yaml, "c.yaml");
    return status.ok() ? "" : status.error().message;
  }
  std::string Write(const std::string& text) {
    const std::string path = ::testing::TempDir() + "/config_file_test_" +
                             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ofstream(path) << text;
    return path;
  }

  ServerConfig config_;
  Settings settings_;
};

TEST_F(ConfigFile, EverySourceReachesTheSameField) {
  ASSERT_EQ(
      YamlError("max_queue: 3\nhost: \"::1\"\nmax_body_bytes: 2MiB\nallowed_hosts: [a, b]\n"
                "metrics_public: true\nfetch_allowed_ports: [81, 82]\nrequest_timeout_s: 1.5\n"),
      "");
  EXPECT_EQ(config_.max_queue, 3);
  EXPECT_EQ(config_.http.host, "::1");
  EXPECT_EQ(config_.max_body_bytes, size_t{2} << 20);
  EXPECT_THAT(config_.allowed_hosts, ::testing::ElementsAre("a", "b"));
  EXPECT_TRUE(config_.metrics_public);
  EXPECT_THAT(config_.fetch.allowed_ports, ::testing::ElementsAre(81, 82));
  EXPECT_EQ(config_.request_timeout_s, 1.5);
  std::string variables[] = {"GLMOCR_MAX_QUEUE=4", "GLMOCR_ALLOWED_HOSTS=c, d", "HOME=x",
                             "GLMOCR_NO_SUCH=1"};
  char* environment[] = {variables[0].data(), variables[1].data(), variables[2].data(),
                         variables[3].data(), nullptr};
  std::vector<std::string> unknown;
  ASSERT_TRUE(settings_.ReadEnvironment(environment, &unknown).ok());
  EXPECT_EQ(config_.max_queue, 4);
  EXPECT_THAT(config_.allowed_hosts, ::testing::ElementsAre("c", "d"));
  EXPECT_THAT(unknown, ::testing::ElementsAre("GLMOCR_NO_SUCH"));
  ASSERT_TRUE(settings_.Set("max_queue", "5", "--max-queue").ok());
  EXPECT_EQ(config_.max_queue, 5);
  EXPECT_EQ(config_.max_body_bytes, size_t{2} << 20) << "an earlier source's other values stay";
}

// Whoever adds a field must say how an operator reaches it.
TEST_F(ConfigFile, EveryFieldHasASetting) {
  const std::string folder = std::string(GLMOCR_SOURCE_DIR) + "/src/server/";
  const auto text = [&](const char* name) { return *ReadFile(folder + name, 1 << 20); };
  const std::string table = text("config_settings.cc");
  const auto fields = [&](const std::string& header, const std::string& type) {
    const size_t begin = header.find("struct " + type + " {");
    const std::string body = header.substr(begin, header.find("\n};", begin) - begin);
    std::vector<std::string> names;
    const std::regex member(R"(\n  [\w:<>,]+ (\w+)(?: = [^;]*)?;)");
    for (auto it = std::sregex_iterator(body.begin(), body.end(), member);
         it != std::sregex_iterator(); ++it)
      names.push_back((*it)[1]);
    return names;
  };
  const std::string config = text("config.h"), http = text("http_server.h");
  const std::vector<std::string> server = fields(config, "ServerConfig");
  ASSERT_GT(server.size(), 20u);
  for (const std::string& name : server) {
    if (name == "http" || name == "fetch") continue;
    EXPECT_THAT(table, HasSubstr("&c." + name)) << "ServerConfig::" << name;
  }
  for (const std::string& name : fields(http, "HttpLimits"))
    EXPECT_THAT(table, HasSubstr("&limits." + name)) << "HttpLimits::" << name;
  const std::string fetch = *ReadFile(folder + "../fetch/fetch.h", 1 << 20);
  for (const std::string& name : fields(fetch, "FetchPolicy"))
    EXPECT_THAT(table, HasSubstr("&fetch." + name)) << "FetchPolicy::" << name;
  for (const std::string& name : fields(http, "TlsOptions"))
    EXPECT_THAT(table, HasSubstr("&http.tls." + name)) << "TlsOptions::" << name;
}

TEST_F(ConfigFile, WrongYamlNamesLineAndKey) {
  EXPECT_THAT(YamlError("host: a\nmax_que: 3\n"),
              ::testing::AllOf(HasSubstr("line 2"), HasSubstr("'max_que'"),
                               HasSubstr("is 'max_queue' meant?")));
  EXPECT_THAT(YamlError("max_queue: many\n"),
              ::testing::AllOf(HasSubstr("line 1"), HasSubstr("'max_queue'"), HasSubstr("'many'")));
  EXPECT_THAT(YamlError("max_queue: 1.5\n"), HasSubstr("whole number"));
  EXPECT_THAT(YamlError("max_queue: 0\n"), HasSubstr("from 1 to"));
  EXPECT_THAT(YamlError("max_queue: 99999999999999999999\n"), HasSubstr("'max_queue'"));
  EXPECT_THAT(YamlError("port: 70000\n"), HasSubstr("from 0 to 65535"));
  EXPECT_THAT(YamlError("max_body_bytes: 5XiB\n"), HasSubstr("64MiB"));
  EXPECT_THAT(YamlError("max_body_bytes: 99999999TiB\n"), HasSubstr("64MiB"));
  EXPECT_THAT(YamlError("request_timeout_s: nan\n"), HasSubstr("'request_timeout_s'"));
  EXPECT_THAT(YamlError("metrics_public: yes\n"), HasSubstr("true or false"));
  EXPECT_THAT(YamlError("log_level: loud\n"), HasSubstr("debug, info, warning, error"));
  EXPECT_THAT(YamlError("fetch_allowed_ports: [1, x]\n"), HasSubstr("list of whole numbers"));
  EXPECT_THAT(YamlError("host:\n  a: b\n"), HasSubstr("'host'"));
  EXPECT_THAT(YamlError("max_queue: 1\nmax_queue: 2\n"),
              ::testing::AllOf(HasSubstr("line 2"), HasSubstr("set twice")));
  EXPECT_THAT(YamlError("- a\n"), HasSubstr("not a mapping"));
  EXPECT_THAT(YamlError("a: [\n"), HasSubstr("not YAML"));
  EXPECT_EQ(YamlError(""), "");
  EXPECT_EQ(YamlError("# nothing\n"), "");
}

TEST_F(ConfigFile, KeysFromEverySource) {
  const std::string file = Write("# keys\nalice:alice-key-0123456789\n\nbare-key-0123456789\n");
  const std::string one = Write("one-key-0123456789ab\n");
  std::string sha256;
  for (const unsigned char byte : DigestOfKey("hashed-key-0123456789"))
    sha256 += fmt::format("{:02x}", byte);
  ASSERT_EQ(YamlError("api_keys:\n- {name: bob, key: bob-key-0123456789, requests_per_minute: 90}\n"
                      "- {name: eve, sha256: " +
                      sha256 + ", max_concurrent: 2}\n"),
            "");
  ASSERT_TRUE(settings_.Set("api_key_file", file, "--api-key-file").ok());
  ASSERT_TRUE(settings_.Set("api_key", kKey, "GLMOCR_API_KEY").ok());
  ASSERT_TRUE(settings_.ReadKeys().ok());
  const KeyRing ring(config_.keys);
  EXPECT_EQ(ring.Find("bob-key-0123456789"), "bob");
  EXPECT_EQ(ring.Find("hashed-key-0123456789"), "eve");
  EXPECT_EQ(ring.Find(kKey), "default");
  EXPECT_EQ(ring.Find("nobody-0123456789"), std::nullopt);
  EXPECT_EQ(config_.keys[0].requests_per_minute, 90);
  EXPECT_EQ(config_.keys[1].max_concurrent, 2);
}

TEST(KeyRing, ShortKeysAreNobodys) {
  const KeyRing ring({{.name = "short", .digest = DigestOfKey("0123456789abcde")},
                      {.name = "long", .digest = DigestOfKey("0123456789abcdef")}});
  EXPECT_EQ(ring.Find("0123456789abcde"), std::nullopt);
  EXPECT_EQ(ring.Find("0123456789abcdef"), "long");
}

TEST_F(ConfigFile, WrongKeysAreRefusedAndNotRepeated) {
  const auto error = [&](const std::string& entry) { return YamlError("api_keys:\n- " + entry); };
  EXPECT_THAT(error("{name: a, key: short}"),
              ::testing::AllOf(HasSubstr("line 2"), HasSubstr("16"), Not(HasSubstr("short}"))));
  EXPECT_THAT(error("{name: a, sha256: abc}"), HasSubstr("64 hexadecimal"));
  EXPECT_THAT(error("{name: a}"), HasSubstr("one of 'key'"));
  EXPECT_THAT(error("{key: 0123456789abcdef}"), HasSubstr("needs a 'name'"));
  EXPECT_THAT(error("{name: a, kee: b}"), HasSubstr("'kee'"));
  EXPECT_THAT(error("{name: a, key: 0123456789abcdef, max_concurrent: -1}"),
              HasSubstr("'max_concurrent'"));
  EXPECT_THAT(error("{name: a, key: 0123456789abcdef}\n- {name: a, key: 0123456789abcdefg}"),
              HasSubstr("two keys"));
  ASSERT_TRUE(settings_.Set("api_key_file", Write("# none\n"), "x").ok());
  const Status status = settings_.ReadKeys();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("holds no key"));
}

TEST_F(ConfigFile, EffectiveLoadsAgainAndHidesKeys) {
  ASSERT_EQ(YamlError("allowed_origins: ['https://a.b']\ndata_dir: 'C:\\x \"y\"'\n"
                      "api_keys: [{name: bob, key: bob-key-0123456789}]\n"),
            "");
  ASSERT_TRUE(settings_.Set("api_key", kKey, "GLMOCR_API_KEY").ok());
  ASSERT_TRUE(settings_.Set("max_queue", "7", "--max-queue").ok());
  ASSERT_TRUE(settings_.ReadKeys().ok());
  const std::string text = settings_.Effective();
  EXPECT_THAT(text, HasSubstr("max_queue: 7"));
  EXPECT_THAT(text, HasSubstr("# --max-queue"));
  EXPECT_THAT(text, HasSubstr("max_body_bytes: 64MiB"));
  EXPECT_THAT(text, HasSubstr("name: 'bob'"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(text, Not(HasSubstr("bob-key")));
  ServerConfig again;
  Settings settings;
  AddServerSettings(settings, &again);
  ASSERT_TRUE(settings.ReadYaml(text, "effective").ok());
  EXPECT_EQ(again.max_queue, 7);
  EXPECT_EQ(again.data_dir, "C:\\x \"y\"");
  EXPECT_EQ(again.allowed_origins, config_.allowed_origins);
  EXPECT_EQ(again.http.limits.min_bytes_per_s, config_.http.limits.min_bytes_per_s);
}

}  // namespace
}  // namespace glmocr::server
