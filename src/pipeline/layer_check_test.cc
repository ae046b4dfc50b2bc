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

LayerSample SampleOf(const std::string& layer, const std::string& read, double confidence = 0.95) {
  return {LayerSymbols(layer, 0), layer, read, confidence};
}

TEST(LayerCheck, DigitsAndPunctuationCountByThemselves) {
  const std::string prose = "the council agreed to build a second pier behind the harbour office ";
  const auto agrees = [&](const std::string& layer, const std::string& read) {
    const std::vector<LayerSample> samples = {SampleOf(prose + layer, prose + read),
                                              SampleOf(prose + prose, prose + prose)};
    std::vector<LayerSymbol> page;
    for (int i = 0; i < 10; ++i) {
      const auto more = LayerSymbols(prose, 0);
      page.insert(page.end(), more.begin(), more.end());
    }
    return JudgeSamples(samples, page);
  };
  EXPECT_TRUE(agrees("in 1894, 23 May", "in 1894. 23 May").agrees);
  EXPECT_TRUE(agrees("in 1894 23 May", "in 194 28 May").agrees) << "what the model misreads";
  EXPECT_THAT(agrees("in 3270, 56 May", "in 1894, 23 May").why, testing::HasSubstr("digits"));
  EXPECT_TRUE(agrees("a, b; c. (d) e", "a. b: c. (d) e").agrees);
  EXPECT_THAT(agrees("a# b$ c# *d+ e# f$", "a. b: c. (d) e. f:").why,
              testing::HasSubstr("punctuation"));
  EXPECT_TRUE(agrees("a\xe2\x80\x94"
                     "b it\xe2\x80\x99s \xe2\x80\x9c"
                     "c\xe2\x80\x9d",
                     "a-b it's \"c\"")
                  .agrees)
      << "forms of one mark";
}

TEST(LayerCheck, AScriptThatTheModelDoesNotKnowIsNotHeldAgainstTheLayer) {
  const std::string russian =
      "\xd0\x93\xd0\xbe\xd0\xb4\xd0\xbe\xd0\xb2\xd0\xbe\xd0\xb9 "
      "\xd0\xbe\xd1\x82\xd1\x87\xd1\x91\xd1\x82";
  const auto judge = [](std::vector<LayerSample> samples) { return JudgeSamples(samples, {}); };
  const LayerVerdict unread = judge({SampleOf(russian, "Fonosou oruer", 0.6)});
  EXPECT_TRUE(unread.agrees);
  EXPECT_TRUE(unread.unread_script);
  EXPECT_FALSE(judge({SampleOf(russian, "Harbour office", 0.9)}).agrees)
      << "the model is sure: the font names other characters than it shows";
  EXPECT_FALSE(judge({SampleOf(russian, "Fono\xd1\x88\xd1\x8f orue", 0.6)}).agrees)
      << "a model that writes such letters knows them";
  EXPECT_FALSE(judge({SampleOf(russian, "Fonosou oruer", 0.6),
                      SampleOf("Annual report", "Harbour office", 0.6)})
                   .agrees)
      << "what it can read must agree";
  const LayerVerdict mixed = judge(
      {SampleOf(russian, "Fonosou oruer", 0.6), SampleOf("Annual report", "Annual report", 0.9)});
  EXPECT_TRUE(mixed.agrees && mixed.unread_script);
}

}  // namespace
}  // namespace glmocr
