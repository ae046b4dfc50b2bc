#include "cli/layer_difference.h"

#include <gtest/gtest.h>

namespace glmocr::cli {
namespace {

TEST(LayerDifference, WordsThatDifferWithTheirNeighbours) {
  const auto differences =
      WordDifferences("The harbcur office opens at nlne", "The harbour office opens at nine sharp");
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].read, "The harbcur office");
  EXPECT_EQ(differences[0].layer, "The harbour office");
  EXPECT_EQ(differences[1].read, "at nlne");
  EXPECT_EQ(differences[1].layer, "at nine sharp");
  EXPECT_TRUE(WordDifferences("the same words", "the  same words").empty());
  EXPECT_EQ(WordDifferences("", "added").at(0).layer, "added");
}

TEST(LayerDifference, NamesRegionsAndEscapesWhatSteersATerminal) {
  ReadPage page;
  page.regions.push_back({.text = "equal", .layer_text = "equal"});
  page.regions.push_back({.text = "for\xc3\xaat", .layer_text = "for\x1b[2Jt"});
  const auto lines = DescribeDifferences(page, "a.pdf page 1");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].substr(0, 12), "a.pdf page 1");
  EXPECT_NE(lines[0].find("1 of 2 regions"), std::string::npos) << lines[0];
  EXPECT_EQ(lines[1], "  region 1: read 'for\xc3\xaat', the text layer has 'for\\u{1b}[2Jt'");
}

TEST(LayerDifference, OfManyTheFirstFew) {
  std::string read, layer;
  for (int i = 0; i < 50; ++i) read += "same x ", layer += "same y ";
  ReadPage page;
  page.regions.push_back({.text = read, .layer_text = layer});
  const auto lines = DescribeDifferences(page, "p");
  EXPECT_EQ(lines.size(), 12u);
  EXPECT_EQ(lines.back(), "  and 40 more differences");
}

}  // namespace
}  // namespace glmocr::cli
