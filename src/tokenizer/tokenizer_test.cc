#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <thread>

#include "tokenizer/golden_file.h"

namespace glmocr {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Lt;

class TokenizerTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<Tokenizer> loaded = Tokenizer::FromFile(StarterPath("tokenizer.json"));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    tok_.emplace(std::move(*loaded));
  }
  std::vector<int32_t> Plain(std::string_view text) {
    return *tok_->Encode(text, EncodeMode::kPlainText);
  }
  std::vector<int32_t> Parsed(std::string_view text) {
    return *tok_->Encode(text, EncodeMode::kParseSpecial);
  }
  std::optional<Tokenizer> tok_;
};

constexpr int32_t kFirstAdded = 1005;  // of the starter's ids
constexpr int32_t kUser = 1012;

TEST_F(TokenizerTest, LooksUpTokens) {
  EXPECT_EQ(tok_->vocab_size(), 1024);
  EXPECT_EQ(tok_->TokenId("<|user|>"), kUser);
  EXPECT_EQ(tok_->AddedTokenId("<|user|>"), kUser);
  EXPECT_EQ(tok_->TokenId("<|nobody|>"), std::nullopt);
  EXPECT_EQ(tok_->TokenBytes(kUser), "<|user|>");
  EXPECT_TRUE(tok_->IsSpecial(kUser));
  const auto space = tok_->TokenId(" ");
  ASSERT_TRUE(space.has_value());
  EXPECT_EQ(tok_->TokenBytes(*space), " ");
  EXPECT_EQ(tok_->AddedTokenId(" "), std::nullopt);
  EXPECT_FALSE(tok_->IsSpecial(*space));
  EXPECT_FALSE(tok_->IsSpecial(-1));
  EXPECT_FALSE(tok_->HasToken(1024));
  EXPECT_EQ(tok_->TokenBytes(1024), "");
}

TEST_F(TokenizerTest, PlainTextNeverYieldsSpecialTokens) {
  for (int32_t id = kFirstAdded; id < tok_->vocab_size(); ++id) {
    const std::string text(tok_->TokenBytes(id));
    EXPECT_THAT(Parsed(text), ElementsAre(id));
    EXPECT_THAT(Plain(text), Each(Lt(kFirstAdded))) << text;
    EXPECT_EQ(tok_->Decode(Plain(text), SpecialTokens::kSkip), text);
  }
}

TEST_F(TokenizerTest, TrustedRangesLimitWhereTokensAre) {
  const std::string text = "<|user|><|user|>\n<|user|>";
  const TextRange trusted[] = {{0, 8}, {16, 17}};
  const auto ids = *tok_->Encode(text, trusted);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), kUser), 1);
  EXPECT_EQ(ids[0], kUser);
  // A token that only the join of trusted and untrusted text spells is none.
  const TextRange half[] = {{0, 4}};
  EXPECT_THAT(*tok_->Encode("<|user|>", half), Each(Lt(kFirstAdded)));
  // Words run across the border as if it were not there.
  const TextRange first[] = {{0, 2}};
  EXPECT_EQ(*tok_->Encode("there", first), Plain("there"));
}

TEST_F(TokenizerTest, InvalidUtf8IsAnErrorWithItsOffset) {
  const auto ids = tok_->Encode("abc\xFFz", EncodeMode::kPlainText);
  ASSERT_FALSE(ids.ok());
  EXPECT_EQ(ids.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(ids.error().message, HasSubstr("byte 3 (0xFF)"));
  EXPECT_FALSE(tok_->Encode("caf\xC3", EncodeMode::kParseSpecial).ok());
  EXPECT_FALSE(tok_->Encode("\xED\xA0\x80", EncodeMode::kPlainText).ok());
}

TEST_F(TokenizerTest, EmptyTextHasNoIds) {
  EXPECT_TRUE(Plain("").empty());
  EXPECT_TRUE(Parsed("").empty());
  EXPECT_EQ(tok_->Decode({}, SpecialTokens::kKeep), "");
}

TEST_F(TokenizerTest, DecodingUndoesEncoding) {
  const std::string text =
      std::string("Ein \u00a0Text, 中文 😀\r\n\t'S 1234567 ").append(1, '\0') + "x";
  EXPECT_EQ(tok_->Decode(Plain(text), SpecialTokens::kSkip), text);
}

// Seconds of this thread on a processor: other programs do not add to them.
double ThreadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Work must grow with the length of the text, not with its square: quadratic merging would need
// 10^12 pair visits for a megabyte of one letter. 64 times the text may take 64 times the time
// (quadratic: 4096 times); the bound is 8 times away from both, so that it holds on slow machines,
// with caches of any size and under sanitizers as well.
TEST_F(TokenizerTest, HostileTextIsHarmless) {
  for (const std::string& unit :
       {std::string("a"), std::string("er"), std::string(" "), std::string("\n"), std::string("<"),
        std::string("'"), std::string("中"), std::string("<|user|"), std::string(" \n")}) {
    const auto encode = [&](size_t bytes) {
      std::string text;
      while (text.size() < bytes) text += unit;
      const double start = ThreadSeconds();
      const auto ids = tok_->Encode(text, EncodeMode::kParseSpecial);
      const double taken = ThreadSeconds() - start;
      EXPECT_TRUE(ids.ok());
      if (ids.ok()) {
        EXPECT_EQ(tok_->Decode(*ids, SpecialTokens::kSkip), text);
      }
      return taken;
    };
    // A disturbed run only ever takes longer: the best of five short ones.
    double small = encode(1u << 14);
    for (int i = 0; i < 4; ++i) small = std::min(small, encode(1u << 14));
    const double large = encode(1u << 20);
    EXPECT_LT(large, 512 * small) << testing::PrintToString(unit);
  }
}

TEST_F(TokenizerTest, ThreadsShareATokenizer) {
  const std::string text = "the quick brown fox 123 中文 the quick ";
  const std::vector<int32_t> expected = Plain(text);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        wrong += *tok_->Encode(text, EncodeMode::kPlainText) != expected;
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(TokenizerFile, MissingFileIsNamed) {
  const auto tok = Tokenizer::FromFile("no/such/tokenizer.json");
  ASSERT_FALSE(tok.ok());
  EXPECT_THAT(tok.error().message, HasSubstr("no/such/tokenizer.json"));
}

TEST(TokenizerFile, TemplateProcessingIsReportedAndNotApplied) {
  const GoldenFile golden = ReadGolden("template.golden");
  Result<Tokenizer> tok = Tokenizer::FromJson(golden.tokenizer_json, "template");
  ASSERT_TRUE(tok.ok());
  EXPECT_THAT(tok->template_prefix(), ElementsAre(1007, 1009));
  EXPECT_THAT(tok->template_suffix(), ElementsAre());
}

}  // namespace
}  // namespace glmocr
