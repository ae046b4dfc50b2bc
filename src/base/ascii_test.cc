#include "base/ascii.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

TEST(AsciiTest, OnlyTheCapitalsChange) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    EXPECT_EQ(ToLowerAscii(c), c >= 'A' && c <= 'Z' ? static_cast<char>(i + 32) : c) << i;
  }
  // UTF-8 of a capital letter outside ASCII, and a zero byte.
  EXPECT_EQ(ToLowerAscii(std::string_view("@AZ[`az{ \xc3\x84\0Q", 13)),
            std::string_view("@az[`az{ \xc3\x84\0q", 13));
  EXPECT_EQ(ToLowerAscii(std::string_view()), "");
}

TEST(AsciiTest, StartsWithNoCase) {
  EXPECT_TRUE(StartsWithNoCase("DaTa:x", "data:"));
  EXPECT_TRUE(StartsWithNoCase("data:", "data:"));
  EXPECT_TRUE(StartsWithNoCase("", ""));
  EXPECT_FALSE(StartsWithNoCase("data", "data:"));
  EXPECT_FALSE(StartsWithNoCase("xdata:", "data:"));
  // Bytes that differ from a letter or a sign only in the bit between the cases.
  EXPECT_FALSE(StartsWithNoCase("\x1a", ":"));
  EXPECT_FALSE(StartsWithNoCase("@", "`"));
}

TEST(Ascii, TrimsBlanksAtBothSides) {
  EXPECT_EQ(TrimAscii(" \t a b\r\n"), "a b");
  EXPECT_EQ(TrimAscii("a"), "a");
  EXPECT_EQ(TrimAscii(" \n"), "");
  EXPECT_EQ(TrimAscii(""), "");
  EXPECT_EQ(TrimAscii("\xc2\xa0x"), "\xc2\xa0x");
}

}  // namespace
}  // namespace glmocr
