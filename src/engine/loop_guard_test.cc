#include "engine/loop_guard.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>

namespace glmocr {
namespace {

// Feeds one token per byte; the length at which the guard stops.
std::optional<int64_t> StopsAt(LoopGuard& guard, const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (guard.Add(static_cast<unsigned char>(text[i]), std::string_view(text).substr(i, 1)))
      return static_cast<int64_t>(i) + 1;
  }
  return std::nullopt;
}
std::optional<int64_t> StopsAt(const std::string& text) {
  LoopGuard guard({});
  return StopsAt(guard, text);
}
std::string Times(int n, const std::string& s) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

TEST(LoopGuard, StopsARepeatedTokenAndSaysWhatToCut) {
  LoopGuard guard({});
  const std::string start = "Some true text: ";
  EXPECT_EQ(StopsAt(guard, start + std::string(5000, 'x')),
            static_cast<int64_t>(start.size()) + 384);
  EXPECT_EQ(guard.trailing_tokens(), 383);  // one x stays
}

TEST(LoopGuard, StopsARepeatedSentence) {
  LoopGuard guard({});
  const std::string sentence = "The quick brown fox jumps over it. ";  // 35 tokens here
  const std::optional<int64_t> at = StopsAt(guard, Times(200, sentence));
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(*at, 768);
  EXPECT_EQ(guard.trailing_tokens(), 768 - 35);
}

TEST(LoopGuard, LongPeriodsNeedEnoughRepetitions) {
  // 100 tokens: 12 repetitions come after the 768 tokens.
  std::string paragraph;
  for (int i = 0; i < 100; ++i) paragraph += static_cast<char>('0' + i * 7 % 75);
  EXPECT_EQ(StopsAt(Times(50, paragraph)), 1200);
  // 20 x the same line of 30 tokens is 600: a form may do that.
  EXPECT_EQ(StopsAt(Times(20, "<tr><td></td><td></td></tr>  \n")), std::nullopt);
}

TEST(LoopGuard, DotLeadersRulesAndEmptyCellsPass) {
  std::string contents;
  for (int i = 0; i < 80; ++i)
    contents +=
        "Chapter " + std::to_string(i) + std::string(120, '.') + std::to_string(7 * i) + "\n";
  EXPECT_EQ(StopsAt(contents), std::nullopt);
  EXPECT_EQ(StopsAt("Title\n" + std::string(300, '_') + "\ntext"), std::nullopt);
  EXPECT_EQ(StopsAt("| a | b |\n" + Times(90, "| - ") + "\n"), std::nullopt);
}

TEST(LoopGuard, TablesOfNumbersPass) {
  std::mt19937 random(7);
  std::string table = "<table>";
  for (int row = 0; row < 400; ++row) {
    table += "<tr>";
    for (int column = 0; column < 6; ++column)
      table += "<td>" + std::to_string(random() % 10) + "</td>";
    table += "</tr>\n";
  }
  EXPECT_EQ(StopsAt(table), std::nullopt);
}

TEST(LoopGuard, TrivialLinesPassNonTrivialOnesDoNot) {
  std::string rules, lines;
  for (int i = 0; i < 60; ++i) {
    const std::string counter = std::to_string(i * i) + "\n";
    rules += "| --- | --- |\n" + counter;
    lines += "Total amount due: 100.00\n" + counter;
  }
  EXPECT_EQ(StopsAt(rules), std::nullopt);
  EXPECT_TRUE(StopsAt(lines).has_value());
}

TEST(LoopGuard, LoopOfSeveralLinesIsCutToOneInstance) {
  LoopGuard guard({.min_covered = 1 << 20});  // only lines
  const std::string head = "An introduction that is unique\n", a = "First repeated line\n",
                    b = "Second repeated line\n";
  const std::optional<int64_t> at = StopsAt(guard, head + Times(100, a + b));
  ASSERT_TRUE(at.has_value());
  const auto once = static_cast<int64_t>(head.size() + a.size() + b.size());
  EXPECT_EQ(*at - guard.trailing_tokens(), once);
}

TEST(LoopGuard, OffMeansOff) {
  LoopGuard guard({.mode = LoopGuardOptions::Mode::kOff});
  EXPECT_EQ(StopsAt(guard, std::string(5000, 'x')), std::nullopt);
}

TEST(TokensToKeep, CutsRepetitionsOfLoopsOnly) {
  Outcome outcome;
  outcome.reason = FinishReason::kLoop;
  outcome.trailing_repeat_tokens = 7;
  EXPECT_EQ(TokensToKeep(outcome, 10), 3u);
  EXPECT_EQ(TokensToKeep(outcome, 8), 1u);
  EXPECT_EQ(TokensToKeep(outcome, 7), 7u) << "more than there is: not this answer's numbers";
  EXPECT_EQ(TokensToKeep(outcome, 0), 0u);
  outcome.trailing_repeat_tokens = 0;
  EXPECT_EQ(TokensToKeep(outcome, 10), 10u);
  outcome.trailing_repeat_tokens = 7;
  outcome.reason = FinishReason::kStop;
  EXPECT_EQ(TokensToKeep(outcome, 10), 10u);
}

// What the guard says of an answer, cut, is the answer with one instance of what it repeats.
TEST(TokensToKeep, LeavesOneInstance) {
  LoopGuard guard({.max_period = 8, .short_covered = 12, .min_repeats = 3, .min_covered = 12});
  std::vector<int32_t> tokens = {1, 2, 3};
  for (const int32_t id : tokens) ASSERT_FALSE(guard.Add(id, ""));
  bool loop = false;
  while (!loop && tokens.size() < 100) {
    tokens.push_back(4 + static_cast<int32_t>((tokens.size() - 3) % 4));
    loop = guard.Add(tokens.back(), "");
  }
  ASSERT_TRUE(loop);
  Outcome outcome;
  outcome.reason = FinishReason::kLoop;
  outcome.trailing_repeat_tokens = guard.trailing_tokens();
  tokens.resize(TokensToKeep(outcome, tokens.size()));
  EXPECT_EQ(tokens, (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7}));
}

}  // namespace
}  // namespace glmocr
