#include "eval/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"

namespace glmocr {
namespace {

using testing::HasSubstr;

Document Parsed(std::string_view text, SourceFormat format = SourceFormat::kMarkdown) {
  const auto document = ParseDocument(text, format, "test");
  EXPECT_TRUE(document.ok()) << document.error().message;
  return document.ok() ? *document : Document{};
}

Summary Compare(std::string_view predicted, std::string_view truth) {
  const auto scores = Evaluate(Parsed(predicted), Parsed(truth), "test");
  EXPECT_TRUE(scores.ok());
  return Summarize({*scores});
}

// By hand: "Hello wurld" against "Hello world!" has 2 edits of 12 characters, and one wrong word
// of two.
TEST(Evaluate, CharactersAndWords) {
  const Summary s = Compare("Hello   wurld", "# Hello\nworld!");
  EXPECT_DOUBLE_EQ(s.cer, 2.0 / 12);
  EXPECT_DOUBLE_EQ(s.wer, 1.0 / 2);
  // OmniDocBench's form has no "!": 1 edit of 10 letters.
  EXPECT_DOUBLE_EQ(*s.text_edit_distance, 1.0 / 10);
}

TEST(Evaluate, NothingReadAndNothingToRead) {
  EXPECT_DOUBLE_EQ(Compare("", "four").cer, 1);
  EXPECT_DOUBLE_EQ(*Compare("", "four").text_edit_distance, 1);
  EXPECT_DOUBLE_EQ(*Compare("", "four").order_edit_distance, 1);
  EXPECT_DOUBLE_EQ(Compare("", "").cer, 0);
  EXPECT_DOUBLE_EQ(Compare("more", "").cer, 1);
  EXPECT_FALSE(Compare("", "").text_edit_distance.has_value());
}

// Four blocks, two of them swapped: two of four places are wrong, the text is not.
TEST(Evaluate, Order) {
  const std::string_view truth = "alpha one\n\nbravo two\n\ncharlie three\n\ndelta four";
  const Summary s = Compare("alpha one\n\ncharlie three\n\nbravo two\n\ndelta four", truth);
  EXPECT_DOUBLE_EQ(*s.text_edit_distance, 0);
  EXPECT_DOUBLE_EQ(*s.order_edit_distance, 2.0 / 4);
  EXPECT_DOUBLE_EQ(*Compare(truth, truth).order_edit_distance, 0);
}

TEST(Evaluate, AParagraphCutInTwoIsOneAgain) {
  const Summary s = Compare("The first half of a sentence\n\nand the second half of it",
                            "The first half of a sentence and the second half of it\n\nAnother "
                            "block that nobody has read at all");
  const double rest = 33;  // letters of the second block
  EXPECT_NEAR(*s.text_edit_distance, rest / (44 + rest), 0.02);
  EXPECT_DOUBLE_EQ(*s.order_edit_distance, 0.5);
}

TEST(Evaluate, Formulas) {
  EXPECT_DOUBLE_EQ(
      *Compare("Text\n\n$$E = mc^2$$", "Text\n\n\\[ E=m c^{2} \\]").formula_edit_distance,
      2.0 / 8);  // e=mc^2 against e=mc^{2}
  EXPECT_FALSE(Compare("Text", "Text").formula_edit_distance.has_value());
  EXPECT_DOUBLE_EQ(*Compare("Text", "Text\n\n$$a$$").formula_edit_distance, 1);
}

TEST(Evaluate, Tables) {
  const Summary s = Compare("| a | b |\n|---|---|\n| 1 | 2 |",
                            "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr>"
                            "</table>\n\n<table><tr><td>missing</td></tr></table>");
  EXPECT_DOUBLE_EQ(*s.teds, 0.5);
  EXPECT_DOUBLE_EQ(*s.teds_struct, 0.5);
  EXPECT_DOUBLE_EQ(s.cer, 8.0 / 15);  // "a b 1 2" against "a b 1 2 missing"
}

// The three forms of each sample's truth say the same; text has no tables.
TEST(Evaluate, FormsOfTheSamplesTruthAgree) {
  for (const char* name : {"letter", "invoice", "paper", "report", "form", "skewed"}) {
    const std::string stem = std::string(GLMOCR_SOURCE_DIR "/samples/") + name + ".truth.";
    const auto read = [&](const char* suffix, SourceFormat format) {
      const auto bytes = ReadFile(stem + suffix, size_t{1} << 20);
      EXPECT_TRUE(bytes.ok()) << stem << suffix;
      return Parsed(*bytes, format);
    };
    const Document json = read("json", SourceFormat::kJson);
    const Document markdown = read("md", SourceFormat::kMarkdown);
    const Document text = read("txt", SourceFormat::kText);
    const Summary of_markdown = Summarize({*Evaluate(markdown, json, name)});
    EXPECT_EQ(of_markdown.cer, 0) << name;
    EXPECT_EQ(of_markdown.text_edit_distance, 0) << name;
    EXPECT_EQ(of_markdown.order_edit_distance, 0) << name;
    if (of_markdown.n_tables > 0) {
      EXPECT_EQ(of_markdown.teds, 1) << name;
    }
    EXPECT_EQ(Summarize({*Evaluate(text, json, name)}).cer, 0) << name;
    EXPECT_GT(Summarize({*Evaluate(Document{{Page{}}}, json, name)}).cer, 0.99) << name;
  }
}

TEST(Evaluate, PagesAreComparedOneByOne) {
  const auto page = [](const char* text) {
    return nlohmann::json{{"regions", {{{"label", "text"}, {"text", text}}}}}.dump() + "\n";
  };
  const Document truth = Parsed(page("first page") + page("second page"), SourceFormat::kJson);
  const Document swapped = Parsed(page("second page") + page("first page"), SourceFormat::kJson);
  ASSERT_EQ(truth.pages.size(), 2u);
  EXPECT_EQ(Summarize({*Evaluate(truth, truth, "x")}).cer, 0);
  const auto scores = *Evaluate(swapped, truth, "x");
  ASSERT_EQ(scores.pages.size(), 2u);
  EXPECT_GT(*Summarize({scores}).text_edit_distance, 0.3);
  // Unequal numbers of pages: all as one.
  EXPECT_EQ(Evaluate(Parsed("first page\n\nsecond page"), truth, "x")->pages.size(), 1u);
}

TEST(ParseDocument, Jsons) {
  // The official SDK's list of pages of regions.
  const Document sdk = Parsed(
      R"([[{"index":0,"label":"text","native_label":"doc_title","content":"# T","bbox_2d":[0,0,1,1]},
           {"index":1,"label":"table","content":"<table><tr><td>1</td></tr></table>"},
           {"index":2,"label":"formula","content":"$$\nx\n$$"},
           {"index":3,"label":"image","content":""}],[]])",
      SourceFormat::kJson);
  ASSERT_EQ(sdk.pages.size(), 2u);
  ASSERT_EQ(sdk.pages[0].blocks.size(), 3u);
  EXPECT_EQ(sdk.pages[0].blocks[0].kind, BlockKind::kTitle);
  EXPECT_EQ(ShownText(sdk.pages[0].blocks[0]), "T");
  EXPECT_EQ(ShownText(sdk.pages[0].blocks[1]), "1");
  EXPECT_EQ(ShownText(sdk.pages[0].blocks[2]), "x");
  for (const char* bad :
       {"", "3", "{}", "[1]", "{\"regions\":3}", "{\"pages\":[1]}", "[[1]]", "{"}) {
    const auto document = ParseDocument(bad, SourceFormat::kJson, "bad.json");
    ASSERT_FALSE(document.ok()) << bad;
    EXPECT_THAT(document.error().message, HasSubstr("bad.json"));
  }
}

