// Random walks over token masks: whatever a mask allows must end in a value that another validator
// (valijson, with nlohmann's parser) takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <set>
#include <string>
#include <thread>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop

#include "grammar/json_grammar.h"
#include "grammar/test_schemas.h"
#include "grammar/test_vocabulary.h"

namespace glmocr {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Validator {
 public:
  explicit Validator(std::string_view schema) {
    const json parsed = json::parse(schema);
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::NlohmannJsonAdapter(parsed), schema_);
  }
  bool Valid(const json& value) {
    return validator_.validate(schema_, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
  }

 private:
  valijson::Schema schema_;
  valijson::Validator validator_;
};

std::shared_ptr<const BoundGrammar> BoundOrDie(std::string_view schema, const TestVocabulary& v) {
  auto grammar = CompileJsonSchema(schema);
  EXPECT_TRUE(grammar.ok()) << grammar.error().message;
  auto bound = Bind(*grammar, v.trie, {v.eos});
  EXPECT_TRUE(bound.ok()) << bound.error().message;
  return *bound;
}

std::vector<int32_t> Allowed(TokenMask& mask, const TestVocabulary& v) {
  std::vector<uint64_t> words((v.texts.size() + 63) / 64, 0);
  const Status status = mask.Fill(words);
  EXPECT_TRUE(status.ok()) << status.error().message;
  std::vector<int32_t> ids;
  for (size_t w = 0; w < words.size(); ++w)
    for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1)
      ids.push_back(static_cast<int32_t>(w * 64) + std::countr_zero(bits));
  return ids;
}

struct Walked {
  std::string text;
  bool ended = false;
};

// Takes tokens at random; after `patience` tokens, whatever closes something.
Walked Walk(TokenMask& mask, const TestVocabulary& v, uint32_t seed, int patience) {
  std::mt19937 random(seed);
  Walked walked;
  for (int n = 0; n < patience + 2000; ++n) {
    const std::vector<int32_t> ids = Allowed(mask, v);
    if (ids.empty()) return walked;
    int32_t id = ids[random() % ids.size()];
    if (n >= patience || random() % 8 == 0) {
      for (const std::string_view close : {"", "\"", "}", "]", "null", "0"}) {
        const auto found = std::find_if(ids.begin(), ids.end(), [&](int32_t i) {
          return v.texts[static_cast<size_t>(i)] == close;
        });
        if (found == ids.end()) continue;
        id = *found;
        break;
      }
    }
    mask.Accept(id);
    if (id == v.eos) {
      walked.ended = true;
      return walked;
    }
    walked.text += v.texts[static_cast<size_t>(id)];
  }
  return walked;
}

