#include "grammar/json_grammar.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace glmocr {
namespace {

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

using testing::HasSubstr;

struct Case {
  std::string_view schema;
  std::vector<std::string_view> accepted, rejected;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto grammar = CompileJsonSchema(c.schema);
    ASSERT_TRUE(grammar.ok()) << c.schema << "\n" << grammar.error().message;
    for (const std::string_view text : c.accepted)
      EXPECT_TRUE(Matches(**grammar, text)) << c.schema << "\nrefuses " << text;
    for (const std::string_view text : c.rejected)
      EXPECT_FALSE(Matches(**grammar, text)) << c.schema << "\nlets through " << text;
  }
}

TEST(JsonSchema, AnyValue) {
  const std::vector<std::string_view> good = {"null",
                                              "true",
                                              "false",
                                              "0",
                                              "-1",
                                              "1.5e-3",
                                              "\"\"",
                                              "\"a\\n\\u00e9\"",
                                              "[]",
                                              "{}",
                                              "[1,2]",
                                              "[[],{}]",
                                              "{\"a\":{\"b\":[null, 1]}}",
                                              "{\n  \"a\": 1,\n  \"b\": 2\n}",
                                              "{ \"a\": 1 }",
                                              "\"\\ud83d\\ude00\"",
                                              "\"\xF0\x9F\x98\x80\"",
                                              "\"\x7F\"",
                                              "-0"};
  const std::vector<std::string_view> bad = {"",
                                             "nul",
                                             "01",
                                             "1.",
                                             ".5",
                                             "+1",
                                             "1e",
                                             "\"",
                                             "\"\t\"",
                                             "\"\n\"",
                                             "\"\\x\"",
                                             "\"\\u12\"",
                                             "[1,]",
                                             "[,1]",
                                             "{\"a\"}",
                                             "{a:1}",
                                             "{\"a\":1,}",
                                             "[1 2]",
                                             " 1",
                                             "1 ",
                                             "[]]",
                                             "tru e",
                                             "\"\\ud83d\"",
                                             "\"\\ude00\"",
                                             "\"\\ud83d\\u0041\"",
                                             "\"\xC3\"",
                                             "\"\xC0\x80\"",
                                             "\"\xED\xA0\x80\"",
                                             "\"\xF5\x80\x80\x80\"",
                                             "\"\x80\"",
                                             "[\n\n1]",
                                             "[  1]",
                                             "{\"a\" :1}",
                                             "[\n                 1]"};
  Check({{"{}", good, bad}, {"true", good, bad}, {R"({"title": "x", "$schema": "y"})", good, bad}});
}

TEST(JsonSchema, Types) {
  Check({
      {R"({"type": "null"})", {"null"}, {"0", "nulls"}},
      {R"({"type": "boolean"})", {"true", "false"}, {"null", "1"}},
      {R"({"type": "integer"})",
       {"0", "-7", "123456789012345678"},
       {"1.0", "1e3", "01", "-", "1234567890123456789"}},
      {R"({"type": "number"})", {"0", "-7.25", "1e10", "2E-05"}, {"1.", "-", "\"1\"", "1e100"}},
      {R"({"type": "string"})", {"\"\"", "\"x\""}, {"x", "null"}},
      {R"({"type": ["string", "null"]})", {"\"x\"", "null"}, {"1"}},
      {R"({"type": "string", "nullable": true})", {"\"x\"", "null"}, {"1"}},
      {R"({"type": "object"})", {"{}", "{\"a\":1}"}, {"[]"}},
      {R"({"type": "array"})", {"[]", "[1,\"a\"]"}, {"{}"}},
  });
}

