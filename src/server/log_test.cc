#include "server/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace glmocr::server {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// What a client may put into a header, a target or a field's name to forge or hide a line.
std::string Evil() {
  return std::string("a\nb\r\n{\"event\":\"forged\"}\x1b[2J\x07\xff\xe2\x80\xa8\"\\") + '\0' + "z";
}

std::string Written(bool json_lines, const std::string& text) {
  ::testing::internal::CaptureStderr();
  {
    Log log(LogLevel::kInfo, json_lines);
    log.Info("request", {{"target", text}, {"status", int64_t{404}}, {"ok", false}});
    log.Debug("unseen", {});
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(Security, LogInjectJsonLineStaysALine) {
  const std::string line = Written(true, Evil());
  ASSERT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  for (const char c : line) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  const json event = json::parse(line);
  EXPECT_EQ(event["event"], "request");
  EXPECT_EQ(event["level"], "info");
  EXPECT_EQ(event["status"], 404);
  EXPECT_EQ(event["ok"], false);
  EXPECT_THAT(event["target"].get<std::string>(), HasSubstr("a\nb\r\n{\"event\":\"forged\"}"));
}

TEST(Security, LogInjectTextLineStaysALine) {
  const std::string line = Written(false, Evil());
  ASSERT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  for (const char c : line) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
  EXPECT_THAT(line, HasSubstr("request target="));
  EXPECT_THAT(line, HasSubstr(" status=404"));
}

TEST(Log, LevelsAreLeftOut) { EXPECT_THAT(Written(true, "x"), Not(HasSubstr("unseen"))); }

}  // namespace
}  // namespace glmocr::server
