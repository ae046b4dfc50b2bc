#include "models/glm_ocr/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "weights/safetensors.h"
#include "weights/test_files.h"

namespace glmocr {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// The published GLM-OCR config.json.
json Published() {
  return json::parse(R"({
    "architectures": ["GlmOcrForConditionalGeneration"], "model_type": "glm_ocr", "dtype": "bfloat16",
    "tie_word_embeddings": false,
    "image_start_token_id": 59256, "image_end_token_id": 59257, "video_start_token_id": 59258,
    "video_end_token_id": 59259, "image_token_id": 59280, "video_token_id": 59281,
    "text_config": {
      "model_type": "glm_ocr_text", "vocab_size": 59392, "hidden_size": 1536, "num_hidden_layers": 16,
      "num_nextn_predict_layers": 1, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
      "intermediate_size": 4608, "hidden_act": "silu", "rms_norm_eps": 1e-05, "attention_bias": false,
      "max_position_embeddings": 131072, "pad_token_id": 59246, "eos_token_id": [59246, 59253],
      "rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 1.0,
                          "mrope_section": [16, 24, 24]}},
    "vision_config": {
      "model_type": "glm_ocr_vision", "depth": 24, "hidden_size": 1024, "num_heads": 16,
      "intermediate_size": 4096, "hidden_act": "silu", "attention_bias": true, "rms_norm_eps": 1e-05,
      "patch_size": 14, "temporal_patch_size": 2, "spatial_merge_size": 2, "in_channels": 3,
      "image_size": 336, "out_hidden_size": 1536, "hidden_dropout_prob": 0.0, "attention_dropout": 0.0}})");
}

Result<GlmOcrConfig> Read(const json& config, std::string_view generation = "") {
  return GlmOcrConfig::FromJson(config.dump(), generation, "config.json");
}

std::string ErrorText(const json& config, std::string_view generation = "") {
  const Result<GlmOcrConfig> result = Read(config, generation);
  return result.ok() ? "accepted" : result.error().message;
}