TEST(JsonSchema, EnumAndConst) {
  Check({
      {R"({"enum": ["a", "ab", 1, 12, null, [1, {"k": "v"}], "\u0001\"\\\u00e9"]})",
       {"\"a\"", "\"ab\"", "1", "12", "null", "[1,{\"k\":\"v\"}]", "\"\\u0001\\\"\\\\\xC3\xA9\""},
       {"\"b\"", "2", "\"abc\"", "[1, {\"k\":\"v\"}]", "true", "122"}},
      {R"({"const": {"a": [true, 1.50]}})", {"{\"a\":[true,1.50]}"}, {"{\"a\":[true,1.5]}", "{}"}},
      {R"({"type": "string", "enum": ["a", 1]})", {"\"a\""}, {"1"}},
      {R"({"enum": [1, 2, 30], "maximum": 5, "type": "integer"})", {"1", "2"}, {"30", "3"}},
      {R"({"enum": ["a", "bbb"], "minLength": 2})", {"\"bbb\""}, {"\"a\""}},
      {R"({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]})", {"\"b\""}, {"\"a\"", "\"c\""}},
  });
}

TEST(JsonSchema, Objects) {
  Check({
      {R"({"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}},
           "required": ["b"], "additionalProperties": false})",
       {"{\"b\":1}", "{\"b\":1,\"a\":\"x\"}", "{\"b\": 1, \"a\": \"x\"}",
        "{\n  \"b\": 1,\n  \"a\": \"x\"\n}"},
       {"{}", "{\"a\":\"x\"}", "{\"a\":\"x\",\"b\":1}", "{\"b\":1,\"c\":1}", "{\"b\":\"1\"}",
        "{\"b\":1,}", "{,\"b\":1}", "{\"b\":1\"a\":\"x\"}"}},
      {R"({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["b"]})",
       {"{\"b\":1}", "{\"a\":1,\"b\":1}", "{\"b\":1,\"c\":1}", "{\"a\":1,\"b\":1,\"c\":1}"},
       {"{\"a\":1,\"c\":1}", "{\"a\":1}", "{\"b\":1,\"d\":1}"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}},
           "additionalProperties": {"type": "boolean"}})",
       {"{}", "{\"a\":1}", "{\"b\":true}", "{\"a\":1,\"b\":true,\"aa\":false}", "{\"\":true}",
        "{\"\xC3\xA9\":true}", "{\"\\n\":true}"},
       {"{\"a\":true}", "{\"b\":1}", "{\"\\u0061\":true}", "{\"b\":true,\"a\":1}"}},
      {R"({"type": "object", "additionalProperties": {"type": "integer"}})",
       {"{}", "{\"x\":1,\"y\":2}"},
       {"{\"x\":true}"}},
      {R"({"type": "object", "additionalProperties": false})", {"{}"}, {"{\"a\":1}"}},
      {R"({"properties": {"a": {"type": "null"}}})", {"{}", "{\"a\":null}"}, {"[]", "1"}},
      {R"({"type": "object", "properties": {"a": false, "b": true}})",
       {"{}", "{\"b\":1}"},
       {"{\"a\":1}"}},
      {R"({"type": "object", "required": ["x"]})",
       {"{\"x\":1}", "{\"x\":1,\"y\":2}"},
       {"{}", "{\"y\":2}"}},
      {R"({"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 1})",
       {"{\"a\":1}", "{\"b\":1}"},
       {"{}"}},
      {R"({"type": "object", "maxProperties": 0})", {"{}"}, {"{\"a\":1}"}},
      {R"({"type": "object", "properties": {"a/b~c": {"$ref": "#/$defs/x~1y~0z"}},
           "$defs": {"x/y~z": {"const": 1}}})",
       {"{\"a/b~c\":1}"},
       {"{\"a/b~c\":2}"}},
  });
}

TEST(JsonSchema, Arrays) {
  Check({
      {R"({"type": "array", "items": {"type": "integer"}})",
       {"[]", "[1]", "[1, 2,3]", "[\n1\n]"},
       {"[1,]", "[\"a\"]", "[1 ,2]", "[1"}},
      {R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})",
       {"[1,2]", "[1,2,3]"},
       {"[]", "[1]", "[1,2,3,4]"}},
      {R"({"type": "array", "minItems": 1})", {"[1]", "[1,2,3]"}, {"[]"}},
      {R"({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]})",
       {"[]", "[1]", "[1,\"a\"]"},
       {"[\"a\"]", "[1,\"a\",2]"}},
      {R"({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "null"},
           "minItems": 2})",
       {"[1,null]", "[1,null,null]"},
       {"[1]", "[1,1]"}},
      {R"({"type": "array", "items": [{"type": "integer"}], "additionalItems": false})",
       {"[]", "[1]"},
       {"[1,1]"}},
      {R"({"type": "array", "items": false})", {"[]"}, {"[1]"}},
      {R"({"type": "array", "maxItems": 0})", {"[]"}, {"[1]"}},
      {R"({"type": "array", "maxItems": 1, "uniqueItems": true})", {"[]", "[1]"}, {"[1,2]"}},
  });
}

