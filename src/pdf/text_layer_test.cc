#include "pdf/text_layer.h"

#include <gmock/gmock.h>

#include <random>

namespace glmocr::pdf {
namespace {

using testing::ElementsAre;

std::vector<std::string> Texts(const PdfTextLayer& layer) {
  std::vector<std::string> out;
  for (const PdfWord& word : layer.words) out.push_back(word.text);
  return out;
}

// Characters of a fixed pitch of 10 pixels, 12 high, all at y = 20; '\n' goes on in the next line.
std::vector<CharRecord> Chars(std::u32string_view text) {
  std::vector<CharRecord> out;
  int x = 10, y = 20;
  for (const char32_t c : text) {
    CharRecord record{.codepoint = c, .left = x, .top = y, .right = x + 8, .bottom = y + 12};
    if (c == '\n') {
      x = 10, y += 20;
      record.flags = CharRecord::kGenerated;
    } else {
      x += 10;
    }
    out.push_back(record);
  }
  return out;
}

// A white page with ink in every character's box.
Image Inked(const std::vector<CharRecord>& chars) {
  Image page(400, 200, 255);
  for (const CharRecord& c : chars) {
    if (c.codepoint <= ' ') continue;
    for (int y = c.top; y < c.bottom; ++y)
      for (int x = c.left; x < c.right; ++x) page.row(y)[3 * x + 1] = 0;
  }
  return page;
}

TEST(TextLayer, SplitsWordsAndLines) {
  const auto chars = Chars(U"Ein Maß\n𝛼 x");
  const PdfTextLayer layer = MakeTextLayer(chars, Inked(chars));
  EXPECT_THAT(Texts(layer), ElementsAre("Ein", "Maß", "𝛼", "x"));
  EXPECT_EQ(layer.words[0].box_px, (Box{10, 20, 28, 12}));
  EXPECT_EQ(layer.words[1].box_px, (Box{50, 20, 28, 12}));
  EXPECT_EQ(layer.words[1].line, 0);
  EXPECT_EQ(layer.words[2].line, 1);
  EXPECT_EQ(layer.n_chars, 8);
  EXPECT_TRUE(layer.good);
  EXPECT_DOUBLE_EQ(layer.ink_covered_share, 1);
  EXPECT_DOUBLE_EQ(layer.on_ink_share, 1);
}

TEST(TextLayer, JoinsUtf16HalvesAndReplacesLoneOnes) {
  auto chars = Chars(U"ab c");
  chars[0].codepoint = 0xd835;
  chars[1].codepoint = 0xdefc;
  EXPECT_THAT(Texts(MakeTextLayer(chars, Inked(chars))), ElementsAre("𝛼", "c"));
  chars[1].codepoint = 'b';
  EXPECT_THAT(Texts(MakeTextLayer(chars, Inked(chars))), ElementsAre("\ufffdb", "c"));
  chars[3].codepoint = 0xd835;
  EXPECT_THAT(Texts(MakeTextLayer(chars, Inked(chars))), ElementsAre("\ufffdb", "\ufffd"));
}

TEST(TextLayer, HyphenOfDividedWordEndsLine) {
  auto chars = Chars(U"di?vided");
  chars[2].codepoint = 2;
  chars[2].flags = CharRecord::kHyphen;
  const PdfTextLayer layer = MakeTextLayer(chars, Inked(chars));
  EXPECT_THAT(Texts(layer), ElementsAre("di-", "vided"));
  EXPECT_EQ(layer.words[1].line, 1);
  EXPECT_EQ(layer.unmapped_share, 0);
}

TEST(TextLayer, UnmappedTextIsNotGood) {
  auto chars = Chars(U"twenty words");
  const Image page = Inked(chars);
  ASSERT_TRUE(MakeTextLayer(chars, page).good);
  chars[0].codepoint = 0xe001;  // private use, what subset fonts without a map give
  PdfTextLayer layer = MakeTextLayer(chars, page);
  EXPECT_DOUBLE_EQ(layer.unmapped_share, 1 / 11.0);
  EXPECT_FALSE(layer.good);
  EXPECT_EQ(layer.words[0].text, "\ufffdwenty");
  chars = Chars(U"twenty words");
  chars[3].flags = CharRecord::kUnmapped;
  EXPECT_FALSE(MakeTextLayer(chars, page).good);
}

TEST(TextLayer, InvisibleTextIsNotGood) {
  auto chars = Chars(U"of a scan");
  const Image page = Inked(chars);
  for (CharRecord& c : chars) c.flags |= CharRecord::kInvisible;
  const PdfTextLayer layer = MakeTextLayer(chars, page);
  EXPECT_EQ(layer.invisible_share, 1);
  EXPECT_FALSE(layer.good);
  EXPECT_THAT(Texts(layer), ElementsAre("of", "a", "scan"));
}

TEST(TextLayer, TextBesideTheInkIsNotGood) {
  auto chars = Chars(U"where is it");
  const Image page = Inked(chars);
  for (CharRecord& c : chars) c.top += 60, c.bottom += 60;
  const PdfTextLayer layer = MakeTextLayer(chars, page);
  EXPECT_EQ(layer.on_ink_share, 0);
  EXPECT_EQ(layer.ink_covered_share, 0);
  EXPECT_FALSE(layer.good);
}

TEST(TextLayer, CutTextIsNotGood) {
  auto chars = Chars(U"and so on");
  chars.back().flags |= CharRecord::kCut;
  EXPECT_FALSE(MakeTextLayer(chars, Inked(chars)).good);
}

TEST(TextLayer, EmptyPage) {
  EXPECT_FALSE(MakeTextLayer({}, Image(10, 10, 255)).good);
  const auto blanks = Chars(U"  \n ");
  EXPECT_TRUE(MakeTextLayer(blanks, Image(10, 10, 255)).words.empty());
}

TEST(TextLayer, WordsOutsideThePageAreLeftOut) {
  auto chars = Chars(U"in out");
  for (size_t i = 3; i < 6; ++i) chars[i].left += 1000, chars[i].right += 1000;
  const PdfTextLayer layer = MakeTextLayer(chars, Inked(Chars(U"in")));
  EXPECT_THAT(Texts(layer), ElementsAre("in"));
  EXPECT_EQ(layer.n_chars, 2);
}

TEST(TextLayer, TakesAnyBits) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<CharRecord> chars(50);
    for (CharRecord& c : chars) {
      c.codepoint = random() % 3 == 0 ? static_cast<uint32_t>(random()) : random() % 0x11000;
      c.flags = static_cast<uint16_t>(random() % 8 == 0 ? random() & 0xffff : 0);
      const auto number = [&] {
        return random() % 2 == 0 ? static_cast<int32_t>(random())
                                 : static_cast<int32_t>(random() % 64);
      };
      c.left = number(), c.top = number(), c.right = number(), c.bottom = number();
    }
    const Image page(33, 17, static_cast<uint8_t>(round));
    for (const PdfWord& word : MakeTextLayer(chars, page).words) {
      EXPECT_FALSE(word.text.empty());
      EXPECT_GE(word.box_px.x, 0);
      EXPECT_GE(word.box_px.y, 0);
      EXPECT_GT(word.box_px.width, 0);
      EXPECT_GT(word.box_px.height, 0);
      EXPECT_LE(word.box_px.right(), 33);
      EXPECT_LE(word.box_px.bottom(), 17);
    }
  }
}

