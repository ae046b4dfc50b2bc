#include "tokenizer/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tokenizer/golden_file.h"

namespace glmocr {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string& StarterJson() {
  static const std::string text = ReadGolden("starter.golden").tokenizer_json;
  return text;
}

Result<TokenizerSpec> ParseEdited(const std::function<void(json&)>& edit) {
  json root = json::parse(StarterJson());
  edit(root);
  return ParseTokenizerJson(root.dump(), "t.json");
}

struct Case {
  const char* message;  // a part of it
  ErrorCode code;
  std::function<void(json&)> edit;
};

constexpr ErrorCode kC = ErrorCode::kCorrupt, kU = ErrorCode::kUnsupported;

TEST(TokenizerJson, ReadsTheStarter) {
  Result<TokenizerSpec> spec = ParseTokenizerJson(StarterJson(), "t.json");
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->vocabulary.size(), 1005u);
  EXPECT_EQ(spec->merges.size(), 749u);
  EXPECT_EQ(spec->added_tokens.size(), 19u);
}

TEST(TokenizerJson, MergesAsStringsAreTheSame) {
  Result<TokenizerSpec> pairs = ParseTokenizerJson(StarterJson(), "t.json");
  Result<TokenizerSpec> strings = ParseEdited([](json& j) {
    for (json& m : j["model"]["merges"])
      m = m[0].get<std::string>() + " " + m[1].get<std::string>();
  });
  ASSERT_TRUE(pairs.ok() && strings.ok());
  ASSERT_EQ(pairs->merges.size(), strings->merges.size());
  for (size_t i = 0; i < pairs->merges.size(); ++i)
    EXPECT_EQ(pairs->merges[i].merged, strings->merges[i].merged);
}