TEST(JsonSchema, Strings) {
  Check({
      {R"({"type": "string", "minLength": 2, "maxLength": 3})",
       {"\"ab\"", "\"abc\"", "\"\xC3\xA9\xE4\xB8\xAD\"", "\"\\n\\u00e9\\\"\"",
        "\"\\ud83d\\ude00\xF0\x9F\x98\x80\""},
       {"\"a\"", "\"abcd\"", "\"\xF0\x9F\x98\x80\"", "\"\""}},
      {R"({"type": "string", "minLength": 1})", {"\"a\"", "\"abcdef\""}, {"\"\""}},
      {R"({"type": "string", "pattern": "^[A-Z]{2}-\\d+$"})",
       {"\"AB-1\"", "\"AB-123\""},
       {"\"AB-\"", "\"xAB-1\"", "\"AB-1x\"", "\"\\u0041B-1\""}},
      {R"({"type": "string", "pattern": "b+"})",
       {"\"b\"", "\"abba\"", "\"\\n\\\"b\xC3\xA9\""},
       {"\"\"", "\"aa\""}},
      {R"({"type": "string", "pattern": "^a|b$"})",
       {"\"ax\"", "\"xb\"", "\"a\"", "\"b\""},
       {"\"xa\"", "\"bx\""}},
      {R"({"type": "string", "pattern": "^(?:[^,\"]|\\\\,)*?$"})",
       {"\"\"", "\"a\\\\,b\""},
       {"\"a,b\"", "\"\\\"\""}},
      {R"({"type": "string", "pattern": "^[\u4e00-\u9fff]{1,2}$"})",
       {"\"\xE4\xB8\xAD\xE6\x96\x87\""},
       {"\"a\"", "\"\""}},
      {R"({"type": "string", "pattern": "^\\u{1F600}.\\x41[\\b]\\0$"})",
       {"\"\xF0\x9F\x98\x80zA\\b\\u0000\""},
       {"\"\""}},
      {R"({"type": "string", "pattern": "^a*$", "maxLength": 2, "minLength": 1})",
       {"\"a\"", "\"aa\""},
       {"\"\"", "\"aaa\""}},
      {R"({"type": "string", "pattern": "^(a|bc){2,3}$"})",
       {"\"aa\"", "\"abca\"", "\"bcbcbc\""},
       {"\"a\"", "\"aaaa\""}},
      {R"({"allOf": [{"pattern": "a"}, {"pattern": "b"}], "type": "string"})",
       {"\"ab\"", "\"bxa\""},
       {"\"a\"", "\"b\""}},
      {R"({"type": "string", "format": "date"})",
       {"\"2024-02-29\"", "\"2023-12-31\"", "\"2000-02-29\"", "\"0400-02-29\""},
       {"\"2023-02-29\"", "\"1900-02-29\"", "\"2023-04-31\"", "\"2023-13-01\"", "\"0000-01-01\"",
        "\"23-01-01\"", "\"2023-00-10\""}},
      {R"({"type": "string", "format": "date-time"})",
       {"\"2024-02-29T23:59:59Z\"", "\"2024-01-01T00:00:00.123+05:30\""},
       {"\"2024-02-30T00:00:00Z\"", "\"2024-01-01T24:00:00Z\"", "\"2024-01-01\""}},
      {R"({"type": "string", "format": "uuid"})",
       {"\"123e4567-e89b-12d3-a456-426614174000\""},
       {"\"123e4567e89b12d3a456426614174000\""}},
      {R"({"type": "string", "format": "email"})",
       {"\"a.b@c.example.com\""},
       {"\"a\"", "\"a@\"", "\"@b.c\"", "\"a..b@c.de\""}},
      {R"({"type": "string", "format": "duration"})",
       {"\"P1D\"", "\"PT1H\"", "\"P1Y2M3DT4H5M6S\""},
       {"\"P\"", "\"1D\"", "\"PT\""}},
      {R"({"type": "string", "format": "ipv4"})",
       {"\"192.168.0.1\""},
       {"\"256.1.1.1\"", "\"1.1\""}},
      {R"({"type": "string", "format": "uri"})",
       {"\"https://example.com/a?b=c#d\""},
       {"\"example\"", "\"https://\""}},
  });
}