TEST(ParseDocument, RefusesWhatIsNoText) {
  const auto document = ParseDocument("a\xFF", SourceFormat::kMarkdown, "x.md");
  ASSERT_FALSE(document.ok());
  EXPECT_THAT(document.error().message, HasSubstr("not UTF-8 at byte 1"));
}

TEST(ParseDocument, MarkdownIsTakenApart) {
  const Document document = Parsed(
      "# Title\n\n![pic](a.png)\n\nText with $x^2$ in it\nand a second line.\n\n"
      "<table><tr><td>1</td></tr></"
      "table>\n\n$$\na+b\n$$\n\n---\n\n```python\nprint(1)\n\nx\n```\n");
  std::vector<BlockKind> kinds;
  for (const Block& block : document.pages[0].blocks) kinds.push_back(block.kind);
  EXPECT_THAT(kinds, testing::ElementsAre(BlockKind::kText, BlockKind::kText, BlockKind::kTable,
                                          BlockKind::kFormula, BlockKind::kText,
                                          BlockKind::kInlineFormula));
  EXPECT_EQ(document.pages[0].blocks[4].text, "print(1)\n\nx");
}

std::string LongText(std::mt19937& rng, size_t bytes) {
  std::string out;
  while (out.size() < bytes) {
    for (size_t words = 20 + rng() % 60; words > 0; --words) {
      for (size_t letters = 1 + rng() % 9; letters > 0; --letters) {
        out += static_cast<char>('a' + rng() % 26);
      }
      out += ' ';
    }
    out += "\n\n";
  }
  return out;
}

// A megabyte of four thousand paragraphs with 2 % of the letters wrong, and one against another:
// within the test's time, not after hours.
// Under ThreadSanitizer, which has nothing to find in one thread, less is enough.
#ifdef __SANITIZE_THREAD__
constexpr size_t kLongBytes = size_t{1} << 16;
#else
constexpr size_t kLongBytes = size_t{1} << 20;
#endif

TEST(Evaluate, AMegabyte) {
  std::mt19937 rng(1);
  const std::string truth = LongText(rng, kLongBytes);
  std::string read = truth;
  size_t wrong = 0;
  for (size_t i = 25; i < read.size(); i += 50) {
    if (read[i] == ' ' || read[i] == '\n') continue;
    read[i] = '7';
    ++wrong;
  }
  const Summary s = Compare(read, truth);
  EXPECT_NEAR(s.cer, static_cast<double>(wrong) / static_cast<double>(truth.size()), 0.001);
  EXPECT_NEAR(*s.text_edit_distance, s.cer, 0.01);
  EXPECT_EQ(*s.order_edit_distance, 0);
}

TEST(Evaluate, MegabytesWithoutEnd) {
  std::mt19937 rng(2);
  const std::string truth = LongText(rng, size_t{3} << 20);
  const auto scores = Evaluate(Parsed("x"), Parsed(truth), "x");
  ASSERT_FALSE(scores.ok());
  EXPECT_EQ(scores.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(scores.error().message, HasSubstr("split it"));
}

TEST(Scores, AsTextAndJson) {
  const auto scores = *Evaluate(Parsed("abc"), Parsed("abd"), "doc");
  EXPECT_THAT(ScoresToText({scores}), HasSubstr("33.33 %"));
  const auto json = nlohmann::json::parse(ScoresToJson({scores, scores}));
  EXPECT_EQ(json["schema"], "glm-ocr.eval/1");
  EXPECT_EQ(json["summary"]["documents"], 2);
  EXPECT_EQ(json["documents"][0]["character_edits"], 1);
  EXPECT_TRUE(json["documents"][0]["teds"].is_null());
}

}  // namespace
}  // namespace glmocr
