// Equality with OmniDocBench's own code: tests/golden/eval holds what that printed for generated
// tables, texts and documents (tools/eval/make_goldens.py). Numbers are sums of small fractions in
// double precision, added in another order: 1e-9 is far above rounding and far below one edit.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "eval/evaluate.h"
#include "eval/html_table.h"
#include "eval/text.h"

namespace glmocr {
namespace {

using nlohmann::json;
constexpr double kRounding = 1e-9;

json Golden(const std::string& name) {
  const auto bytes =
      ReadFile(std::string(GLMOCR_SOURCE_DIR "/tests/golden/eval/") + name, size_t{16} << 20);
  EXPECT_TRUE(bytes.ok());
  return json::parse(*bytes);
}

TEST(EvalGolden, Texts) {
  const json cases = Golden("texts.json");
  ASSERT_GE(cases.size(), 10u);
  for (const json& one : cases) {
    EXPECT_EQ(CleanText(one["text"].get<std::string>()), one["clean"].get<std::string>())
        << one["text"];
  }
}

TEST(EvalGolden, Formulas) {
  const json cases = Golden("formulas.json");
  ASSERT_GE(cases.size(), 10u);
  for (const json& one : cases) {
    EXPECT_EQ(NormalizeFormula(one["latex"].get<std::string>()),
              one["normalized"].get<std::string>())
        << one["latex"];
  }
}

TEST(EvalGolden, Teds) {
  const json cases = Golden("teds.json");
  ASSERT_GE(cases.size(), 60u);
  for (const json& one : cases) {
    const auto score = Teds(one["predicted"].get<std::string>(), one["truth"].get<std::string>());
    ASSERT_TRUE(score.ok()) << score.error().message;
    EXPECT_NEAR(score->teds, one["teds"].get<double>(), kRounding) << one;
    EXPECT_NEAR(score->teds_struct, one["teds_struct"].get<double>(), kRounding) << one;
  }
}

void ExpectSame(const std::optional<double>& got, const json& want, const char* what,
                const std::string& name) {
  ASSERT_EQ(got.has_value(), !want.is_null()) << what << " of " << name;
  if (got) {
    EXPECT_NEAR(*got, want.get<double>(), kRounding) << what << " of " << name;
  }
}

TEST(EvalGolden, Documents) {
  const json cases = Golden("documents.json");
  ASSERT_GE(cases.size(), 30u);
  for (const json& one : cases) {
    const auto name = one["name"].get<std::string>();
    const auto truth = ParseDocument(one["truth"].dump(), SourceFormat::kJson, name);
    const auto predicted =
        ParseDocument(one["predicted"].get<std::string>(), SourceFormat::kMarkdown, name);
    ASSERT_TRUE(truth.ok() && predicted.ok()) << name;
    const auto scores = Evaluate(*predicted, *truth, name);
    ASSERT_TRUE(scores.ok()) << name;
    const Summary summary = Summarize({*scores});
    ExpectSame(summary.text_edit_distance, one["text"], "text", name);
    ExpectSame(summary.order_edit_distance, one["order"], "order", name);
    ExpectSame(summary.formula_edit_distance, one["formula"], "formula", name);
    ExpectSame(summary.teds, one["teds"], "teds", name);
    ExpectSame(summary.teds_struct, one["teds_struct"], "teds_struct", name);
  }
}

}  // namespace
}  // namespace glmocr
