// Ids and texts of the reference tokenizer, for the shipped model's tokenizer, a trained one of
// 20,000 entries, and one tokenizer for every other feature of tokenizer.json that is supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/golden_file.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer.h"

namespace glmocr {
namespace {

class GoldenTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    golden_ = ReadGolden(std::string(GetParam()) + ".golden");
    Result<Tokenizer> tokenizer = Tokenizer::FromJson(golden_.tokenizer_json, GetParam());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    tokenizer_.emplace(std::move(*tokenizer));
  }
  GoldenFile golden_;
  std::optional<Tokenizer> tokenizer_;
};

TEST_P(GoldenTest, SameIdsAsTheReference) {
  ASSERT_GE(golden_.texts.size(), 600u);
  int differences = 0;
  for (const GoldenText& t : golden_.texts) {
    const auto parsed = tokenizer_->Encode(t.text, EncodeMode::kParseSpecial);
    const auto plain = tokenizer_->Encode(t.text, EncodeMode::kPlainText);
    ASSERT_TRUE(parsed.ok() && plain.ok());
    if (*parsed == t.ids && *plain == t.plain_ids) continue;
    if (++differences > 10) continue;
    EXPECT_THAT(*parsed, testing::ElementsAreArray(t.ids)) << testing::PrintToString(t.text);
    EXPECT_THAT(*plain, testing::ElementsAreArray(t.plain_ids)) << testing::PrintToString(t.text);
  }
  EXPECT_EQ(differences, 0) << "of " << golden_.texts.size();
}

// All texts in one call: words repeated within a call come from the word cache.
TEST_P(GoldenTest, CachedWordsKeepTheirIds) {
  // A special token between two texts keeps them from forming words together.
  const auto border = tokenizer_->AddedTokenId("<|endoftext|>");
  std::string all;
  std::vector<TextRange> trusted;
  std::vector<int32_t> expected;
  for (size_t i = 0; i < golden_.texts.size(); ++i) {
    if (golden_.texts[i].text.empty()) continue;
    all += golden_.texts[i].text;
    expected.insert(expected.end(), golden_.texts[i].plain_ids.begin(),
                    golden_.texts[i].plain_ids.end());
    if (!border) break;
    trusted.push_back({all.size(), all.size() + 13});
    all += "<|endoftext|>";
    expected.push_back(*border);
  }
  const auto ids = tokenizer_->Encode(all, trusted);
  ASSERT_TRUE(ids.ok());
  EXPECT_TRUE(*ids == expected);
}

TEST_P(GoldenTest, SameTextAsTheReference) {
  ASSERT_GE(golden_.streams.size(), 50u);
  for (const GoldenStream& s : golden_.streams) {
    EXPECT_EQ(tokenizer_->Decode(s.ids, SpecialTokens::kKeep), s.kept);
    EXPECT_EQ(tokenizer_->Decode(s.ids, SpecialTokens::kSkip), s.skipped);
  }
}

TEST_P(GoldenTest, StreamEqualsWholeAndNeverShowsHalfACharacter) {
  for (const SpecialTokens special : {SpecialTokens::kKeep, SpecialTokens::kSkip}) {
    StreamDecoder decoder(&*tokenizer_, special);
    for (const GoldenStream& s : golden_.streams) {
      std::string joined;
      for (const int32_t id : s.ids) {
        const std::string part = decoder.Push(id);
        // Well-formed on its own: encoding refuses anything else.
        EXPECT_TRUE(tokenizer_->Encode(part, EncodeMode::kPlainText).ok());
        joined += part;
      }
      joined += decoder.Flush();
      EXPECT_EQ(joined, special == SpecialTokens::kKeep ? s.kept : s.skipped);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, GoldenTest,
                         testing::Values("starter", "trained_20k", "word_vocabulary", "gpt2_split",
                                         "other_split", "strips", "nfc", "template",
                                         "repeated_merge"),
                         [](const auto& i) { return std::string(i.param); });

}  // namespace
}  // namespace glmocr
