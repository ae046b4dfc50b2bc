#include "server/json_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/json_call.h"
#include "server/request_id.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Fields, NamesTheFirstFieldThatIsWrong) {
  const ordered_json body =
      ordered_json::parse(R"({"t":"hot","n":1.5,"big":99999999999999999999,"s":7,"b":"yes"})");
  const auto error_of = [&](auto read) {
    Fields fields(body, "options");
    read(fields);
    return fields.error() ? fields.error()->param + ": " + fields.error()->message : "";
  };
  double t = 1;
  int64_t n = 3;
  bool b = false;
  std::string s = "kept";
  EXPECT_EQ(error_of([&](Fields& f) { f.Number("t", &t, 0, 2); }),
            "options.t: 'options.t' must be a number.");
  EXPECT_THAT(error_of([&](Fields& f) { f.Integer("n", &n, 0, 2); }), HasSubstr("an integer"));
  EXPECT_THAT(error_of([&](Fields& f) { f.Integer("big", &n, 0, 2); }), HasSubstr("an integer"));
  EXPECT_THAT(error_of([&](Fields& f) { f.String("s", &s); }), HasSubstr("a string"));
  EXPECT_THAT(error_of([&](Fields& f) { f.Bool("b", &b); }), HasSubstr("true or false"));
  EXPECT_EQ(error_of([&](Fields& f) { f.String("absent", &s); }), "");
  EXPECT_EQ(t, 1);
  EXPECT_EQ(n, 3);
  EXPECT_EQ(s, "kept");
}

TEST(Fields, HoldsNumbersAgainstTheirBounds) {
  const ordered_json body =
      ordered_json::parse(R"({"a":2.5,"b":18446744073709551615,"c":-3,"d":null})");
  double a = 0;
  int64_t n = 1;
  for (const char* name : {"a", "b", "c"}) {
    Fields fields(body, "");
    if (*name == 'a') {
      fields.Number(name, &a, 0, 2);
    } else {
      fields.Integer(name, &n, 0, INT64_MAX);
    }
    ASSERT_TRUE(fields.error().has_value()) << name;
    EXPECT_THAT(fields.error()->message, HasSubstr("between"));
  }
  for (const double bound : {2.5, -3.0}) {  // the bounds themselves are allowed
    const auto whole = static_cast<int64_t>(bound);
    const ordered_json at = {{"number", bound}, {"integer", whole}};
    Fields fields(at, "");
    fields.Number("number", &a, -3, 2.5);
    fields.Integer("integer", &n, -3, 2);
    EXPECT_FALSE(fields.error().has_value()) << bound;
    EXPECT_EQ(a, bound);
    EXPECT_EQ(n, whole);
  }
  Fields fields(body, "");
  fields.Integer("d", &n, 0, 2);  // null is like absent
  EXPECT_FALSE(fields.error().has_value());
  EXPECT_THAT(fields.Unknown(), ElementsAre("a", "b", "c"));
}

// security: huge-json
TEST(Security, HugeJsonIsRefusedByDepthAndDuplicates) {
  EXPECT_TRUE(ParseRequestObject(R"({"a":1})").ok());
  for (const std::string& bad :
       {std::string(100000, '['),
        std::string("{\"a\":") + std::string(5000, '[') + std::string(5000, ']') + "}",
        std::string(R"({"a":1,"a":2})"), std::string("[1]"), std::string("\"text\""), std::string(),
        std::string("{\"a\":1}\0{", 10), std::string("{\"a\":\"\xff\"}")}) {
    const auto parsed = ParseRequestObject(bad);
    ASSERT_FALSE(parsed.ok()) << bad.substr(0, 20);
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  }
}

// security: json-values
TEST(Security, JsonValuesAreCountedBeforeTheyAreBuilt) {
  const auto array_of = [](size_t n, const std::string& value) {
    std::string body = R"({"a":[)" + value;
    for (size_t i = 1; i < n; ++i) body += "," + value;
    return body + "]}";
  };
  // The object, the name's value and n elements; opening and colon count too.
  EXPECT_TRUE(ParseRequestObject(array_of(kMaxJsonValues - 10, "0")).ok());
  for (const std::string& body :
       {array_of(kMaxJsonValues + 1, "0"), array_of(kMaxJsonValues / 2 + 1, "[]"),
        array_of(kMaxJsonValues / 3 + 1, R"({"":0})"), array_of(kMaxJsonValues + 1, R"("\"")")}) {
    const auto parsed = ParseRequestObject(body);
    ASSERT_FALSE(parsed.ok());
    EXPECT_THAT(parsed.error().message, HasSubstr("values"));
  }
  // Commas and brackets in strings are no values.
  const std::string commas(3 * kMaxJsonValues, ',');
  EXPECT_TRUE(ParseRequestObject("{\"a\":\"" + commas + "\\\"[{:\"}").ok());
  EXPECT_TRUE(ParseRequestObject("{\"a\":\"\\\\\",\"b\":\"" + commas + "\"}").ok());
}

TEST(JsonString, IsReadBackByAParser) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "Größe € 𝕏";
  std::string written;
  AppendJsonString(all, &written);
  EXPECT_EQ(ordered_json::parse(written).get<std::string>(), all);
}

TEST(RequestId, IsTheClientsOnlyWhereItIsHarmless) {
  EXPECT_EQ(RequestIdOf("abc-1.2_X"), "abc-1.2_X");
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\nb"),
                                 std::string(129, 'a'), std::string("ä"), std::string("a\"b")}) {
    const std::string id = RequestIdOf(bad);
    EXPECT_NE(id, bad);
    EXPECT_EQ(id.size(), 32U);
  }
  EXPECT_NE(NewRequestId(), NewRequestId());
}

TEST(RequestId, TracesAreThoseOfW3c) {
  EXPECT_EQ(TraceIdOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            "4bf92f3577b34da6a3ce929d0e0e4736");
  for (const char* bad : {"", "00-4bf9", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    EXPECT_EQ(TraceIdOf(bad), "") << bad;
}

}  // namespace
}  // namespace glmocr::server
