#include "weights/weight_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/test_files.h"

namespace glmocr {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WeightScopeTest : public testing::Test {
 protected:
  struct Spec {
    std::string name;
    Shape shape;
    DType dtype = DType::kBF16;
  };
  Checkpoint Make(const std::vector<Spec>& specs) {
    const std::vector<std::byte> zeros(4096);
    std::vector<NamedTensor> tensors;
    tensors.reserve(specs.size());
    for (const Spec& spec : specs)
      tensors.push_back({spec.name, {zeros.data(), spec.dtype, spec.shape}});
    const auto path = folder_ / "model.safetensors";
    EXPECT_TRUE(WriteSafetensors(path, tensors).ok());
    Result<Checkpoint> weights = Checkpoint::Open(path);
    EXPECT_TRUE(weights.ok());
    return std::move(*weights);
  }
  TempFolder folder_{testing::TempDir() + "/" +
                     testing::UnitTest::GetInstance()->current_test_info()->name()};
};

TEST_F(WeightScopeTest, FindsByPathAndCounts) {
  const Checkpoint weights =
      Make({{"model.language_model.layers.3.norm.weight", {4}}, {"lm_head.weight", {2, 4}}});
  LoadReport report;
  const WeightScope root(weights, report);
  const WeightScope layer = root.Sub("model.language_model").Sub("layers").Sub(3);
  EXPECT_EQ(layer.Path("norm.weight"), "model.language_model.layers.3.norm.weight");
  EXPECT_TRUE(layer.Has("norm.weight"));
  EXPECT_FALSE(layer.Has("norm.bias"));
  EXPECT_EQ(root.ShapeOf("lm_head.weight"), (Shape{2, 4}));
  EXPECT_NE(layer.At("norm.weight", {4}).data, nullptr);
  EXPECT_NE(layer.At("norm.weight", {4}).data, nullptr);  // asking twice counts once
  report.Finish();
  EXPECT_EQ(report.n_loaded, 1);
  EXPECT_EQ(report.n_params_loaded, 4);
  EXPECT_THAT(report.unconsumed, ElementsAre("lm_head.weight"));  // Has and ShapeOf consume nothing
  EXPECT_TRUE(report.ToStatus().ok());
  EXPECT_THAT(report.ToText(), HasSubstr("not used: 'lm_head.weight'"));
}

// Bug V5: the vision MLP's width came from the wrong field and the tensor was reshaped without a
// word.
TEST_F(WeightScopeTest, ReportsEverythingThatIsWrongAtOnce) {
  const Checkpoint weights =
      Make({{"a", {2, 3}}, {"b", {6}}, {"c", {6}, DType::kI64}, {"d", {1}, DType::kF64}});
  LoadReport report;
  const WeightScope root(weights, report);
  EXPECT_EQ(root.At("a", {3, 2}).data, nullptr);  // same count, other shape
  EXPECT_EQ(root.At("b", {6, 1}).data, nullptr);  // same count, other rank
  EXPECT_EQ(root.At("c", {6}).data, nullptr);
  EXPECT_EQ(root.At("d", {1}).data, nullptr);
  EXPECT_EQ(root.At("e", {7}).data, nullptr);
  EXPECT_EQ(root.At("e", {7}).shape, (Shape{7}));
  report.Finish();
  EXPECT_TRUE(report.unconsumed.empty());
  const Status status = report.ToStatus();
  ASSERT_FALSE(status.ok());
  for (const char* says :
       {"a: the model needs [3, 2], the file has [2, 3]", "b: the model needs [6, 1]",
        "c: I64 is not a float type", "d: F64 is not a float type", "e: missing",
        "2 missing, 2 of another shape, 2 of another type"}) {
    EXPECT_THAT(status.error().message, HasSubstr(says));
  }
}

TEST_F(WeightScopeTest, LongListsAreCut) {
  const Checkpoint weights = Make({{"a", {1}}});
  LoadReport report;
  const WeightScope root(weights, report);
  for (int i = 0; i < 25; ++i) root.Sub("x").At(std::to_string(i), {1});
  const std::string message = report.ToStatus().error().message;
  EXPECT_THAT(message, HasSubstr("x.19: missing"));
  EXPECT_EQ(message.find("x.20"), std::string::npos);
  EXPECT_THAT(message, HasSubstr("and 5 more"));
}

TEST_F(WeightScopeTest, SkipIsConsumptionWithAReason) {
  const Checkpoint weights = Make({{"copy", {1}}});
  LoadReport report;
  const WeightScope root(weights, report);
  root.Skip("copy", "a copy of embed_tokens");
  root.Skip("absent", "never there");
  report.Finish();
  EXPECT_TRUE(report.unconsumed.empty());
  ASSERT_EQ(report.skipped.size(), 1u);
  EXPECT_THAT(report.ToText(), HasSubstr("skipped: copy (a copy of embed_tokens)"));
}

// Bug N1: a prefix was rewritten after the MTP layer's prefix had been tested, and its weights
// stayed unloaded.
TEST_F(WeightScopeTest, OlderPrefixesAreTranslated) {
  const Checkpoint weights = Make({{"visual.post_layernorm.weight", {2}},
                                   {"model.embed_tokens.weight", {3}},
                                   {"model.layers.16.enorm.weight", {4}},
                                   {"model.norm.weight", {5}},
                                   {"lm_head.weight", {6}}});
  LoadReport report;
  const WeightScope root(weights, report);
  const WeightScope text = root.Sub("model.language_model");
  EXPECT_NE(root.Sub("model").Sub("visual").At("post_layernorm.weight", {2}).data, nullptr);
  EXPECT_NE(text.At("embed_tokens.weight", {3}).data, nullptr);
  EXPECT_NE(text.Sub("layers").Sub(16).At("enorm.weight", {4}).data, nullptr);
  EXPECT_NE(text.At("norm.weight", {5}).data, nullptr);
  EXPECT_NE(root.At("lm_head.weight", {6}).data, nullptr);
  text.At("absent.weight", {1});
  report.Finish();
  EXPECT_TRUE(report.unconsumed.empty());
  EXPECT_THAT(report.missing, ElementsAre("model.language_model.absent.weight"));  // canonical name
  EXPECT_EQ(report.notes.size(), 2u);
}

TEST_F(WeightScopeTest, CurrentPrefixWinsOverOlder) {
  const Checkpoint weights = Make({{"model.visual.a", {1}}, {"visual.a", {2}}});
  LoadReport report;
  const WeightScope root(weights, report);
  EXPECT_NE(root.Sub("model.visual").At("a", {1}).data, nullptr);
  report.Finish();
  EXPECT_THAT(report.unconsumed, ElementsAre("visual.a"));
}

}  // namespace
}  // namespace glmocr