void ExpectPublished(const GlmOcrConfig& config) {
  EXPECT_EQ(config.model_type, "glm_ocr");
  EXPECT_EQ(config.architecture, "GlmOcrForConditionalGeneration");
  EXPECT_EQ(config.dtype, DType::kBF16);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.image_start_token_id, 59256);
  EXPECT_EQ(config.image_end_token_id, 59257);
  EXPECT_EQ(config.image_token_id, 59280);
  EXPECT_EQ(config.video_token_id, 59281);
  EXPECT_EQ(config.pad_token_id, 59246);
  EXPECT_THAT(config.eos_token_ids, ElementsAre(59246, 59253));
  const GlmOcrTextConfig& text = config.text;
  EXPECT_EQ(text.vocab_size, 59392);
  EXPECT_EQ(text.hidden_size, 1536);
  EXPECT_EQ(text.num_hidden_layers, 16);
  EXPECT_EQ(text.num_nextn_predict_layers, 1);
  EXPECT_EQ(text.num_attention_heads, 16);
  EXPECT_EQ(text.num_key_value_heads, 8);
  EXPECT_EQ(text.head_dim, 128);  // not 1536 / 16
  EXPECT_EQ(text.intermediate_size, 4608);
  EXPECT_EQ(text.max_position_embeddings, 131072);
  EXPECT_FLOAT_EQ(text.rms_norm_eps, 1e-5f);
  EXPECT_EQ(text.rope_theta, 10000);
  EXPECT_EQ(text.partial_rotary_factor, 1.0);
  EXPECT_THAT(text.mrope_section, ElementsAre(16, 24, 24));
  EXPECT_EQ(text.rotary_dim(), 128);
  EXPECT_FALSE(text.attention_bias);
  const GlmOcrVisionConfig& vision = config.vision;
  EXPECT_EQ(vision.depth, 24);
  EXPECT_EQ(vision.hidden_size, 1024);
  EXPECT_EQ(vision.num_heads, 16);
  EXPECT_EQ(vision.head_dim(), 64);
  EXPECT_EQ(vision.intermediate_size, 4096);
  EXPECT_EQ(vision.out_hidden_size, 1536);
  EXPECT_EQ(vision.patch_columns(), 1176);
  EXPECT_TRUE(vision.attention_bias);
  EXPECT_EQ(config.KvBytesPerToken(2), 65'536);
  EXPECT_EQ(config.MtpKvBytesPerToken(2), 4'096);
}

// Bug L1: an engine could not load the real config after a refactoring.
TEST(GlmOcrConfigTest, PublishedConfigLoads) {
  const Result<GlmOcrConfig> config = Read(Published());
  ASSERT_TRUE(config.ok()) << config.error().message;
  ExpectPublished(*config);
}

// Bug L3: transformers moved fields; both spellings mean the same model.
TEST(GlmOcrConfigTest, OlderSpellingLoads) {
  json old = Published();
  old["torch_dtype"] = old["dtype"];
  old.erase("dtype");
  json& text = old["text_config"];
  json rope = text["rope_parameters"];
  text.erase("rope_parameters");
  text["rope_theta"] = rope["rope_theta"];
  text["partial_rotary_factor"] = rope["partial_rotary_factor"];
  for (const char* type_key : {"type", "rope_type"}) {
    for (const char* type : {"default", "mrope"}) {
      text["rope_scaling"] = {{type_key, type}, {"mrope_section", rope["mrope_section"]}};
      const Result<GlmOcrConfig> config = Read(old);
      ASSERT_TRUE(config.ok()) << config.error().message;
      ExpectPublished(*config);
    }
  }
}

TEST(GlmOcrConfigTest, FlatTextFieldsLoad) {
  for (const bool old_rope : {false, true}) {
    json flat = Published();
    const json text = flat["text_config"];
    flat.erase("text_config");
    for (const auto& [key, value] : text.items()) {
      if (key != "model_type") flat[key] = value;
    }
    if (old_rope) {
      const json rope = flat["rope_parameters"];
      flat.erase("rope_parameters");
      flat["rope_theta"] = rope["rope_theta"];
      flat["partial_rotary_factor"] = rope["partial_rotary_factor"];
      flat["rope_scaling"] = {{"type", "default"}, {"mrope_section", rope["mrope_section"]}};
    }
    const Result<GlmOcrConfig> config = Read(flat);
    ASSERT_TRUE(config.ok()) << config.error().message;
    ExpectPublished(*config);
  }
}

TEST(GlmOcrConfigTest, NestedFieldWinsOverTopLevel) {
  json both = Published();
  both["hidden_size"] = 64;
  both["rope_theta"] = 5.0;
  both["torch_dtype"] = "float32";
  const Result<GlmOcrConfig> config = Read(both);
  ASSERT_TRUE(config.ok()) << config.error().message;
  ExpectPublished(*config);
}

TEST(GlmOcrConfigTest, StarterLoads) {
  const Result<GlmOcrConfig> config = GlmOcrConfig::FromFiles(GLMOCR_SOURCE_DIR "/models/starter");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->text.num_hidden_layers, 4);
  EXPECT_EQ(config->text.head_dim, 64);
  EXPECT_EQ(config->vision.head_dim(), 64);
  EXPECT_EQ(config->text.rotary_dim(), 64);
  EXPECT_THAT(config->eos_token_ids, ElementsAre(1005, 1012));
  EXPECT_EQ(config->image_token_id, 1022);
}

// Bug T1 begins here: both stop ids must come through, whichever file has them.
TEST(GlmOcrConfigTest, GenerationConfigWinsForStopIds) {
  EXPECT_THAT(Read(Published(), R"({"eos_token_id": 7, "pad_token_id": 3})")->eos_token_ids,
              ElementsAre(7));
  EXPECT_EQ(Read(Published(), R"({"pad_token_id": 3})")->pad_token_id, 3);
  EXPECT_THAT(Read(Published(), R"({"eos_token_id": [7, 8, 9]})")->eos_token_ids,
              ElementsAre(7, 8, 9));
  EXPECT_THAT(Read(Published(), "{}")->eos_token_ids, ElementsAre(59246, 59253));
  EXPECT_THAT(Read(Published(), R"({"eos_token_id": null})")->eos_token_ids,
              ElementsAre(59246, 59253));
  json none = Published();
  none["text_config"].erase("eos_token_id");
  EXPECT_THAT(ErrorText(none), HasSubstr("eos_token_id is missing"));
  EXPECT_TRUE(Read(none, R"({"eos_token_id": 7})").ok());
  none["eos_token_id"] = 5;
  EXPECT_THAT(Read(none)->eos_token_ids, ElementsAre(5));
  EXPECT_THAT(ErrorText(Published(), R"({"eos_token_id": []})"), HasSubstr("0 entries"));
  EXPECT_THAT(ErrorText(Published(), R"({"eos_token_id": "x"})"),
              HasSubstr("generation_config.eos_token_id is "));
  EXPECT_THAT(ErrorText(Published(), R"({"eos_token_id": 59392})"), HasSubstr("from 0 to 59391"));
  EXPECT_THAT(ErrorText(Published(), "[]"), HasSubstr("JSON object"));
  EXPECT_THAT(ErrorText(Published(), "{"), HasSubstr("generation_config.json"));
}

