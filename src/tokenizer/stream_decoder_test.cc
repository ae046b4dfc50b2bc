#include "tokenizer/stream_decoder.h"

#include <gtest/gtest.h>

#include "tokenizer/golden_file.h"

namespace glmocr {
namespace {

TEST(Utf8Repairer, HoldsBackPartsOfCharacters) {
  Utf8Repairer repairer;
  std::string out;
  repairer.Push("a\xF0\x9F", &out);
  EXPECT_EQ(out, "a");
  repairer.Push("\x98", &out);
  EXPECT_EQ(out, "a");
  repairer.Push("\x80z", &out);
  EXPECT_EQ(out, "a\xF0\x9F\x98\x80z");
}

TEST(Utf8Repairer, ReplacesMaximalSubparts) {
  Utf8Repairer repairer;
  std::string out;
  repairer.Push("\x80\xE4\xB8", &out);
  EXPECT_EQ(out, "\uFFFD");
  repairer.Push("x\xED\xA0\x80", &out);  // a surrogate: three bytes, three replacements
  EXPECT_EQ(out, "\uFFFD\uFFFDx\uFFFD\uFFFD\uFFFD");
  repairer.Push("\xF0\x9F", &out);
  repairer.Flush(&out);
  EXPECT_EQ(out, "\uFFFD\uFFFDx\uFFFD\uFFFD\uFFFD\uFFFD");
  repairer.Push("y", &out);  // as new after Flush
  EXPECT_EQ(out.back(), 'y');
}

// T5: the end-of-turn token must not reach the reader as text.
TEST(StreamDecoder, T5_SpecialTokensAreSkippedOrKept) {
  Result<Tokenizer> tok = Tokenizer::FromFile(StarterPath("tokenizer.json"));
  ASSERT_TRUE(tok.ok());
  Result<std::vector<int32_t>> ids = tok->Encode("A中<|user|>", EncodeMode::kParseSpecial);
  ASSERT_TRUE(ids.ok());
  for (const auto& [special, expected] :
       {std::pair(SpecialTokens::kSkip, "A中"), std::pair(SpecialTokens::kKeep, "A中<|user|>")}) {
    StreamDecoder decoder(&*tok, special);
    std::string out;
    for (const int32_t id : *ids) out += decoder.Push(id);
    EXPECT_EQ(out + decoder.Flush(), expected);
    EXPECT_EQ(tok->Decode(*ids, special), expected);
  }
}

TEST(StreamDecoder, UnknownIdsAreNothing) {
  Result<Tokenizer> tok = Tokenizer::FromFile(StarterPath("tokenizer.json"));
  ASSERT_TRUE(tok.ok());
  StreamDecoder decoder(&*tok, SpecialTokens::kKeep);
  EXPECT_EQ(
      decoder.Push(-1) + decoder.Push(1 << 30) + decoder.Push(tok->vocab_size()) + decoder.Flush(),
      "");
}

}  // namespace
}  // namespace glmocr
