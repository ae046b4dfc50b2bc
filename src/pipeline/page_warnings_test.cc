#include "pipeline/page_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmocr {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A region of one line.
ReadRegion Text(const std::string& text, double confidence, int64_t tokens) {
  ReadRegion region;
  region.text = text;
  region.confidence = static_cast<float>(confidence);
  region.usage.completion_tokens = tokens;
  return region;
}

ReadPage PageOf(std::vector<ReadRegion> regions) {
  ReadPage page;
  page.page = 7;
  page.regions = std::move(regions);
  return page;
}

ReadPage GoodPage() { return PageOf({Text("The harbour office opens at nine", 0.95, 20)}); }

// A page of which so many parts per million are ink.
PageFacts Inked(int64_t ink_ppm, double uncovered = 0, double in_pictures = 0) {
  const auto part = [&](double share) {
    return static_cast<int64_t>(share * static_cast<double>(ink_ppm) + 0.5);
  };
  return {.ink = {.page_px = 1'000'000,
                  .ink_px = ink_ppm,
                  .uncovered_px = part(uncovered),
                  .picture_px = part(in_pictures)}};
}

std::vector<std::string> Messages(const ReadPage& page, const PageFacts& facts) {
  std::vector<std::string> out;
  for (const Warning& warning : JudgePage(page, facts)) {
    EXPECT_EQ(warning.page, 7);
    out.push_back(std::string(WarningKindName(warning.kind)) + ": " + warning.message);
  }
  return out;
}

