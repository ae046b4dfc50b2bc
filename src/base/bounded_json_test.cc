#include "base/bounded_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

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

// What the library whose values these are makes of the same text: kinds of numbers, order, escapes.
TEST(BoundedJson, ValuesAreTheLibrarys) {
  std::vector<std::string> texts = {"-0",
                                    "0",
                                    "-0.0",
                                    "1.0",
                                    "1e2",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "18446744073709551615",
                                    "18446744073709551616",
                                    "-9223372036854775808",
                                    "-9223372036854775809",
                                    "123456789012345678901234567890",
                                    "0.1",
                                    "1.7976931348623157e308",
                                    "4.9e-324",
                                    "1e-400",
                                    "2.2250738585072011e-308",
                                    "7.2057594037927933e16",
                                    "\xef\xbb\xbf[1]",
                                    "\"\"",
                                    R"("\u0041\ud83d\ude00\/\b\f\n\r\t\\\"")",
                                    "{}",
                                    "[]",
                                    "[[],{},[{}]]",
                                    " \t\r\n null ",
                                    R"({"b":1,"a":{"d":2,"c":3},"":4})"};
  uint32_t random = 7;
  const auto draw = [&](uint32_t n) {
    return (random = random * 1664525 + 1013904223) >> 8 & (n - 1);
  };
  const std::function<nlohmann::json(int)> make = [&](int depth) -> nlohmann::json {
    switch (depth > 4 ? draw(4) : draw(8)) {
      case 0:
        return nullptr;
      case 1:
        return static_cast<int64_t>(draw(1 << 16)) - (1 << 15);
      case 2:
        return std::ldexp(static_cast<double>(draw(1 << 20)), static_cast<int>(draw(256)) - 128);
      case 3:
        return std::string(draw(128), static_cast<char>(' ' + draw(64))) + "\xc3\xa9\\n";
      case 4:
        return draw(2) == 0;
      case 5: {
        nlohmann::json list = nlohmann::json::array();
        for (uint32_t n = draw(8); n > 0; --n) list.push_back(make(depth + 1));
        return list;
      }
      default: {
        nlohmann::json object = nlohmann::json::object();
        for (uint32_t n = draw(8); n > 0; --n)
          object[std::string(1, static_cast<char>('a' + draw(16)))] = make(depth + 1);
        return object;
      }
    }
  };
  for (int i = 0; i < 500; ++i) texts.push_back(make(0).dump(i % 3 - 1));
  for (const std::string& text : texts) {
    const Result<nlohmann::json> value = ParseBoundedJson(text, "f.json");
    ASSERT_TRUE(value.ok()) << text << value.error().message;
    const nlohmann::json want = nlohmann::json::parse(text);
    EXPECT_EQ(*value, want) << text;
    EXPECT_EQ(value->dump(), want.dump());  // numbers of different kinds compare equal
    // A zero with a sign is a signed integer there; nobody asks.
    if (text != "-0") {
      EXPECT_EQ(value->type(), want.type()) << text;
    }
  }
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
