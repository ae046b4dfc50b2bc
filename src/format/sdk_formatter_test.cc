#include "format/sdk_formatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "format/py_text.h"
#include "format/sdk_rules.h"

namespace glmocr {
namespace {

using Json = nlohmann::json;

SdkDocument Formatted(const std::vector<SdkPage>& pages, const SdkOptions& options = {}) {
  SdkDocumentBuilder builder(options);
  for (const SdkPage& page : pages) builder.AddPage(page);
  return builder.Finish();
}

SdkPage OneRegion(const std::string& label, const std::string& content) {
  return {{.label = label, .content = content, .bbox = {{0, 0, 10, 10}}}};
}

std::string Markdown(const std::string& label, const std::string& content, bool strict = false) {
  return Formatted({OneRegion(label, content)}, {.strict = strict}).markdown;
}

std::string Content(const Json& content) {
  if (content.is_string()) return content;
  std::string out;
  for (const auto& part : content.at("parts")) {
    for (int i = 0; i < part.at(1).get<int>(); ++i) out += part.at(0).get<std::string>();
  }
  return out;
}

SdkRegion RegionOf(const Json& json) {
  SdkRegion region{.label = json.at(0)};
  if (!json.at(1).is_null()) region.content = Content(json.at(1));
  if (!json.at(2).is_null()) region.bbox = json.at(2).get<std::array<int, 4>>();
  if (!json.at(3).is_null()) region.polygon = json.at(3).get<std::vector<std::array<int, 2>>>();
  region.has_crop = json.at(4);
  return region;
}

// tests/golden/format/sdk_cases.json.z, written by tools/goldens/make_sdk_goldens.py.
std::vector<Json> GoldenCases() {
  const auto packed =
      ReadFile(GLMOCR_SOURCE_DIR "/tests/golden/format/sdk_cases.json.z", size_t{1} << 20);
  if (!packed.ok()) ADD_FAILURE() << packed.error().message;
  std::string text(size_t{16} << 20, 0);
  uLongf size = text.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                       reinterpret_cast<const Bytef*>(packed->data()), packed->size()),
            Z_OK);
  text.resize(size);
  std::istringstream lines(text);
  std::vector<Json> cases;
  for (std::string line; std::getline(lines, line);) cases.push_back(Json::parse(line));
  return cases;
}

TEST(SdkFormatter, WritesTheFilesOfTheOfficialPackage) {
  const std::vector<Json> cases = GoldenCases();
  ASSERT_GT(cases.size(), 200u);
  EXPECT_EQ(cases[0].at("version"), "0.1.5");
  for (size_t i = 1; i < cases.size(); ++i) {
    const Json& golden = cases[i];
    SCOPED_TRACE("case " + std::to_string(i) + ": " + golden.at("pages").dump().substr(0, 400));
    SdkDocument document;
    if (golden.at("kind") == "plain") {
      SdkDocumentBuilder builder;
      for (const Json& page : golden.at("pages")) builder.AddPlainPage(page);
      document = builder.Finish();
      EXPECT_TRUE(golden.at("model").is_null());
    } else {
      std::vector<SdkPage> pages;
      for (const Json& page : golden.at("pages")) {
        pages.emplace_back();
        for (const Json& region : page) pages.back().push_back(RegionOf(region));
      }
      document = Formatted(pages, {.strict = true});
      EXPECT_EQ(document.model_json, golden.at("model"));
    }
    EXPECT_EQ(document.json, golden.at("json"));
    if (golden.at("md").is_null()) {  // the SDK writes no file of blanks
      EXPECT_TRUE(py::Strip(py::Decode(document.markdown)).empty()) << document.markdown;
    } else {
      EXPECT_EQ(document.markdown, golden.at("md"));
    }
  }
}

// Row S5: the SDK tears numbers and abbreviations apart; only strict output does so too.
TEST(SdkFormatter, NumbersAndAbbreviationsStayWholeUnlessStrict) {
  const struct {
    const char *content, *strict, *ours;
  } kCases[] = {
      {"3.14 is pi", "3. 14 is pi", "3.14 is pi"},
      {"2.1 Method", "2. 1 Method", "2.1 Method"},
      {"e.g. x", "e. g. x", "e.g. x"},
      {"U.S. law", "U. S. law", "U.S. law"},
      {"1.First", "1. First", "1. First"},
      {"A.Method", "A. Method", "A. Method"},
      {"1)2", "1) 2", "1) 2"},
      {"7.", "7. ", "7. "},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Markdown("text", c.content, true), c.strict);
    EXPECT_EQ(Markdown("text", c.content, false), c.ours);
  }
}

TEST(SdkFormatter, KnownHeadingLevelsAreKeptUnlessStrict) {
  SdkPage page = OneRegion("paragraph_title", "# Deep");
  page[0].heading_level = 4;
  EXPECT_EQ(Formatted({page}, {.strict = false}).markdown, "#### Deep");
  EXPECT_EQ(Formatted({page}, {.strict = true}).markdown, "## Deep");
}

TEST(SdkFormatter, IllFormedUtf8BecomesReplacementCharacters) {
  const SdkDocument document = Formatted({OneRegion("text", "a\xff\xc3(b\xe4\xb8")});
  EXPECT_EQ(document.markdown, "a\uFFFD\uFFFD(b\uFFFD");
  EXPECT_EQ(Json::parse(document.json)[0][0]["content"], document.markdown);
  EXPECT_EQ(Json::parse(document.model_json)[0][0]["content"], document.markdown);
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "\n\n") + part;
  return out;
}

