#include "base/bounded_json.h"

#include <gtest/gtest.h>

#include <string>

namespace glmocr {
namespace {

TEST(BoundedJson, AcceptsJson) {
  const Result<nlohmann::json> value = ParseBoundedJson(
      R"( {"a": [1, -2.5, "\u0000\u00e9", null, true], "b": {"a": 1}} )", "f.json");
  ASSERT_TRUE(value.ok()) << value.error().message;
  EXPECT_EQ((*value)["a"][2],
            std::string("\0\xc3\xa9", 3));  // a zero byte may be spelt, not stand there
  EXPECT_EQ((*value)["b"]["a"], 1);
}

TEST(BoundedJson, RefusalsNameTheFile) {
  for (const std::string& text : {std::string(),
                                  std::string("{"),
                                  std::string("{} {}"),
                                  std::string("{}\0", 3),
                                  std::string("\0{}", 3),
                                  std::string("{\"a\0b\": 1}", 10),
                                  std::string("\"\xff\""),
                                  std::string("\"\xc0\x80\""),
                                  std::string("\"\xed\xa0\x80\""),
                                  std::string("\xff\xfe{}"),
                                  std::string("1e999"),
                                  std::string("-1e999"),
                                  std::string("NaN"),
                                  std::string("Infinity"),
                                  std::string("01"),
                                  std::string("\"\\ud800\""),
                                  std::string("{'a': 1}"),
                                  std::string("[1,]"),
                                  std::string(R"({"a": 1, "a": 2})"),
                                  std::string(R"({"x": {"a": 1, "\u0061": 2}})"),
                                  std::string(1'000'000, '['),
                                  std::string("\"abc\ndef\"")}) {
    const Result<nlohmann::json> value = ParseBoundedJson(text, "f.json");
    ASSERT_FALSE(value.ok()) << text.substr(0, 100);
    EXPECT_EQ(value.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(value.error().message.rfind("'f.json'", 0), 0u) << value.error().message;
  }
}

TEST(BoundedJson, DepthIsCounted) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseBoundedJson(nested(32), "f.json").ok());
  EXPECT_FALSE(ParseBoundedJson(nested(33), "f.json").ok());
  EXPECT_TRUE(ParseBoundedJson(nested(3), "f.json", 3).ok());
  EXPECT_FALSE(ParseBoundedJson(nested(4), "f.json", 3).ok());
}

}  // namespace
}  // namespace glmocr