// Every required field, taken away in turn, is named.
TEST(GlmOcrConfigTest, EachMissingFieldIsNamed) {
  const std::vector<std::string> optional = {
      "/architectures",
      "/dtype",
      "/video_start_token_id",
      "/video_end_token_id",
      "/video_token_id",
      "/text_config/model_type",
      "/text_config/num_nextn_predict_layers",
      "/text_config/pad_token_id",
      "/text_config/rope_parameters/rope_type",
      "/vision_config/model_type",
      "/vision_config/image_size",
      "/vision_config/hidden_dropout_prob",
      "/vision_config/attention_dropout",
      "/model_type"};  // model_type: while architectures is there
  int n_required = 0;
  const auto check = [&](const json::json_pointer& at) {
    json config = Published();
    config.at(at.parent_pointer()).erase(at.back());
    const std::string text = ErrorText(config);
    if (std::find(optional.begin(), optional.end(), at.to_string()) != optional.end()) {
      EXPECT_EQ(text, "accepted") << at.to_string();
    } else {
      EXPECT_THAT(text, HasSubstr(at.back() + " is missing")) << at.to_string();
      ++n_required;
    }
    config.at(at.parent_pointer())[at.back()] = nullptr;  // null is as good as absent
    EXPECT_EQ(ErrorText(config), text);
  };
  const json published = Published();
  for (const auto& [key, value] : published.items()) {
    const json::json_pointer at("/" + key);
    if (value.is_object()) {
      for (const auto& [inner, inner_value] : value.items()) {
        if (inner == "rope_parameters") {
          for (const auto& [leaf, unused] : inner_value.items()) check(at / inner / leaf);
        } else {
          check(at / inner);
        }
      }
    } else {
      check(at);
    }
  }
  EXPECT_EQ(n_required, 4 + 12 + 3 + 12);  // top, text, rope, vision
  json nothing = Published();
  nothing.erase("model_type");
  nothing.erase("architectures");
  EXPECT_THAT(ErrorText(nothing), HasSubstr("model_type is missing"));
  nothing = Published();
  nothing.erase("vision_config");
  EXPECT_THAT(ErrorText(nothing), HasSubstr("vision_config is missing"));
}

struct BadValue {
  const char* name;
  const char* pointer;
  const char* value;
  ErrorCode code;
  const char* says;
};

class BadValueTest : public testing::TestWithParam<BadValue> {};

TEST_P(BadValueTest, IsRefusedByName) {
  const BadValue& bad = GetParam();
  json config = Published();
  config[json::json_pointer(bad.pointer)] = json::parse(bad.value);
  const Result<GlmOcrConfig> result = Read(config);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, bad.code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(bad.says));
  EXPECT_THAT(result.error().message, HasSubstr("'config.json'"));
}