TEST(TokenizerJson, WhatIsNotImplementedIsRefusedByName) {
  const std::vector<Case> cases = {
      {"the file.surprise", kU, [](json& j) { j["surprise"] = 1; }},
      {"version", kU, [](json& j) { j["version"] = "2.0"; }},
      {"truncation", kU,
       [](json& j) {
         j["truncation"] = {{"max_length", 5}};
       }},
      {"padding", kU, [](json& j) { j["padding"] = json::object(); }},
      {"normalizer.type is \"Lowercase\"", kU,
       [](json& j) {
         j["normalizer"] = {{"type", "Lowercase"}};
       }},
      {"pre_tokenizer is null", kU, [](json& j) { j["pre_tokenizer"] = nullptr; }},
      {"pre_tokenizer.type is \"Whitespace\"", kU,
       [](json& j) {
         j["pre_tokenizer"] = {{"type", "Whitespace"}};
       }},
      {"behavior", kU,
       [](json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }},
      {"invert", kU, [](json& j) { j["pre_tokenizer"]["pretokenizers"][0]["invert"] = true; }},
      {"pattern.String", kU,
       [](json& j) {
         j["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"String", " "}};
       }},
      {"[1].add_prefix_space", kU,
       [](json& j) { j["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; }},
      {"[1].use_regex", kU,
       [](json& j) { j["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true; }},
      {"[Split, ByteLevel]", kU, [](json& j) { j["pre_tokenizer"]["pretokenizers"].erase(1); }},
      {"decoder.type is \"WordPiece\"", kU,
       [](json& j) {
         j["decoder"] = {{"type", "WordPiece"}};
       }},
      {"decoder is null", kU, [](json& j) { j["decoder"] = nullptr; }},
      {"post_processor.type is \"BertProcessing\"", kU,
       [](json& j) {
         j["post_processor"] = {{"type", "BertProcessing"}};
       }},
      {"model.type", kU, [](json& j) { j["model"]["type"] = "Unigram"; }},
      {"model.dropout", kU, [](json& j) { j["model"]["dropout"] = 0.1; }},
      {"model.end_of_word_suffix", kU, [](json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }},
      {"model.continuing_subword_prefix", kU,
       [](json& j) { j["model"]["continuing_subword_prefix"] = "##"; }},
      {"model.magic", kU, [](json& j) { j["model"]["magic"] = true; }},
      {"added_tokens[3].single_word", kU,
       [](json& j) { j["added_tokens"][3]["single_word"] = true; }},
      {"added_tokens[3].wings", kU, [](json& j) { j["added_tokens"][3]["wings"] = 2; }},
      {"no token for the byte 0x41", kU, [](json& j) { j["model"]["vocab"].erase("A"); }},
      {"would number it 1005", kU, [](json& j) { j["added_tokens"][0]["id"] = 5000; }},
      {"normalized is true", kU,
       [](json& j) {
         j["normalizer"] = {{"type", "NFC"}};
         j["added_tokens"][0]["normalized"] = true;
       }},
      {"can produce the special token", kU,
       [](json& j) {
         const std::string merged = j["model"]["merges"][0][0].get<std::string>() +
                                    j["model"]["merges"][0][1].get<std::string>();
         j["added_tokens"][0]["content"] = merged;
         j["added_tokens"][0]["id"] = j["model"]["vocab"][merged];
         j["added_tokens"].erase(j["added_tokens"].begin() + 1, j["added_tokens"].end());
       }},
  };
  for (const Case& c : cases) {
    Result<TokenizerSpec> spec = ParseEdited(c.edit);
    ASSERT_FALSE(spec.ok()) << c.message;
    EXPECT_EQ(spec.error().code, c.code) << spec.error().message;
    EXPECT_THAT(spec.error().message, HasSubstr(c.message));
    EXPECT_THAT(spec.error().message, HasSubstr("t.json"));
  }
}

TEST(TokenizerJson, ContradictionsAreCorrupt) {
  const std::vector<Case> cases = {
      {"two tokens", kC, [](json& j) { j["model"]["vocab"]["zzzz"] = 5; }},
      {"the id of 'zzzz'", kC, [](json& j) { j["model"]["vocab"]["zzzz"] = -1; }},
      {"the id of 'zzzz'", kC, [](json& j) { j["model"]["vocab"]["zzzz"] = 1 << 20; }},
      {"the id of 'zzzz'", kC, [](json& j) { j["model"]["vocab"]["zzzz"] = "7"; }},
      {"the id of 'zzzz'", kC, [](json& j) { j["model"]["vocab"]["zzzz"] = 1.5; }},
      {"model.vocab is missing", kC, [](json& j) { j["model"]["vocab"] = json::array(); }},
      {"model.merges[0]", kC, [](json& j) { j["model"]["merges"][0] = "a b c"; }},
      {"model.merges[0]", kC, [](json& j) { j["model"]["merges"][0] = "ab"; }},
      {"model.merges[0]", kC, [](json& j) { j["model"]["merges"][0] = json::array({"a"}); }},
      {"model.merges[0]", kC, [](json& j) { j["model"]["merges"][0] = 7; }},
      {"model.merges[0]", kC,
       [](json& j) {
         j["model"]["merges"][0] = json::array({"nothere", "a"});
       }},
      {"model.merges[0]", kC,
       [](json& j) {
         j["model"]["merges"][0] = json::array({"", "a"});
       }},
      {"model.merges is not a list", kC, [](json& j) { j["model"]["merges"] = "x"; }},
      {"model.merges is missing", kC, [](json& j) { j["model"].erase("merges"); }},
      {"model is missing", kC, [](json& j) { j.erase("model"); }},
      {"model is not an object", kC, [](json& j) { j["model"] = 3; }},
      {"added_tokens[1]: '<|endoftext|>' is added twice", kC,
       [](json& j) { j["added_tokens"][1]["content"] = "<|endoftext|>"; }},
      {"added_tokens[0]: 'A'", kC, [](json& j) { j["added_tokens"][0]["content"] = "A"; }},
      {"added_tokens[0].id", kC, [](json& j) { j["added_tokens"][0]["id"] = -4; }},
      {"added_tokens[0].id", kC, [](json& j) { j["added_tokens"][0].erase("id"); }},
      {"added_tokens[0].content", kC, [](json& j) { j["added_tokens"][0]["content"] = ""; }},
      {"added_tokens[0].content", kC, [](json& j) { j["added_tokens"][0]["content"] = 1; }},
      {"added_tokens[0].special", kC, [](json& j) { j["added_tokens"][0]["special"] = "yes"; }},
      {"added_tokens is not a list", kC, [](json& j) { j["added_tokens"] = json::object(); }},
      {"is not an object", kC, [](json& j) { j = json::array(); }},
  };
  for (const Case& c : cases) {
    Result<TokenizerSpec> spec = ParseEdited(c.edit);
    ASSERT_FALSE(spec.ok()) << c.message;
    EXPECT_EQ(spec.error().code, c.code) << spec.error().message;
    EXPECT_THAT(spec.error().message, HasSubstr(c.message));
  }
}

TEST(TokenizerJson, BrokenBytesAreCorrupt) {
  const auto code = [](std::string_view bytes) {
    Result<TokenizerSpec> spec = ParseTokenizerJson(bytes, "t.json");
    EXPECT_FALSE(spec.ok());
    return spec.ok() ? ErrorCode::kInternal : spec.error().code;
  };
  EXPECT_EQ(code(""), kC);
  EXPECT_EQ(code("null"), kC);
  EXPECT_EQ(code("\xFF\xFE{}"), kC);
  EXPECT_EQ(code("{\"version\": \"\xC3\"}"), kC);
  EXPECT_EQ(code(std::string(1 << 20, '[')), kC);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  EXPECT_EQ(code(deep), kC);
  EXPECT_EQ(code(R"({"version": "1.0", "version": "1.0"})"), kC);  // which one counts?
  EXPECT_EQ(code(R"({"model": {"vocab": {"a": 0}, "vocab": {"a": 1}}})"), kC);
  for (size_t size = 0; size < StarterJson().size(); size += 997)
    EXPECT_EQ(code(StarterJson().substr(0, size)), kC);
}

TEST(TokenizerJson, RepeatedVocabularyKeyIsCorrupt) {
  std::string text = StarterJson();
  const std::string key = "\"vocab\": {";
  const size_t at = text.find(key);
  ASSERT_NE(at, std::string::npos);
  text.insert(at + key.size(), "\"!\": 1023,");
  Result<TokenizerSpec> spec = ParseTokenizerJson(text, "t.json");
  ASSERT_FALSE(spec.ok());
  EXPECT_THAT(spec.error().message, HasSubstr("occurs twice"));
}

TEST(TokenizerJson, SpellingsBecomeBytes) {
  EXPECT_EQ(SpellingToBytes("Ġa").bytes, " a");
  EXPECT_EQ(SpellingToBytes("Ċ").bytes, "\n");
  EXPECT_EQ(SpellingToBytes("ä¸Ń").bytes, "中");
  EXPECT_TRUE(SpellingToBytes("ä¸Ń").in_alphabet);
  EXPECT_EQ(SpellingToBytes("中").bytes, "中");  // not in the alphabet: stands for itself
  EXPECT_FALSE(SpellingToBytes("中").in_alphabet);
  EXPECT_FALSE(SpellingToBytes("a b").in_alphabet);
}

}  // namespace
}  // namespace glmocr
