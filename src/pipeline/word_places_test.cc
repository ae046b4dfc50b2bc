#include "pipeline/word_places.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

// A line of the page from (100, 200), letters 10 wide and 2 apart, blanks of 8 between words.
struct Line {
  ReadPage page;
  ReadLine line;
  std::vector<InkPart> ink;
  std::vector<Box> words;
};

Line Draw(std::span<const int> letters_of_words) {
  Line out;
  out.page.width_px = 2000;
  out.page.height_px = 1000;
  int x = 0;
  for (const int n : letters_of_words) {
    const int begin = x;
    for (int i = 0; i < n; ++i, x += 12)
      out.ink.push_back({1.0 * x, x + 10.0, {100 + x, 180, 10, 20}});
    out.words.push_back({100 + begin, 180, x - 2 - begin, 20});
    x += 6;
  }
  out.line.place = {{100, 200}, {100.0 + x, 200}, 20, 5};
  out.line.confidence = 0.25F;
  return out;
}

void ExpectWords(const std::string& text, const Line& drawn) {
  Line l = drawn;
  AddWords({.text = text, .ink = l.ink}, l.page, &l.line);
  ASSERT_EQ(l.line.words.size(), drawn.words.size()) << text;
  for (size_t i = 0; i < drawn.words.size(); ++i) {
    const ReadWord& word = l.line.words[i];
    EXPECT_EQ(word.box_px, drawn.words[i]) << word.text;
    EXPECT_DOUBLE_EQ(word.place.start.x, drawn.words[i].x);
    EXPECT_DOUBLE_EQ(word.place.end.x, drawn.words[i].right());
    EXPECT_EQ(word.place.start.y, 200);
    EXPECT_EQ(word.place.ascent_px, 20);
    EXPECT_EQ(word.confidence, 0.25F);
  }
}

TEST(WordPlaces, WordsAreTheirInk) {
  ExpectWords("have", Draw(std::vector{4}));
  ExpectWords("a house on hex", Draw(std::vector{1, 5, 2, 3}));
  ExpectWords(" two  words\t", Draw(std::vector{3, 5}));
}

TEST(WordPlaces, GapsDecideWhereLettersAreMissingOrDoubled) {
  // Letters read too few, too many, or of other widths than usual.
  ExpectWords("hous and gaden", Draw(std::vector{5, 3, 6}));
  ExpectWords("will illll mmm", Draw(std::vector{4, 5, 3}));
}

TEST(WordPlaces, TouchingWordsAreDividedByTheirLetters) {
  Line l = Draw(std::vector{1});
  l.ink = {{0, 200, {100, 180, 200, 20}}};
  l.line.place.end = {300, 200};
  AddWords({.text = "over ever", .ink = l.ink}, l.page, &l.line);
  ASSERT_EQ(l.line.words.size(), 2u);
  EXPECT_NEAR(l.line.words[0].box_px.right(), 190, 12);
  EXPECT_NEAR(l.line.words[1].box_px.x, 210, 12);
  EXPECT_EQ(l.line.words[1].box_px.right(), 300);
}

TEST(WordPlaces, PiecesGoOnInAWord) {
  Line l = Draw(std::vector{4, 6});
  const std::span<const InkPart> ink = l.ink;
  AddWords({.text = "have gar", .ink = ink.first(7)}, l.page, &l.line);
  AddWords({.text = "den", .start = PieceStart::kInWord, .ink = ink.subspan(7)}, l.page, &l.line);
  ASSERT_EQ(l.line.words.size(), 2u);
  EXPECT_EQ(l.line.words[1].text, "garden");
  EXPECT_EQ(l.line.words[1].box_px, l.words[1]);
  AddWords({.text = "den", .ink = ink.subspan(7)}, l.page, &l.line);
  EXPECT_EQ(l.line.words.size(), 3u) << "a new word";
}

TEST(WordPlaces, WordsHaveTheConfidenceOfTheirTokens) {
  Line l = Draw(std::vector{4, 5});
  const std::vector<ReadToken> tokens = {{1, "ha", 0.5F}, {2, "ve ", 0.75F}, {3, "house", 1}};
  AddWords({.text = "have house", .tokens = tokens, .ink = l.ink}, l.page, &l.line);
  EXPECT_FLOAT_EQ(l.line.words[0].confidence, 0.5F);
  EXPECT_FLOAT_EQ(l.line.words[1].confidence, 1);
  // What ends a word counts for it: a letter may have been swallowed there.
  l.line.words.clear();
  const std::vector<ReadToken> ends = {
      {1, "have", 0.9F}, {2, " ", 0.4F}, {3, "house", 1}, {4, "", 0.3F}};
  AddWords({.text = "have house", .tokens = ends, .ink = l.ink}, l.page, &l.line);
  EXPECT_FLOAT_EQ(l.line.words[0].confidence, 0.4F);
  EXPECT_FLOAT_EQ(l.line.words[1].confidence, 0.3F);
}

TEST(WordPlaces, NothingGivesNothing) {
  Line l = Draw(std::vector{4});
  AddWords({.text = " ", .ink = l.ink}, l.page, &l.line);
  AddWords({.text = "have"}, l.page, &l.line);
  EXPECT_TRUE(l.line.words.empty());
}

}  // namespace
}  // namespace glmocr