TEST(TextLayer, AWordIsDrawnWhereHalfOfItsCharactersAre) {
  auto chars = Chars(U"abcd efgh i ,");
  const auto draw = [&](std::initializer_list<size_t> which) {
    for (CharRecord& c : chars) c.flags &= static_cast<uint8_t>(~CharRecord::kDrawn);
    for (const size_t i : which) chars[i].flags |= CharRecord::kDrawn;
    std::vector<bool> drawn;
    for (const PdfWord& word : MakeTextLayer(chars, Inked(chars)).words)
      drawn.push_back(word.drawn);
    return drawn;
  };
  EXPECT_THAT(draw({}), ElementsAre(false, false, false, false)) << "ink says nothing";
  EXPECT_THAT(draw({0, 1, 5}), ElementsAre(true, false, false, false))
      << "two of four, one of four";
  EXPECT_THAT(draw({5, 6, 7, 10, 12}), ElementsAre(false, true, true, true));
  // Letters too small to be seen are not shown, whatever the picture's changes; marks are small.
  const int left = chars[0].left;
  for (size_t i = 0; i < chars.size(); ++i) {
    chars[i].left = left + static_cast<int>(i % 2);
    chars[i].right = chars[i].left + 2;
    chars[i].bottom = chars[i].top + 3;
  }
  EXPECT_THAT(draw({0, 1, 2, 3, 5, 6, 7, 8, 10, 12}), ElementsAre(false, false, false, true));
}

}  // namespace
}  // namespace glmocr::pdf