TEST(JsonSchema, Numbers) {
  Check({
      {R"({"type": "integer", "minimum": 0})", {"0", "10", "999999999999999999"}, {"-1", "-0"}},
      {R"({"type": "integer", "minimum": 7, "maximum": 123})",
       {"7", "9", "10", "99", "100", "123"},
       {"6", "124", "200", "1000", "0", "-7", "07"}},
      {R"({"type": "integer", "minimum": -12, "exclusiveMaximum": 3})",
       {"-12", "-1", "0", "2", "-9"},
       {"-13", "3", "-20", "-0"}},
      {R"({"type": "integer", "exclusiveMinimum": 1.5, "maximum": 3.99})", {"2", "3"}, {"1", "4"}},
      {R"({"type": "integer", "maximum": -5})", {"-5", "-100"}, {"-4", "0", "5"}},
      {R"({"type": "number", "minimum": 0, "maximum": 1})",
       {"0", "1", "0.5", "1.0", "0.0", "1.000"},
       {"1.1", "-0.1", "2", "1e-1", "1.0001"}},
      {R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})",
       {"0.5", "0.001"},
       {"0", "1", "0.0", "1.0"}},
      {R"({"type": "number", "minimum": -1.25, "maximum": 10.5})",
       {"-1.25", "-1.2", "0", "10.5", "10.49", "-0.5"},
       {"-1.26", "10.51", "11", "-2"}},
      {R"({"type": "number", "multipleOf": 0.01, "minimum": 1e2})",
       {"100", "100.25", "100.1"},
       {"99", "100.255"}},
      {R"({"type": "integer", "multipleOf": 1})", {"3"}, {"3.5"}},
      {R"({"type": "integer", "format": "int32"})", {"2147483647", "-2147483648"}, {"2147483648"}},
      {R"({"type": ["integer", "null"], "minimum": 5})", {"5", "null"}, {"4"}},
  });
}

TEST(JsonSchema, Combinations) {
  Check({
      {R"({"anyOf": [{"type": "string"}, {"type": "integer"}]})", {"\"a\"", "1"}, {"null", "1.5"}},
      {R"({"allOf": [{"$ref": "#/$defs/a"}], "description": "d", "$defs": {"a": {"type": "null"}}})",
       {"null"},
       {"1"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
           "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})",
       {"{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":2}"},
       {"{}"}},
      {R"({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                     {"properties": {"a": {"minimum": 5}, "b": {"type": "null"}}}]})",
       {"{\"a\":5}", "{\"a\":6,\"b\":null}"},
       {"{\"a\":4}", "{}", "{\"b\":null}"}},
      {R"({"allOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]},
                     {"anyOf": [{"type": "null"}, {"type": "integer"}]}]})",
       {"1"},
       {"\"a\"", "null"}},
      {R"({"oneOf": [{"type": "string"}, {"type": "integer"}]})", {"\"a\"", "1"}, {"null"}},
      {R"({"oneOf": [
            {"type": "object", "properties": {"kind": {"const": "cat"}, "n": {"type": "integer"}},
             "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"enum": ["dog", "fox"]}}}]})",
       {"{\"kind\":\"cat\"}", "{\"kind\":\"cat\",\"n\":1}", "{\"kind\":\"dog\"}"},
       {"{}", "{\"kind\":\"dog\",\"n\":1}", "{\"kind\":\"cow\"}"}},
      {R"({"oneOf": [{"type": "object", "properties": {"a": {}}, "required": ["a"]},
                     {"type": "object", "properties": {"b": {}}, "required": ["b"]}]})",
       {"{\"a\":1}", "{\"b\":1}"},
       {"{}", "{\"a\":1,\"b\":1}"}},
      {R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {
            "v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["v", "next"]}}})",
       {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}"},
       {"{\"v\":1}", "{\"v\":1,\"next\":{\"v\":2}}"}},
      {R"({"type": "array", "items": {"$ref": "#"}})", {"[]", "[[],[[]]]"}, {"[1]"}},
      {R"({"oneOf": [{"type": "object", "properties": {"k": {"const": 1}, "x": {"$ref": "#"}},
                      "required": ["k"]},
                     {"type": "object", "properties": {"k": {"const": 2}}, "required": ["k"]}]})",
       {"{\"k\":1,\"x\":{\"k\":2}}"},
       {"{\"k\":2,\"x\":{\"k\":2}}"}},
      {R"({"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": true})",
       {"null", "1"},
       {"true"}},
  });
}