TEST(PageWarnings, NoneForAPageThatIsReadWell) {
  EXPECT_THAT(Messages(GoodPage(), Inked(50'000, 0.05, 0.4)), IsEmpty());
  EXPECT_THAT(Messages(PageOf({}), Inked(0)), IsEmpty()) << "a blank page";
}

TEST(PageWarnings, NoTextOnAPageWithInk) {
  const ReadPage page = PageOf({{.label = RegionLabel::kImage}});
  EXPECT_THAT(Messages(page, Inked(999)), IsEmpty());
  EXPECT_THAT(Messages(page, Inked(1000)),
              ElementsAre("no_text: no text found, but the page is not blank"));
  EXPECT_THAT(Messages(page, Inked(1000, 0.07, 0.93)),
              ElementsAre("no_text: no text found; 93 % of the ink is in pictures"));
  EXPECT_THAT(Messages(PageOf({Text(" \n", 0.9, 1)}), Inked(1000)),
              ElementsAre("no_text: no text found, but the page is not blank"));
}

TEST(PageWarnings, InkOutsideOfRegions) {
  EXPECT_THAT(Messages(GoodPage(), Inked(10'000, kMostUncovered - 0.001)), IsEmpty());
  EXPECT_THAT(Messages(GoodPage(), Inked(10'000, kMostUncovered)),
              ElementsAre("uncovered_ink: 15 % of the ink is outside the regions that were read"));
  EXPECT_THAT(Messages(GoodPage(), Inked(999, 0.9)), IsEmpty()) << "dust";
}

TEST(PageWarnings, InkInAPictureAsLargeAsThePage) {
  PageFacts facts = Inked(10'000, 0, kMostInPicture);
  facts.largest_picture = kPageSized;
  EXPECT_THAT(Messages(GoodPage(), facts),
              ElementsAre("uncovered_ink: 25 % of the ink is in a picture as large as the page; "
                          "text in it was not read"));
  facts.largest_picture = kPageSized - 0.01;
  EXPECT_THAT(Messages(GoodPage(), facts), IsEmpty());
  facts = Inked(10'000, 0, kMostInPicture - 0.01);
  facts.largest_picture = kPageSized;
  EXPECT_THAT(Messages(GoodPage(), facts), IsEmpty());
}

TEST(PageWarnings, LowConfidence) {
  EXPECT_THAT(Messages(PageOf({Text("Pp mxu", kSurePage + 0.001, 8)}), Inked(10'000)), IsEmpty());
  EXPECT_THAT(Messages(PageOf({Text("Pp mxu", 0.48, 8)}), Inked(10'000)),
              ElementsAre("low_confidence: confidence 0.48: the page may be turned, or in a script "
                          "that this model does not know"));
  EXPECT_THAT(Messages(PageOf({Text("Pp mxu", kSurePage - 0.001, 8)}), Inked(10'000)).size(), 1u);
  EXPECT_THAT(Messages(PageOf({Text("P", kSureFew + 0.001, kLeastTokens - 1)}), Inked(10'000)),
              IsEmpty());
  EXPECT_THAT(Messages(PageOf({Text("P", 0.48, kLeastTokens - 1)}), Inked(10'000)),
              ElementsAre("low_confidence: confidence 0.48 in the little that was read: it may be "
                          "no text"));
}

TEST(PageWarnings, LowConfidenceInAPartOfThePage) {
  const auto page = [](size_t n_weak) {
    return PageOf({Text(std::string(1000 - n_weak, 'a'), 0.99, 900),
                   Text(std::string(n_weak, 'b'), kSureLine - 0.01, 100)});
  };
  EXPECT_THAT(Messages(page(349), Inked(10'000)), IsEmpty());
  EXPECT_THAT(Messages(page(351), Inked(10'000)),
              ElementsAre("low_confidence: low confidence in 35 % of the text: it may be turned, "
                          "or in a script that this model does not know"));
}

TEST(PageWarnings, LinesCountByThemselves) {
  ReadRegion region = Text("aaaabbbb", 0.9, 100);
  region.lines = {{.text = "aaaa", .confidence = 0.99f}, {.text = "bbbb", .confidence = 0.5f}};
  const TextSigns signs = SignsOf(PageOf({region}));
  EXPECT_EQ(signs.n_letters, 8);
  EXPECT_DOUBLE_EQ(signs.weak, 0.5);
  region.from_text_layer = true;
  EXPECT_EQ(SignsOf(PageOf({region})).n_letters, 0);
}

TEST(PageWarnings, TextThatWasCut) {
  ReadPage page = GoodPage();
  page.regions[0].finish = FinishReason::kLoop;
  page.regions.push_back(page.regions[0]);
  page.regions.push_back(page.regions[0]);
  page.regions[1].finish = FinishReason::kLength;
  EXPECT_THAT(Messages(page, Inked(10'000)),
              ElementsAre("text_cut: the text of 2 regions was cut: the model repeated itself",
                          "text_cut: the text of one region was cut: it reached the limit of "
                          "tokens"));
}

TEST(PageWarnings, SmallLetters) {
  PageFacts facts = Inked(10'000);
  facts.font_px = kLeastFontPx;
  EXPECT_THAT(Messages(GoodPage(), facts), IsEmpty());
  facts.font_px = kLeastFontPx - 0.1;
  EXPECT_THAT(Messages(GoodPage(), facts),
              ElementsAre("low_resolution: the letters are 6 pixels high; scan or render at 200 "
                          "dpi or more"));
}

// Letters may be too small to be found as lines at all.
TEST(PageWarnings, SmallLettersWithoutLines) {
  PageFacts facts = Inked(10'000, 0.9);
  facts.ink.letter_px = 3;
  EXPECT_THAT(Messages(PageOf({}), facts),
              ElementsAre("no_text: no text found, but the page is not blank",
                          "low_resolution: the letters are 3 pixels high; scan or render at 200 "
                          "dpi or more"));
  facts.ink.letter_px = 7;
  EXPECT_EQ(Messages(PageOf({}), facts).size(), 1u);
}

TEST(PageWarnings, NoneForAPageThatFailed) {
  ReadPage page = PageOf({});
  page.error = Error{ErrorCode::kCorrupt, "damaged"};
  EXPECT_THAT(Messages(page, Inked(10'000)), IsEmpty());
}

}  // namespace
}  // namespace glmocr
