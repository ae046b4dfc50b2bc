#include "server/api_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace glmocr::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ApiError, WhatTheClientCanMendIsItsError) {
  for (const ErrorCode code : {ErrorCode::kInvalidArgument, ErrorCode::kCorrupt,
                               ErrorCode::kUnsupported, ErrorCode::kResourceExhausted}) {
    const ApiError error = ApiErrorOf({code, "what to do"}, "messages[0]");
    EXPECT_EQ(error.status, 400) << ErrorCodeName(code);
    EXPECT_EQ(error.message, "what to do");
    EXPECT_EQ(error.param, "messages[0]");
  }
  EXPECT_EQ(ApiErrorOf({ErrorCode::kNotFound, "no such file"}).status, 404);
}

TEST(ApiError, WhatIsOverLaterSaysWhenToComeBack) {
  const HttpRequest request;
  const std::pair<ErrorCode, int> cases[] = {
      {ErrorCode::kUnavailable, 429}, {ErrorCode::kCancelled, 503}, {ErrorCode::kOutOfMemory, 503}};
  for (const auto& [code, status] : cases) {
    const HttpResponse response =
        ErrorResponse(ApiErrorOf({code, "full"}), ErrorShape::kOpenAi, request);
    EXPECT_EQ(response.status, status) << ErrorCodeName(code);
    EXPECT_THAT(response.headers, testing::Contains(testing::Key("Retry-After")));
  }
}

TEST(ApiError, TheServersOwnFailuresAreNotExplainedToClients) {
  const HttpRequest request = {.id = "r1"};
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kInternal, ErrorCode::kOutOfMemory}) {
    for (const ErrorShape shape : {ErrorShape::kOpenAi, ErrorShape::kPlain, ErrorShape::kMaas}) {
      const HttpResponse response =
          ErrorResponse(ApiErrorOf({code, "/var/lib/secret: EPERM (--batch)"}), shape, request);
      EXPECT_GE(response.status, 500);
      EXPECT_THAT(response.body, Not(HasSubstr("secret")));
      EXPECT_THAT(response.body, Not(HasSubstr("--batch")));
      EXPECT_TRUE(nlohmann::json::accept(response.body)) << response.body;
    }
  }
}

}  // namespace
}  // namespace glmocr::server