constexpr ErrorCode kBad = ErrorCode::kCorrupt, kNotDone = ErrorCode::kUnsupported;
INSTANTIATE_TEST_SUITE_P(
    All, BadValueTest,
    testing::Values(
        BadValue{"HiddenZero", "/text_config/hidden_size", "0", kBad,
                 "text_config.hidden_size is '0'"},
        BadValue{"HiddenNegative", "/text_config/hidden_size", "-1536", kBad,
                 "hidden_size is '-1536'"},
        BadValue{"HiddenHuge", "/text_config/hidden_size", "1000001", kBad, "1 to 1000000"},
        BadValue{"HiddenBeyond64Bits", "/text_config/hidden_size", "18446744073709551615", kBad,
                 "hidden_size"},
        BadValue{"HiddenFloat", "/text_config/hidden_size", "1536.0", kBad, "whole number"},
        BadValue{"HiddenText", "/text_config/hidden_size", "\"1536\"", kBad, "whole number"},
        BadValue{"HiddenList", "/text_config/hidden_size", "[1536]", kBad, "a list"},
        BadValue{"HiddenBool", "/text_config/hidden_size", "true", kBad, "hidden_size"},
        BadValue{"LayersHuge", "/text_config/num_hidden_layers", "1001", kBad, "num_hidden_layers"},
        BadValue{"VocabZero", "/text_config/vocab_size", "0", kBad, "vocab_size"},
        BadValue{"KvHeadsZero", "/text_config/num_key_value_heads", "0", kBad,
                 "num_key_value_heads"},
        BadValue{"HeadsNotDivisible", "/text_config/num_key_value_heads", "3", kBad,
                 "not divisible"},
        BadValue{"HeadDimOdd", "/text_config/head_dim", "127", kBad, "head_dim 127 is odd"},
        BadValue{"HeadDimNot16", "/text_config/head_dim", "120", kNotDone, "head_dim is 120"},
        BadValue{"EpsZero", "/text_config/rms_norm_eps", "0", kBad, "rms_norm_eps"},
        BadValue{"EpsNegative", "/vision_config/rms_norm_eps", "-1e-5", kBad,
                 "vision_config.rms_norm_eps"},
        BadValue{"ThetaZero", "/text_config/rope_parameters/rope_theta", "0", kBad,
                 "rope_parameters.rope_theta"},
        BadValue{"ThetaText", "/text_config/rope_parameters/rope_theta", "\"1e4\"", kBad,
                 "rope_theta"},
        BadValue{"RotaryFactorAboveOne", "/text_config/rope_parameters/partial_rotary_factor",
                 "1.5", kBad, "partial_rotary_factor"},
        BadValue{"RotaryFactorUneven", "/text_config/rope_parameters/partial_rotary_factor", "0.3",
                 kBad, "not an even number"},
        BadValue{"RotaryHalfWithFullSections", "/text_config/rope_parameters/partial_rotary_factor",
                 "0.5", kBad, "mrope_section sums to 64"},
        BadValue{"SectionSum", "/text_config/rope_parameters/mrope_section", "[16,24,16]", kBad,
                 "sums to 56"},
        BadValue{"SectionTwo", "/text_config/rope_parameters/mrope_section", "[32,32]", kBad,
                 "2 entries"},
        BadValue{"SectionFour", "/text_config/rope_parameters/mrope_section", "[16,16,16,16]", kBad,
                 "4 entries"},
        BadValue{"SectionNegative", "/text_config/rope_parameters/mrope_section", "[-8,36,36]",
                 kBad, "mrope_section"},
        BadValue{"RopeYarn", "/text_config/rope_parameters/rope_type", "\"yarn\"", kNotDone,
                 "'yarn'"},
        BadValue{"ActGelu", "/text_config/hidden_act", "\"gelu\"", kNotDone,
                 "text_config.hidden_act is 'gelu'"},
        BadValue{"VisionActGelu", "/vision_config/hidden_act", "\"gelu\"", kNotDone,
                 "vision_config.hidden_act"},
        BadValue{"TextBias", "/text_config/attention_bias", "true", kNotDone, "attention_bias"},
        BadValue{"TextBiasNumber", "/text_config/attention_bias", "0", kBad, "true or false"},
        BadValue{"TwoMtpLayers", "/text_config/num_nextn_predict_layers", "2", kNotDone,
                 "num_nextn_predict_layers is 2"},
        BadValue{"VisionHeads", "/vision_config/num_heads", "15", kBad, "not divisible"},
        BadValue{"VisionHeadDim", "/vision_config/num_heads", "128", kNotDone,
                 "heads of 8 columns"},
        BadValue{"Patch16", "/vision_config/patch_size", "16", kNotDone, "patch_size is 16"},
        BadValue{"PatchZero", "/vision_config/patch_size", "0", kBad, "patch_size"},
        BadValue{"Temporal", "/vision_config/temporal_patch_size", "1", kNotDone,
                 "temporal_patch_size is 1"},
        BadValue{"Merge", "/vision_config/spatial_merge_size", "4", kNotDone,
                 "spatial_merge_size is 4"},
        BadValue{"Channels", "/vision_config/in_channels", "1", kNotDone, "in_channels is 1"},
        BadValue{"OutHidden", "/vision_config/out_hidden_size", "1024", kBad,
                 "differs from the text hidden_size"},
        BadValue{"VisionIsList", "/vision_config", "[]", kBad, "vision_config is missing"},
        BadValue{"TextIsNumber", "/text_config", "7", kBad, "text_config is not an object"},
        BadValue{"ImageTokenOutside", "/image_token_id", "59392", kBad,
                 "image_token_id is '59392'"},
        BadValue{"ImageTokenNegative", "/image_token_id", "-1", kBad, "image_token_id"},
        BadValue{"DTypeInt8", "/dtype", "\"int8\"", kNotDone, "bfloat16, float16, float32"},
        BadValue{"OtherModel", "/model_type", "\"qwen2_vl\"", kNotDone, "supported: glm_ocr"},
        BadValue{"OtherTextModel", "/text_config/model_type", "\"glm4v_text\"", kNotDone,
                 "supported: glm_ocr_text"},
        BadValue{"OtherArchitecture", "/architectures", "[\"Glm4vForConditionalGeneration\"]",
                 kNotDone, "GlmOcrForConditionalGeneration"},
        BadValue{"ArchitectureNumbers", "/architectures", "[1, 2]", kNotDone, "architectures"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(GlmOcrConfigTest, AllProblemsComeTogether) {
  json config = Published();
  config["text_config"].erase("hidden_size");
  config["vision_config"]["depth"] = -1;
  config["image_token_id"] = "x";
  EXPECT_THAT(ErrorText(config),
              testing::AllOf(HasSubstr("text_config.hidden_size is missing"),
                             HasSubstr("vision_config.depth"), HasSubstr("image_token_id")));
}

TEST(GlmOcrConfigTest, QuantisedWeightsAreRefused) {
  json config = Published();
  config["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4}};
  EXPECT_THAT(ErrorText(config), HasSubstr("the weights are quantised ('awq')"));
  config["quantization_config"] = {{"bits", 4}};
  EXPECT_THAT(ErrorText(config), HasSubstr("the weights are quantised (quantization_config)"));
  config["quantization_config"] = nullptr;
  EXPECT_EQ(ErrorText(config), "accepted");
}

TEST(GlmOcrConfigTest, TextThatIsNoConfig) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("{} {}"), std::string(R"({"a":1,"a":2})"), std::string(200'000, '['),
        std::string("{}\0{}", 5), std::string("\xff")}) {
    const Result<GlmOcrConfig> config = GlmOcrConfig::FromJson(text, "", "config.json");
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.error().code, ErrorCode::kCorrupt) << config.error().message;
  }
}

TEST(GlmOcrConfigTest, HostileGenerationConfig) {
  ASSERT_EQ(ErrorText(Published(), R"({"eos_token_id": [59246]})"), "accepted");
  for (const std::string& text :
       {std::string("{}\0{\"eos_token_id\": 1}", 22), std::string("\0", 1), std::string("[]"),
        std::string("7"), std::string("{\"eos_token_id\": \"\xff\"}"),
        std::string(R"({"eos_token_id": 1, "eos_token_id": 2})"),
        std::string(R"({"eos_token_id": 1e999})"), std::string(R"({"eos_token_id": -1})"),
        std::string(R"({"eos_token_id": 59392})"), std::string(R"({"eos_token_id": 1.5})"),
        std::string(R"({"eos_token_id": 18446744073709551615})"),
        std::string(R"({"eos_token_id": []})"), std::string(R"({"eos_token_id": [[1]]})"),
        std::string(R"({"eos_token_id": {}})"), std::string(R"({"eos_token_id": true})"),
        std::string(R"({"pad_token_id": "x"})"), std::string(200'000, '[')}) {
    const Result<GlmOcrConfig> config = Read(Published(), text);
    ASSERT_FALSE(config.ok()) << text.substr(0, 100);
    EXPECT_EQ(config.error().code, ErrorCode::kCorrupt) << config.error().message;
  }
}

TEST(GlmOcrConfigTest, EmptyGenerationConfigFileIsRefused) {
  const TempFolder folder(testing::TempDir() + "/EmptyGenerationConfigFileIsRefused");
  ASSERT_TRUE(WriteFileAtomically(folder / "config.json", Published().dump()).ok());
  EXPECT_TRUE(GlmOcrConfig::FromFiles(folder.path()).ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "generation_config.json", "").ok());
  EXPECT_THAT(GlmOcrConfig::FromFiles(folder.path()).error().message,
              HasSubstr("generation_config.json"));
}

TEST(GlmOcrConfigTest, MissingFolderIsNotFound) {
  EXPECT_EQ(GlmOcrConfig::FromFiles("no/such/folder").error().code, ErrorCode::kNotFound);
}

// Bug V4: the merger's width came from the wrong field of the config; here it comes from the
// tensor.
TEST(MergerWidthTest, ComesFromTheTensor) {
  const Result<Checkpoint> weights = Checkpoint::Open(GLMOCR_SOURCE_DIR "/models/starter");
  ASSERT_TRUE(weights.ok()) << weights.error().message;
  LoadReport report;
  const WeightScope root(*weights, report);
  const Result<int64_t> width = MergerWidth(root.Sub("model.visual.merger"));
  ASSERT_TRUE(width.ok()) << width.error().message;
  EXPECT_EQ(*width,
            768);  // neither text intermediate_size (704) nor vision intermediate_size (512)
  EXPECT_THAT(MergerWidth(root.Sub("model.visual")).error().message,
              HasSubstr("model.visual.gate_proj.weight is missing"));
}

}  // namespace
}  // namespace glmocr
