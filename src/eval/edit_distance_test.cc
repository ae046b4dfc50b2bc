#include "eval/edit_distance.h"

#include <gtest/gtest.h>

#include <random>
#include <string_view>

namespace glmocr {
namespace {

Symbols FromAscii(std::string_view text) { return {text.begin(), text.end()}; }

// The textbook table, row by row.
size_t Plain(const Symbols& a, const Symbols& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

size_t PlainSearch(const Symbols& pattern, const Symbols& text) {
  std::vector<size_t> column(pattern.size() + 1);
  for (size_t i = 0; i <= pattern.size(); ++i) column[i] = i;
  size_t best = column.back();
  for (const uint32_t symbol : text) {
    size_t diagonal = 0;
    for (size_t i = 1; i <= pattern.size(); ++i) {
      const size_t replaced = diagonal + (pattern[i - 1] != symbol);
      diagonal = column[i];
      column[i] = std::min({replaced, column[i] + 1, column[i - 1] + 1});
    }
    best = std::min(best, column.back());
  }
  return best;
}

Symbols Random(std::mt19937& rng, size_t size, uint32_t alphabet) {
  Symbols out(size);
  for (uint32_t& symbol : out) symbol = rng() % alphabet * 977;
  return out;
}

// `text` with about `edits` random edits.
Symbols Edited(std::mt19937& rng, Symbols text, size_t edits, uint32_t alphabet) {
  for (size_t i = 0; i < edits; ++i) {
    const size_t at = text.empty() ? 0 : rng() % text.size();
    switch (rng() % 3) {
      case 0:
        if (!text.empty()) text[at] = rng() % alphabet * 977;
        break;
      case 1:
        if (!text.empty()) text.erase(text.begin() + static_cast<ptrdiff_t>(at));
        break;
      default:
        text.insert(text.begin() + static_cast<ptrdiff_t>(at), rng() % alphabet * 977);
    }
  }
  return text;
}

TEST(EditDistance, WorkedExamples) {
  EXPECT_EQ(EditDistance(FromAscii("kitten"), FromAscii("sitting")), 3u);
  EXPECT_EQ(EditDistance(FromAscii("intention"), FromAscii("execution")), 5u);
  EXPECT_EQ(EditDistance(FromAscii(""), FromAscii("")), 0u);
  EXPECT_EQ(EditDistance(FromAscii("abc"), FromAscii("")), 3u);
  EXPECT_EQ(EditDistance(FromAscii(""), FromAscii("abcd")), 4u);
  EXPECT_EQ(EditDistance(FromAscii("abc"), FromAscii("abc")), 0u);
  EXPECT_DOUBLE_EQ(NormalizedEditDistance(FromAscii("kitten"), FromAscii("sitting")), 3.0 / 7);
  EXPECT_DOUBLE_EQ(NormalizedEditDistance(FromAscii(""), FromAscii("")), 0);
  EXPECT_DOUBLE_EQ(NormalizedEditDistance(FromAscii("a"), FromAscii("")), 1);
}

TEST(EditDistance, ShortSequencesAsTheTable) {
  std::mt19937 rng(1);
  for (int i = 0; i < 3000; ++i) {
    const uint32_t alphabet = 1 + rng() % 6;
    const Symbols a = Random(rng, rng() % 200, alphabet), b = Random(rng, rng() % 200, alphabet);
    ASSERT_EQ(EditDistance(a, b), Plain(a, b)) << a.size() << " " << b.size() << " " << alphabet;
    ASSERT_EQ(EditPattern(a).Distance(b), Plain(a, b));
  }
}

// Long enough for bands: near and far, of equal and of very different lengths, small and large
// alphabets (with masks and with lists of rows).
TEST(EditDistance, LongSequencesAsTheTable) {
  std::mt19937 rng(2);
  for (int i = 0; i < 60; ++i) {
    const uint32_t alphabet = i % 3 == 0 ? 4 : i % 3 == 1 ? 90 : 100000;
    const Symbols a = Random(rng, 1500 + rng() % 1500, alphabet);
    const Symbols b = i % 4 == 0 ? Random(rng, 1200 + rng() % 2500, alphabet)
                                 : Edited(rng, a, rng() % (i % 4 == 1 ? 20 : 900), alphabet);
    const size_t expected = Plain(a, b);
    ASSERT_EQ(EditPattern(a).Distance(b), expected) << i;
    ASSERT_EQ(EditPattern(b).Distance(a), expected) << i;
    ASSERT_EQ(EditDistance(a, b), expected) << i;
  }
}

TEST(EditDistance, APatternComparesAgainAndAgain) {
  std::mt19937 rng(3);
  const Symbols pattern = Random(rng, 700, 3000);
  EditPattern prepared(pattern);
  for (int i = 0; i < 40; ++i) {
    const Symbols text = Edited(rng, pattern, rng() % 600, 3000);
    ASSERT_EQ(prepared.Distance(text), Plain(pattern, text));
    ASSERT_EQ(prepared.SearchDistance(text), PlainSearch(pattern, text));
  }
}

TEST(EditDistance, SearchFindsTheBestPart) {
  EXPECT_EQ(EditPattern(FromAscii("brown")).SearchDistance(FromAscii("the quick brwn fox")), 1u);
  EXPECT_EQ(EditPattern(FromAscii("brown")).SearchDistance(FromAscii("")), 5u);
  EXPECT_EQ(EditPattern(FromAscii("")).SearchDistance(FromAscii("abc")), 0u);
  std::mt19937 rng(4);
  for (int i = 0; i < 500; ++i) {
    const Symbols a = Random(rng, 1 + rng() % 150, 4), b = Random(rng, rng() % 300, 4);
    ASSERT_EQ(EditPattern(a).SearchDistance(b), PlainSearch(a, b));
  }
}

// A megabyte with some errors: a band of the table, not all of its 10^12 cells.
TEST(EditDistance, AMegabyteIsFast) {
  std::mt19937 rng(5);
  const Symbols a = Random(rng, 1000000, 60);
  Symbols b = a;
  size_t edits = 0;
  for (size_t at = 500; at < b.size(); at += 1000, ++edits) b[at] = 7;  // 7 is no multiple of 977
  EXPECT_EQ(EditDistance(a, b), edits);
}

}  // namespace
}  // namespace glmocr
