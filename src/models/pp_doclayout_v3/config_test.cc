// Spellings, defaults and refusals of PP-DocLayoutV3's two configuration files.
#include "models/pp_doclayout_v3/config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace glmocr {
namespace {

using nlohmann::json;

json Published() {
  return {{"model_type", "pp_doclayout_v3"},
          {"num_labels", 25},
          {"backbone_config", {{"arch", "L"}, {"return_idx", {0, 1, 2, 3}}}},
          {"feature_strides", {8, 16, 32}}};
}

Result<PpDocLayoutConfig> Parse(const json& value) {
  return PpDocLayoutConfig::FromJson(value.dump(), "config.json");
}

// What the class defaults of the reference are, and arch L's lists (spec 11.1, 11.3).
TEST(PpDocLayoutConfig, AbsentFieldsAreTheReferencesDefaults) {
  const auto c = Parse(Published());
  ASSERT_TRUE(c.ok()) << c.error().message;
  EXPECT_EQ(c->d_model, 256);
  EXPECT_EQ(c->num_queries, 300);
  EXPECT_EQ(c->decoder_layers, 6);
  EXPECT_EQ(c->num_prototypes, 32);
  EXPECT_EQ(c->backbone.stem_channels, (std::array<int64_t, 3>{3, 32, 48}));
  EXPECT_EQ(c->backbone.stages[2].n_blocks, 3);
  EXPECT_TRUE(c->backbone.stages[3].light);
  EXPECT_EQ(c->backbone.stages[3].out_channels, 2048);
}

TEST(PpDocLayoutConfig, BothSpellingsAreRead) {
  json other = Published();
  other.erase("feature_strides");
  other["feat_strides"] = {8, 16, 32};
  other["hidden_size"] = 128;
  other["num_attention_heads"] = 4;
  other.erase("num_labels");
  other["id2label"] = {{"0", "text"}, {"1", "text"}};
  other["backbone_config"] = {{"stem_channels", {3, 32, 48}},
                              {"stage_in_channels", {48, 128, 512, 1024}},
                              {"stage_mid_channels", {48, 96, 192, 384}},
                              {"stage_out_channels", {128, 512, 1024, 2048}},
                              {"stage_num_blocks", {1, 1, 3, 1}},
                              {"stage_downsample", {false, true, true, true}},
                              {"stage_light_block", {false, false, true, true}},
                              {"stage_kernel_size", {3, 3, 5, 5}},
                              {"stage_numb_of_layers", {6, 6, 6, 6}}};
  const auto c = Parse(other);
  ASSERT_TRUE(c.ok()) << c.error().message;
  EXPECT_EQ(c->d_model, 128);
  EXPECT_EQ(c->encoder_attention_heads, 4);
  EXPECT_EQ(c->n_labels, 2);
  const auto published = Parse(Published());
  for (size_t i = 0; i < kBackboneStages; ++i) {
    EXPECT_EQ(c->backbone.stages[i].mid_channels, published->backbone.stages[i].mid_channels);
    EXPECT_EQ(c->backbone.stages[i].n_layers, published->backbone.stages[i].n_layers);
    EXPECT_EQ(c->backbone.stages[i].light, published->backbone.stages[i].light);
  }
}

struct Refusal {
  const char* name;
  const char* patch;  // merged into the published file
  ErrorCode code;
  const char* says;
};
class PpDocLayoutConfigRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(PpDocLayoutConfigRefusals, NameTheField) {
  json value = Published();
  value.merge_patch(json::parse(GetParam().patch));
  const auto c = Parse(value);
  ASSERT_FALSE(c.ok());
  EXPECT_EQ(c.error().code, GetParam().code) << c.error().message;
  EXPECT_NE(c.error().message.find(GetParam().says), std::string::npos) << c.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Fields, PpDocLayoutConfigRefusals,
    ::testing::Values(
        Refusal{"type", R"({"model_type": "rt_detr"})", ErrorCode::kUnsupported, "model_type"},
        Refusal{"no_backbone", R"({"backbone_config": null})", ErrorCode::kCorrupt,
                "backbone_config"},
        Refusal{"arch", R"({"backbone_config": {"arch": "H"}})", ErrorCode::kUnsupported, "arch"},
        Refusal{"labels", R"({"num_labels": null})", ErrorCode::kCorrupt, "num_labels"},
        Refusal{"strides", R"({"feature_strides": [4, 8, 16]})", ErrorCode::kUnsupported,
                "feature_strides"},
        Refusal{"heads", R"({"encoder_attention_heads": 7})", ErrorCode::kCorrupt,
                "encoder_hidden_dim"},
        Refusal{"negative", R"({"num_queries": -1})", ErrorCode::kCorrupt, "num_queries"},
        Refusal{"huge", R"({"decoder_ffn_dim": 1e30})", ErrorCode::kCorrupt, "decoder_ffn_dim"},
        Refusal{"list", R"({"d_model": [1]})", ErrorCode::kCorrupt, "d_model"},
        Refusal{"pre_norm", R"({"normalize_before": true})", ErrorCode::kUnsupported,
                "normalize_before"},
        Refusal{"anchors", R"({"anchor_image_size": [640, 640]})", ErrorCode::kUnsupported,
                "anchor_image_size"},
        Refusal{"expansion", R"({"hidden_expansion": 0.5})", ErrorCode::kUnsupported,
                "hidden_expansion"}),
    [](const auto& info) { return info.param.name; });

TEST(PpDocLayoutImageConfig, SizesMustFitTheStrides) {
  const auto parse = [](const char* text) {
    return PpDocLayoutImageConfig::FromJson(text, "preprocessor_config.json");
  };
  const auto c = parse(R"({"size": {"height": 800, "width": 640}, "resample": 3})");
  ASSERT_TRUE(c.ok()) << c.error().message;
  EXPECT_EQ(c->width_px, 640);
  EXPECT_EQ(c->height_px, 800);
  EXPECT_EQ(parse(R"({"size": {"height": 800, "width": 650}})").error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(parse(R"({"size": {"height": 800}})").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(parse(R"({})").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(parse("[]").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(parse(R"({"size": {"height": 800, "width": 800}, "resample": 2})").error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(parse(R"({"size": {"height": 800, "width": 800}, "do_rescale": false})").error().code,
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace glmocr
