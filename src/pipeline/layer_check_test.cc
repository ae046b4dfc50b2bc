#include "pipeline/layer_check.h"

#include <gmock/gmock.h>

namespace glmocr {
namespace {

std::vector<LayerSymbol> Of(std::string_view text, int font = 0) {
  return LayerSymbols(text, font);
}

LayerVerdict Judge(const std::vector<std::pair<std::string, std::string>>& pieces) {
  std::vector<LayerSample> samples;
  std::vector<LayerSymbol> page;
  for (const auto& [layer, read] : pieces) {
    samples.push_back({Of(layer), layer, read});
    page.insert(page.end(), samples.back().layer.begin(), samples.back().layer.end());
  }
  return JudgeSamples(samples, page);
}

TEST(LayerCheck, FoldsWhatLooksAlike) {
  EXPECT_EQ(Of("\xef\xac\x81n, O0!"), Of("fin o\xc3\xb2"));
  EXPECT_EQ(Of("Ill 1"), Of("lll l"));
  EXPECT_NE(Of("n"), Of("N"));
  EXPECT_NE(Of("a", 1), Of("a", 2));
  EXPECT_TRUE(Of(" .,-\xe2\x80\x93").empty());
}

TEST(LayerCheck, AFewMisreadLettersAgree) {
  const LayerVerdict verdict =
      Judge({{"The harbour office opens at nine", "The harbcur office opens at nlne"},
             {"Boats must register before noon", "Boats mst register before noon"},
             {"Payment is due within thirty days", "Payment is due within thirty days"}});
  EXPECT_TRUE(verdict.agrees) << verdict.why;
}

TEST(LayerCheck, AnotherTextDisagreesAndBothAreNamed) {
  const LayerVerdict verdict =
      Judge({{"The harbour office opens at nine", "The harbour office opens at nine"},
             {"Boats must register before noon", "Nothing of the kind is printed"}});
  EXPECT_FALSE(verdict.agrees);
  EXPECT_THAT(verdict.why, testing::HasSubstr("'Boats must register before noon'"));
  EXPECT_THAT(verdict.why, testing::HasSubstr("'Nothing of the kind is printed'"));
}

// Digits exchanged, every letter right: few characters differ, but always in the same way.
TEST(LayerCheck, CharactersThatAreAlwaysOthersDisagree) {
  const LayerVerdict verdict =
      Judge({{"Rent for the month of May 734 pounds", "Rent for the month of May 845 pounds"},
             {"Rent for the month of June 743 pounds", "Rent for the month of June 854 pounds"},
             {"Coal and candles for the office 37", "Coal and candles for the office 48"}});
  EXPECT_FALSE(verdict.agrees);
  EXPECT_THAT(verdict.why, testing::HasSubstr("always another"));
}

TEST(LayerCheck, AFontThatNamesOthersDisagrees) {
  std::vector<LayerSample> samples;
  std::vector<LayerSymbol> page;
  const auto add = [&](std::string layer, std::string read, int font) {
    samples.push_back({Of(layer, font), layer, read});
    page.insert(page.end(), samples.back().layer.begin(), samples.back().layer.end());
  };
  for (int i = 0; i < 4; ++i)
    add("The harbour office opens at nine", "The harbour office opens at nine", 0);
  add("Notices", "Pqvkegu", 1);
  EXPECT_TRUE(JudgeSamples(samples, page).agrees) << "seven letters may be misread";
  add("Fishery", "Hkujgt{", 1);
  EXPECT_FALSE(JudgeSamples(samples, page).agrees);
}

TEST(LayerCheck, SamplesShowAllPartsAndFonts) {
  std::vector<std::vector<LayerSymbol>> pieces;
  for (int i = 0; i < 60; ++i) pieces.push_back(Of("the same words in every line", 0));
  pieces[17] = Of("Heading", 1);
  pieces[41] = Of("4711", 2);
  const std::vector<size_t> chosen = ChooseSamples(pieces);
  EXPECT_THAT(chosen, testing::IsSupersetOf({size_t{17}, size_t{41}}));
  EXPECT_LE(chosen.size(), kMaxLayerSamples);
  EXPECT_LT(chosen.front(), 13u);
  EXPECT_GT(chosen.back(), 47u);
  EXPECT_EQ(chosen, ChooseSamples(pieces));
  EXPECT_TRUE(ChooseSamples({}).empty());
}

}  // namespace
}  // namespace glmocr
