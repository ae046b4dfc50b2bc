#include "base/base64.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

// RFC 4648, section 10.
// The vectors of RFC 4648, section 10, and every byte there and back.
TEST(Base64, EncodesAsTheRfcDoes) {
  EXPECT_EQ(EncodeBase64(""), "");
  EXPECT_EQ(EncodeBase64("f"), "Zg==");
  EXPECT_EQ(EncodeBase64("fo"), "Zm8=");
  EXPECT_EQ(EncodeBase64("foo"), "Zm9v");
  EXPECT_EQ(EncodeBase64("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i * 37);
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes.substr(0, n))), bytes.substr(0, n));
}

TEST(Base64, WorkedExamples) {
  EXPECT_EQ(DecodeBase64(""), "");
  EXPECT_EQ(DecodeBase64("Zg=="), "f");
  EXPECT_EQ(DecodeBase64("Zm8="), "fo");
  EXPECT_EQ(DecodeBase64("Zm9v"), "foo");
  EXPECT_EQ(DecodeBase64("Zm9vYg=="), "foob");
  EXPECT_EQ(DecodeBase64("Zm9vYmE="), "fooba");
  EXPECT_EQ(DecodeBase64("Zm9vYmFy"), "foobar");
}

TEST(Base64, AlphabetsSpaceAndMissingEnd) {
  EXPECT_EQ(DecodeBase64("+/+/"), "\xfb\xff\xbf");
  EXPECT_EQ(DecodeBase64("-_-_"), "\xfb\xff\xbf");
  EXPECT_EQ(DecodeBase64(" Z m9\r\nv "), "foo");
  EXPECT_EQ(DecodeBase64("Zg"), "f");
  EXPECT_EQ(DecodeBase64("Zm8"), "fo");
  EXPECT_EQ(DecodeBase64("AAEC"), std::string("\0\1\2", 3));
}

TEST(Base64, BlanksAnywhere) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 89 >> 3);
  const std::string text = EncodeBase64(bytes);
  uint32_t random = 1;
  for (int round = 0; round < 200; ++round) {
    std::string blank;
    for (const char c : text) {
      random = random * 1664525 + 1013904223;
      if (random >> 24 < static_cast<uint32_t>(round)) blank += " \n\r\t"[random >> 22 & 3];
      blank += c;
    }
    ASSERT_EQ(DecodeBase64(blank), bytes);
  }
}

TEST(Base64, Refuses) {
  for (const char* bad :
       {"Z", "Zm9vY", "Zg=", "Zg===", "=", "Zm9v=", "Zg==Zg==", "Zm9*", "Zm9v\x80"})
    EXPECT_EQ(DecodeBase64(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace glmocr