// What pydantic v2 and OpenAI's strict mode send.
TEST(JsonSchema, OfClients) {
  constexpr std::string_view kPydantic = R"({
    "$defs": {
      "Currency": {"enum": ["EUR", "USD"], "title": "Currency", "type": "string"},
      "Line": {"properties": {
          "text": {"title": "Text", "type": "string"},
          "price": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": null, "title": "Price"},
          "quantity": {"default": 1, "exclusiveMinimum": 0, "title": "Quantity", "type": "integer"}},
        "required": ["text"], "title": "Line", "type": "object"}},
    "properties": {
      "number": {"description": "Invoice number", "maxLength": 20, "title": "Number", "type": "string"},
      "date": {"format": "date", "title": "Date", "type": "string"},
      "currency": {"$ref": "#/$defs/Currency", "default": "EUR"},
      "lines": {"items": {"$ref": "#/$defs/Line"}, "minItems": 1, "title": "Lines", "type": "array"},
      "size": {"maxItems": 2, "minItems": 2, "prefixItems": [{"type": "integer"}, {"type": "integer"}],
               "title": "Size", "type": "array"},
      "extra": {"additionalProperties": {"type": "string"}, "title": "Extra", "type": "object"}},
    "required": ["number", "lines"], "title": "Invoice", "type": "object"})";
  constexpr std::string_view kStrict = R"({
    "type": "object",
    "properties": {"steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
                   "final_answer": {"type": ["string", "null"]}},
    "$defs": {"step": {"type": "object",
      "properties": {"explanation": {"type": "string"}, "output": {"type": "string"}},
      "required": ["explanation", "output"], "additionalProperties": false}},
    "required": ["steps", "final_answer"], "additionalProperties": false, "strict": true})";
  Check(
      {{kPydantic,
        {R"({"number": "7", "lines": [{"text": "a"}]})",
         R"({"number":"7","date":"2024-01-31","currency":"USD","lines":[{"text":"a","price":1.5,"quantity":2},{"text":"b","price":null}],"size":[1,2],"extra":{"a":"b"}})"},
        {R"({"number": "7", "lines": []})", R"({"number": "7"})",
         R"({"number":"7","lines":[{"text":"a","quantity":0}]})",
         R"({"number":"7","lines":[{"text":"a"}],"size":[1]})"}}});
  const auto strict = CompileJsonSchema(kStrict);
  ASSERT_FALSE(strict.ok());  // "strict" stands beside the schema in a request, not in it
  EXPECT_THAT(strict.error().message, HasSubstr("'strict'"));
  std::string without(kStrict);
  without.erase(without.find(", \"strict\": true"), 16);
  Check({{without,
          {R"({"steps":[{"explanation":"a","output":"b"}],"final_answer":null})",
           R"({"steps": [], "final_answer": "x"})"},
          {R"({"steps":[]})", R"({"steps":[{"explanation":"a"}],"final_answer":null})"}}});
}