// Regions on which every rule that looks at a neighbour fires often.
SdkRegion AnyRegion(std::mt19937& random) {
  const auto one_of = [&](std::initializer_list<const char*> texts) {
    return std::data(texts)[random() % texts.size()];
  };
  SdkRegion region;
  region.label = one_of({"text", "text", "text", "display_formula", "formula_number", "image",
                         "paragraph_title", "table", "abstract"});
  region.content = one_of({"- one", "- two", "three", "Four", "exam-", "ple of it", "five-", "",
                           " ", "(3)", "x^2", "-", "- six-"});
  const int left = random() % 2 == 0 ? 100 : 200;
  region.bbox = {{left, 0, 300, 10}};
  if (region.label == "image") region.content.reset();
  return region;
}

// What goes out while a page is being read is never taken back.
TEST(SdkFormatter, PartsOfAGrowingPageStayAsTheyAre) {
  std::mt19937 random(7);
  size_t n_early = 0, n_parts = 0;
  for (int round = 0; round < 3000; ++round) {
    SdkPage page;
    for (size_t n = 1 + random() % 9; n > 0; --n) page.push_back(AnyRegion(random));
    const std::vector<std::string> all = SdkMarkdownParts(page, false);
    EXPECT_EQ(Joined(all), Formatted({page}).markdown);
    n_parts += all.size();
    for (size_t n = 0; n <= page.size(); ++n) {
      const SdkPage beginning(page.begin(), page.begin() + static_cast<ptrdiff_t>(n));
      const std::vector<std::string> parts = SdkMarkdownParts(beginning, true);
      ASSERT_LE(parts.size(), all.size());
      for (size_t i = 0; i < parts.size(); ++i) ASSERT_EQ(parts[i], all[i]) << round << ", " << n;
      if (n == page.size()) n_early += parts.size();
    }
  }
  EXPECT_GT(n_early, n_parts / 2) << "hardly anything goes out before the page's end";
}

TEST(SdkFormatter, FileStemsAreSafeNames) {
  EXPECT_EQ(SdkFileStem("scans/a.b.png"), "a.b");
  EXPECT_EQ(SdkFileStem("-"), "-");
  EXPECT_EQ(SdkFileStem(".. ."), "result");
  EXPECT_EQ(SdkFileStem("a:b*\n.png"), "a_b__");
  EXPECT_EQ(SdkFileStem(""), "result");
}

// A search by the definition, for comparison: every start, every unit.
std::optional<py::Text> SlowCut(py::View s) {
  for (size_t i = 0; i < s.size(); ++i) {
    for (size_t unit = 10; unit <= s.size() / 10 && i + 10 * unit <= s.size(); ++unit) {
      size_t k = i;
      while (k < i + 9 * unit && s[k] == s[k + unit]) ++k;
      if (k == i + 9 * unit) return py::Text(s.substr(0, i + unit));
    }
  }
  return std::nullopt;
}

TEST(SdkRules, RepeatsAreFoundWhereTheDefinitionFindsThem) {
  uint32_t state = 1;
  const auto random = [&](uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
  };
  int found = 0;
  for (int round = 0; round < 3000; ++round) {
    py::Text s;
    for (uint32_t part = 0, parts = 1 + random(4); part < parts; ++part) {
      py::Text unit;
      for (uint32_t i = 0, n = 1 + random(14); i < n; ++i) unit += U"ab"[random(2)];
      for (uint32_t i = 0, n = random(26); i < n; ++i) s += unit;
      if (random(2) == 0) s += U"abc"[random(3)];
    }
    const auto expected = SlowCut(s);
    found += expected.has_value();
    ASSERT_EQ(sdk::CutConsecutiveRepeat(s), expected) << py::Encode(s);
  }
  EXPECT_GT(found, 300);
  EXPECT_LT(found, 2700);
}

// Texts on which backtracking takes minutes to years. The limit is for a loaded machine and a
// sanitizer; they take 3 to 50 ms each.
TEST(SdkRules, HostileTextsTakeLittleTime) {
  constexpr size_t kSize = 200000;
  std::vector<py::Text> texts(8);
  for (size_t i = 0; i < kSize / 2; ++i) texts[0] += U"\\$";
  texts[1] = py::Text(kSize, U'$');
  for (size_t i = 0; i < kSize / 2; ++i) texts[2] += U"$ ";
  texts[3] = U"$" + py::Text(kSize, U' ') + U"\\";
  py::Text a = U"a", b = U"ab";  // Fibonacci: repeats everywhere, none ten times
  while (b.size() < kSize) {
    b += a;
    a = b.substr(0, b.size() - a.size());
  }
  texts[4] = b;
  for (size_t i = 0; texts[5].size() < kSize; ++i) {  // 99 equal letters between unequal ones
    texts[5] += py::Text(99, U'a');
    texts[5] += static_cast<char32_t>(0x4e00 + i * 7 % 20000);
  }
  for (size_t i = 0; i < kSize; ++i) texts[6] += i % 2 == 0 ? U'\n' : U'x';
  for (size_t i = 0; i < kSize / 10; ++i) texts[7] += i % 9 == 8 ? U"0123456780" : U"0123456789";
  for (const py::Text& text : texts) {
    const auto begin = std::chrono::steady_clock::now();
    sdk::CleanContent(text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(seconds.count(), 10) << py::Encode(text.substr(0, 40));
  }
}

}  // namespace
}  // namespace glmocr
