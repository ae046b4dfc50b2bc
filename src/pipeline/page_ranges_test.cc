#include "pipeline/page_ranges.h"

#include <gmock/gmock.h>

#include <numeric>

namespace glmocr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int> Pages(std::string_view text, int n_pages) {
  const auto ranges = PageRanges::Parse(text);
  if (!ranges.ok()) {
    ADD_FAILURE() << ranges.error().message;
    return {};
  }
  const auto pages = ranges->Select(n_pages);
  if (!pages.ok()) {
    ADD_FAILURE() << pages.error().message;
    return {};
  }
  return pages->pages;
}

TEST(PageRanges, NamedPages) {
  EXPECT_THAT(Pages("1-3,8", 10), ElementsAre(1, 2, 3, 8));
  EXPECT_THAT(Pages("8,1-3", 10), ElementsAre(8, 1, 2, 3));
  EXPECT_THAT(Pages("1-3,8,-2-", 10), ElementsAre(1, 2, 3, 8, 9, 10));
  EXPECT_THAT(Pages("-1", 10), ElementsAre(10));
  EXPECT_THAT(Pages("-3--2", 10), ElementsAre(8, 9));
  EXPECT_THAT(Pages("2--2", 5), ElementsAre(2, 3, 4));
  EXPECT_THAT(Pages("4-", 5), ElementsAre(4, 5));
  EXPECT_THAT(Pages(" 1 , 2 ", 5), ElementsAre(1, 2));
  EXPECT_THAT(Pages("2,1-3,2", 5), ElementsAre(2, 1, 3));
}

TEST(PageRanges, EmptyMeansAll) {
  std::vector<int> all(5);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(Pages("", 5), all);
  EXPECT_EQ(Pages(" ", 5), all);
}

TEST(PageRanges, TellsWhatIsMissing) {
  for (const auto& [text, missing] : {std::pair("4-99", "6-99"),
                                      {"4-6", "6"},
                                      {"1-3,8,7-9", "8, 7-9"},
                                      {"-9,5", "-9"},
                                      {"1,2--9", "2--9"},
                                      {"4-", ""},
                                      {"-9-", ""},
                                      {"", ""}}) {
    const auto pages = PageRanges::Parse(text).value().Select(5);
    ASSERT_TRUE(pages.ok()) << text;
    EXPECT_EQ(pages->missing, missing) << text;
  }
}

TEST(PageRanges, EndsAreClipped) {
  EXPECT_THAT(Pages("2-100", 4), ElementsAre(2, 3, 4));
  EXPECT_THAT(Pages("1-2147483647", 2), ElementsAre(1, 2));
  EXPECT_THAT(Pages("-5-", 2), ElementsAre(1, 2));
}

TEST(PageRanges, NoPageIsAnError) {
  for (const auto& [text, why] : {std::pair("8", "there is no page 8; the document has 5"),
                                  {"6-9", "there is no page 6"},
                                  {"-6", "there is no page -6"},
                                  {"4--3", "names no page"}}) {
    const auto ranges = PageRanges::Parse(text);
    ASSERT_TRUE(ranges.ok()) << text;
    const auto pages = ranges->Select(5);
    ASSERT_FALSE(pages.ok()) << text;
    EXPECT_EQ(pages.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(pages.error().message, HasSubstr(why));
  }
}

TEST(PageRanges, BadTextNamesThePart) {
  for (const auto& [text, part] : {std::pair("1,x", "'x'"),
                                   {"0", "'0'"},
                                   {"1-0", "'1-0'"},
                                   {",", "''"},
                                   {"1,", "''"},
                                   {"1-2-3", "'1-2-3'"},
                                   {"3-1", "ends before it begins"},
                                   {"-1--2", "ends before it begins"},
                                   {"99999999999", "'99999999999'"},
                                   {"1;2", "'1;2'"},
                                   {"--1", "'--1'"},
                                   {"-", "'-'"},
                                   {"+1", "'+1'"},
                                   {"1.5", "'1.5'"},
                                   {"\x1b[2J", "\\x1b"}}) {
    const auto ranges = PageRanges::Parse(text);
    ASSERT_FALSE(ranges.ok()) << text;
    EXPECT_EQ(ranges.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(ranges.error().message, HasSubstr(part));
  }
  std::string many = "1";
  for (int i = 0; i < 20000; ++i) many += ",1";
  EXPECT_FALSE(PageRanges::Parse(many).ok());
}

}  // namespace
}  // namespace glmocr