TEST(JsonSchema, CompactLayout) {
  const auto grammar = CompileJsonSchema("{}", JsonLayout::kCompact);
  ASSERT_TRUE(grammar.ok());
  EXPECT_TRUE(Matches(**grammar, "{\"a\":[1,2]}"));
  EXPECT_FALSE(Matches(**grammar, "{\"a\": 1}"));
  EXPECT_FALSE(Matches(**grammar, "[1, 2]"));
  EXPECT_TRUE(Matches(*AnyJsonObject(), "{\"a\": [1]}"));
  EXPECT_FALSE(Matches(*AnyJsonObject(), "[1]"));
}

// Nothing that cannot be promised is taken, and the message says where it is.
TEST(JsonSchema, Refused) {
  const std::vector<std::pair<std::string_view, std::vector<std::string_view>>> cases = {
      {"", {"not valid JSON"}},
      {"{\"type\": \"string\"", {"not valid JSON"}},
      {"[]", {"'#'", "object or a boolean"}},
      {R"({"type": "strin"})", {"'type'"}},
      {R"({"a": 1, "a": 2})", {"appears twice"}},
      {R"({"tpye": "string"})", {"'tpye'", "not a keyword"}},
      {R"({"properties": {"a": {"not": {}}}})", {"'#/properties/a'", "'not'"}},
      {R"({"if": {}, "then": {}})", {"'if'"}},
      {R"({"type": "array", "uniqueItems": true})", {"'uniqueItems'"}},
      {R"({"type": "array", "contains": {}})", {"'contains'"}},
      {R"({"type": "object", "patternProperties": {}})", {"'patternProperties'"}},
      {R"({"type": "object", "unevaluatedProperties": false})", {"'unevaluatedProperties'"}},
      {R"({"type": "object", "minProperties": 2})", {"'minProperties'"}},
      {R"({"type": "object", "maxProperties": 2})", {"'maxProperties'"}},
      {R"({"type": "string", "format": "made-up"})", {"'format'", "made-up"}},
      {R"re({"type": "string", "pattern": "(?=a)"})re", {"'pattern'", "look-around"}},
      {R"({"type": "string", "pattern": "(a)\\1"})", {"'pattern'", "back reference"}},
      {R"({"type": "string", "pattern": "a**"})", {"'pattern'"}},
      {R"({"type": "string", "pattern": "("})", {"'pattern'"}},
      {R"({"type": "string", "pattern": "[z-a]"})", {"'pattern'"}},
      {R"({"type": "string", "pattern": "\\bx"})", {"'pattern'", "word boundary"}},
      {R"({"type": "string", "pattern": "((a{1000}){1000}){1000}"})", {"'pattern'", "repeats"}},
      {R"({"type": "string", "pattern": "(a|b)*a(a|b){30}$"})", {"'pattern'", "states"}},
      {R"({"type": "string", "minLength": -1})", {"'minLength'"}},
      {R"({"type": "integer", "multipleOf": 7})", {"'multipleOf'"}},
      {R"({"type": "integer", "minimum": "1"})", {"'minimum'"}},
      {R"({"$ref": "#/$defs/none"})", {"'$ref'", "nothing is at"}},
      {R"({"$ref": "https://example.com/a.json"})", {"'$ref'", "not followed"}},
      {R"({"$ref": "#"})", {"'$ref'", "leads back"}},
      {R"({"anyOf": [{"$ref": "#"}, {"type": "null"}]})", {"leads back"}},
      {R"({"allOf": [{"$ref": "#"}], "type": "null"})", {"leads back"}},
      {R"({"oneOf": [{"$ref": "#"}, {"type": "null"}]})", {"leads back"}},
      {R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})", {"'oneOf'", "branch 0"}},
      {R"({"oneOf": [{"type": "object"}, {"type": "object"}]})", {"'oneOf'"}},
      {"false", {"no finite JSON value"}},
      {R"({"enum": []})", {"'enum'"}},
      {R"({"type": "string", "enum": [1]})", {"no finite JSON value"}},
      {R"({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})",
       {"no finite JSON value"}},
      {R"({"type": "integer", "minimum": 5, "maximum": 4})", {"no finite JSON value"}},
      {R"({"required": "a", "type": "object"})", {"'required'"}},
      {R"({"properties": {"a": {"$id": "x", "type": "null"}}})", {"'$id'"}},
  };
  for (const auto& [schema, parts] : cases) {
    const auto grammar = CompileJsonSchema(schema);
    ASSERT_FALSE(grammar.ok()) << schema;
    EXPECT_EQ(grammar.error().code, ErrorCode::kInvalidArgument) << schema;
    for (const std::string_view part : parts)
      EXPECT_THAT(grammar.error().message, HasSubstr(part)) << schema;
  }
}

// Schemas made to cost: each is refused or compiled, and soon.
TEST(JsonSchema, Hostile) {
  const auto repeat = [](std::string_view text, int n) {
    std::string all;
    for (int i = 0; i < n; ++i) all += text;
    return all;
  };
  std::string doubling = R"({"$defs":{"d0":{"type":"null"})";
  for (int i = 1; i <= 40; ++i)
    doubling += ",\"d" + std::to_string(i) + "\":{\"allOf\":[{\"$ref\":\"#/$defs/d" +
                std::to_string(i - 1) + "\"},{\"anyOf\":[{\"$ref\":\"#/$defs/d" +
                std::to_string(i - 1) + "\"},{\"type\":\"null\"}]}]}";
  doubling += R"(},"$ref":"#/$defs/d40"})";
  std::string branches = R"({"oneOf":[)";
  for (int i = 0; i < 128; ++i)
    branches += std::string(i > 0 ? "," : "") + R"({"type":"object","anyOf":[)" +
                repeat(R"({"required":["a"]},)", 100) + R"({}]})";
  branches += "]}";
  // Character classes of a thousand ranges, repeated a thousand times: what each state costs is the
  // sum over its ranges, not their product.
  std::string odd, cjk;
  for (int i = 0; i < 960; ++i) {
    odd += "\\u" + fmt::format("{:04x}", 0x80 + 2 * i);
    cjk += "\\u" + fmt::format("{:04x}", 0x4e00 + 2 * i);
  }
  const auto pattern = [](const std::string& p) {
    return R"({"type":"string","pattern":")" + p + "\"}";
  };
  const std::vector<std::string> schemas = {
      pattern("[" + odd + "]{1000}"),
      pattern("[" + cjk + "]{1000}"),
      pattern("^[" + odd + "]{400}$"),
      pattern("([" + odd + "]|[" + cjk + "])*[" + odd + "]{30}"),
      pattern("^([" + odd + "]+,?){900}$"),
      repeat("[", 100'000),
      repeat(R"({"items":)", 100'000),
      repeat(R"({"anyOf":[)", 60) + "{}" + repeat("]}", 60),
      R"({"allOf":[)" + repeat(R"({"anyOf":[{"type":"string"},{"type":"integer"}]},)", 30) + "{}]}",
      doubling,
      branches,
      R"({"type":"array","items":{"type":"string","pattern":"^(a?){900}b{900}$"}})",
      R"({"type":"string","minLength":99999,"maxLength":99999999})",
      R"({"type":"array","minItems":9999,"items":{"type":"array","minItems":9999}})",
  };
  for (const std::string& schema : schemas) {
    // This thread's own time: the machine may be busy with other things.
    const double begin = ThreadSeconds();
    const auto grammar = CompileJsonSchema(schema);
    const double took = ThreadSeconds() - begin;
#ifdef NDEBUG
    EXPECT_LT(took, 1) << schema.substr(0, 100);
#else
    EXPECT_LT(took, 20) << schema.substr(0, 100);
#endif
    EXPECT_TRUE(grammar.ok() || !grammar.error().message.empty());
    std::printf("%6.0f ms %s %s\n", took * 1e3, schema.substr(0, 60).c_str(),
                grammar.ok() ? "compiled" : grammar.error().message.substr(0, 100).c_str());
  }
}

}  // namespace
}  // namespace glmocr
