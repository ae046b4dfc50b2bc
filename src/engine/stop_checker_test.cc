#include "engine/stop_checker.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

// The text that comes out when `tokens` go in, "|" between tokens, and how it ended.
struct Shown {
  std::string text;
  std::string stop;
  int64_t held = 0;
};
Shown Show(std::vector<std::string> stops, const std::vector<std::string>& tokens) {
  StopChecker checker(std::move(stops));
  Shown shown;
  size_t next = 0;
  for (const std::string& token : tokens) {
    const StopChecker::Release r = checker.Add(token);
    for (int64_t i = 0; i < r.n_tokens; ++i) shown.text += tokens[next++] + "|";
    if (r.matched == nullptr) continue;
    if (r.cut_bytes > 0) shown.text += tokens[next].substr(0, r.cut_bytes);
    shown.stop = *r.matched;
    return shown;
  }
  shown.held = checker.Flush();
  return shown;
}

TEST(StopChecker, WithoutStopStringsNothingIsHeld) {
  EXPECT_EQ(Show({}, {"a", "b"}).text, "a|b|");
  EXPECT_EQ(Show({}, {"a", "b"}).held, 0);
}

TEST(StopChecker, FindsAStopStringAcrossTokens) {
  const Shown shown = Show({"<end>"}, {"text ", "x<e", "n", "d>y", "z"});
  EXPECT_EQ(shown.text, "text |x");
  EXPECT_EQ(shown.stop, "<end>");
}

TEST(StopChecker, InsideOneTokenAndAtItsStart) {
  EXPECT_EQ(Show({"##"}, {"ab##cd"}).text, "ab");
  EXPECT_EQ(Show({"##"}, {"ab", "##cd"}).text, "ab|");
}

TEST(StopChecker, ReleasesFalseAlarms) {
  const Shown shown = Show({"<end>"}, {"<", "e", "f", "<"});
  EXPECT_EQ(shown.text, "<|e|f|");
  EXPECT_EQ(shown.held, 1);
}

TEST(StopChecker, OverlappingBeginnings) {
  // "aab" in "aaab": the first candidate fails, the second is inside it.
  EXPECT_EQ(Show({"aab"}, {"a", "a", "a", "b"}).text, "a|");
  EXPECT_EQ(Show({"aab"}, {"a", "a", "a", "b"}).stop, "aab");
}

TEST(StopChecker, EarliestThenLongestWins) {
  EXPECT_EQ(Show({"cd", "bc"}, {"abcd"}).stop, "bc");
  EXPECT_EQ(Show({"ab", "abc"}, {"xabc"}).stop, "abc");
}

TEST(StopChecker, EmptyTokensTravelAlong) {
  EXPECT_EQ(Show({"ab"}, {"", "a", "", "c"}).text, "|a||c|");
  EXPECT_EQ(Show({"ab"}, {"x", "a", "", "b"}).text, "x|");
}

TEST(StopChecker, NonAsciiBytesAcrossTokens) {
  EXPECT_EQ(Show({"。"}, {"文", "\xe3\x80", "\x82x"}).text, "文|");
}

}  // namespace
}  // namespace glmocr