TEST(JsonMask, RandomWalksEndInValidValues) {
  const TestVocabulary v = TestVocabulary::Make();
  for (const std::string_view schema : kTestSchemas) {
    Validator validator(schema);
    const auto bound = BoundOrDie(schema, v);
    std::set<std::string> texts;
    for (uint32_t seed = 0; seed < 150; ++seed) {
      const auto mask = MakeTokenMask(bound);
      const Walked walked = Walk(*mask, v, seed, static_cast<int>(seed % 60));
      ASSERT_TRUE(walked.ended) << schema << "\n" << walked.text;
      const json value = json::parse(walked.text, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << schema << "\n" << walked.text;
      ASSERT_TRUE(validator.Valid(value)) << schema << "\n" << walked.text;
      texts.insert(walked.text);
    }
    EXPECT_GT(texts.size(), 5u) << schema;  // the walks do differ
  }
}

// A mask allows exactly the tokens after which the text is still the beginning of a value: what
// tokens do in a cached mask is compared with what their bytes do in the grammar.
TEST(JsonMask, AllowsExactlyWhatCanGoOn) {
  const TestVocabulary v = TestVocabulary::Make();
  for (const std::string_view schema : kTestSchemas) {
    const auto bound = BoundOrDie(schema, v);
    for (uint32_t seed = 0; seed < 6; ++seed) {
      const auto mask = MakeTokenMask(bound);
      std::mt19937 random(seed);
      std::vector<int32_t> taken;
      for (int n = 0; n < 25; ++n) {
        const std::vector<int32_t> ids = Allowed(*mask, v);
        ASSERT_FALSE(ids.empty());
        const std::set<int32_t> allowed(ids.begin(), ids.end());
        for (int32_t id = 0; id < static_cast<int32_t>(v.size()); ++id) {
          if (v.texts[static_cast<size_t>(id)].empty()) {
            EXPECT_TRUE(id == v.eos || !allowed.contains(id));
            continue;
          }
          // A fresh mask over single bytes is the reference: byte tokens are 2 + byte.
          const auto bytes = MakeTokenMask(bound);
          std::string text;
          for (const int32_t t : taken) text += v.texts[static_cast<size_t>(t)];
          text += v.texts[static_cast<size_t>(id)];
          bool possible = true;
          for (const char c : text) bytes->Accept(2 + static_cast<uint8_t>(c));
          std::vector<uint64_t> words((v.texts.size() + 63) / 64, 0);
          possible = bytes->Fill(words).ok();
          ASSERT_EQ(possible, allowed.contains(id)) << schema << "\n" << text;
        }
        const int32_t id = ids[random() % ids.size()];
        if (id == v.eos) break;
        mask->Accept(id);
        taken.push_back(id);
      }
    }
  }
}

TEST(JsonMask, EndsWhenNothingCanFollow) {
  const TestVocabulary v = TestVocabulary::Make();
  const auto mask = MakeTokenMask(BoundOrDie(R"({"enum": [1, 12, {"a": 1}]})", v));
  const auto take = [&](std::string_view text) {
    for (const char c : text) mask->Accept(2 + static_cast<uint8_t>(c));
  };
  EXPECT_THAT(Allowed(*mask, v), testing::Not(testing::Contains(v.eos)));
  take("1");
  EXPECT_THAT(Allowed(*mask, v), testing::UnorderedElementsAre(v.eos, 2 + '2'));
  take("2");
  EXPECT_THAT(Allowed(*mask, v), testing::ElementsAre(v.eos));
  mask->Accept(v.eos);
  EXPECT_THAT(Allowed(*mask, v), testing::ElementsAre(v.eos));  // when the end is ignored
  take("1");
  std::vector<uint64_t> words(8, 0);
  EXPECT_FALSE(mask->Fill(words).ok());
}

TEST(JsonMask, BlanksAreBounded) {
  const TestVocabulary v = TestVocabulary::Make();
  for (const std::string_view schema : {"{}", R"({"type": "array", "items": {"type": "null"}})"}) {
    const auto mask = MakeTokenMask(BoundOrDie(schema, v));
    mask->Accept(2 + '[');
    int n = 0;
    for (; n < 100; ++n) {
      const std::vector<int32_t> ids = Allowed(*mask, v);
      int32_t blank = -1;
      for (const char c : {'\n', ' ', '\t', '\r'})
        if (blank < 0 && std::find(ids.begin(), ids.end(), 2 + c) != ids.end()) blank = 2 + c;
      if (blank < 0) break;
      mask->Accept(blank);
    }
    EXPECT_EQ(n, 17) << schema;
  }
}

TEST(JsonMask, WhatAVocabularyLacks) {
  const auto grammar =
      CompileJsonSchema(R"({"type": "object", "properties": {"a": {"const": 1}}})");
  std::vector<std::string> texts;
  for (int b = 0; b < 256; ++b)
    if (b != '{' && b != '1') texts.emplace_back(1, static_cast<char>(b));
  texts.emplace_back("{\"");
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto trie = BuildTokenTrie(views);
  ASSERT_TRUE(trie.ok());
  const auto bound = Bind(*grammar, *trie, {0});
  ASSERT_FALSE(bound.ok());
  EXPECT_THAT(bound.error().message, HasSubstr("'1', '{'"));
  EXPECT_FALSE(Bind(*grammar, TestVocabulary::Make().trie, {}).ok());
  EXPECT_FALSE(BuildTokenTrie(std::vector<std::string_view>{"", ""}).ok());
}

TEST(JsonMask, TokensThatAreNoneAreAnError) {
  const TestVocabulary v = TestVocabulary::Make();
  for (const int32_t id : {1, -5, 100000, 2 + 'x'}) {
    const auto mask = MakeTokenMask(BoundOrDie("{}", v));
    mask->Accept(id);
    std::vector<uint64_t> words(8, 0);
    const Status status = mask->Fill(words);
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("does not allow"));
  }
}

// Requests of several threads share one bound grammar; each gets the text that it gets alone.
TEST(JsonMask, SharedByThreads) {
  const TestVocabulary v = TestVocabulary::Make();
  const std::string_view schema = kTestSchemas[8];
  std::vector<std::string> alone(8), together(8);
  for (size_t i = 0; i < alone.size(); ++i)
    alone[i] = Walk(*MakeTokenMask(BoundOrDie(schema, v)), v, static_cast<uint32_t>(i), 40).text;
  const auto bound = BoundOrDie(schema, v);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < together.size(); ++i)
    threads.emplace_back([&, i] {
      for (int again = 0; again < 5; ++again)
        together[i] = Walk(*MakeTokenMask(bound), v, static_cast<uint32_t>(i), 40).text;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(alone, together);
}

// Deep values end, and the stack of a long flat one does not grow.
TEST(JsonMask, DeepAndLong) {
  const TestVocabulary v = TestVocabulary::Make();
  const auto bound = BoundOrDie("{}", v);
  const auto take = [&](TokenMask& mask, std::string_view text) {
    for (const char c : text) mask.Accept(2 + static_cast<uint8_t>(c));
  };
  const auto deep = MakeTokenMask(bound);
  for (int i = 0; i < 20'000; ++i) take(*deep, "[");
  for (int i = 0; i < 20'000; ++i) take(*deep, "]");
  EXPECT_THAT(Allowed(*deep, v), testing::ElementsAre(v.eos));
  const auto flat = MakeTokenMask(bound);
  take(*flat, "[0");
  for (int i = 0; i < 20'000; ++i) take(*flat, ",{\"a\":[1,\"x\"]}");
  take(*flat, "]");
  EXPECT_THAT(Allowed(*flat, v), testing::ElementsAre(v.eos));
}

}  // namespace
}  // namespace glmocr
