#include "models/glm_ocr/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "weights/test_files.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kStarter = GLMOCR_SOURCE_DIR "/models/starter";

const ModelSummary::Group* Find(const ModelSummary& summary, std::string_view name) {
  for (const ModelSummary::Group& group : summary.groups) {
    if (group.name == name) return &group;
  }
  return nullptr;
}

class InspectTest : public testing::Test {
 protected:
  TempFolder folder_{testing::TempDir() + "/" +
                     testing::UnitTest::GetInstance()->current_test_info()->name()};
};

TEST_F(InspectTest, Starter) {
  const Result<ModelSummary> summary = InspectModel(kStarter);
  ASSERT_TRUE(summary.ok()) << summary.error().message;
  EXPECT_EQ(summary->tensors.size(), 124u);
  int64_t n_params = 0, n_tensors = 0;
  uint64_t n_bytes = 0;
  for (const ModelSummary::Group& group : summary->groups) {
    n_params += group.n_params;
    n_tensors += group.n_tensors;
    n_bytes += group.n_bytes;
  }
  EXPECT_EQ(n_params, summary->n_params);  // every tensor is in one group
  EXPECT_EQ(n_bytes, summary->n_bytes);
  EXPECT_EQ(n_tensors, 124);
  EXPECT_EQ(Find(*summary, "embed_tokens")->n_params, 1024 * 256);
  EXPECT_EQ(Find(*summary, "lm_head")->n_params, 1024 * 256);
  EXPECT_EQ(Find(*summary, "merger")->n_params, 256 * 256 + 2 * 256 + 3 * 768 * 256);
  EXPECT_EQ(Find(*summary, "mtp")->n_tensors, 10 + 4);
  EXPECT_EQ(Find(*summary, "text_layers")->n_tensors, 4 * 10 + 1);
  EXPECT_EQ(Find(*summary, "other"), nullptr);
  ASSERT_EQ(summary->types.size(), 1u);
  EXPECT_EQ(summary->types[0].dtype, DType::kBF16);
  EXPECT_EQ(summary->kv_bytes_per_token, 4 * 2 * 2 * 64 * 2);
  EXPECT_EQ(summary->mtp_kv_bytes_per_token, 2 * 2 * 64 * 2);
  EXPECT_EQ(summary->max_image_tokens, 94080 / (2 * 28 * 28));
  // All matrices of the starter fill whole panels: packed bf16 is the file's size but for vectors,
  // which become floats.
  int64_t vector_params = 0;
  for (const ModelSummary::Tensor& tensor : summary->tensors) {
    if (tensor.shape.rank() < 2) vector_params += tensor.shape.count();
  }
  EXPECT_EQ(summary->packed_bf16_bytes,
            summary->n_bytes + 2 * static_cast<uint64_t>(vector_params));
  EXPECT_EQ(summary->packed_f32_bytes,
            2 * summary->n_bytes - 2 * 1024 * 256);  // embeddings stay as stored
}

TEST_F(InspectTest, Renderings) {
  const Result<ModelSummary> summary = InspectModel(kStarter);
  ASSERT_TRUE(summary.ok());
  const std::string brief = summary->ToText(TensorListing::kNone);
  EXPECT_THAT(brief,
              testing::AllOf(HasSubstr("GlmOcrForConditionalGeneration"), HasSubstr("124 tensors"),
                             HasSubstr("at most 60 tokens"), HasSubstr("merger")));
  EXPECT_EQ(brief.find("lm_head.weight"), std::string::npos);
  EXPECT_THAT(summary->ToText(TensorListing::kFull), HasSubstr("'lm_head.weight'"));
  const nlohmann::json json = nlohmann::json::parse(summary->ToJson());
  EXPECT_EQ(json["parameters"], summary->n_params);
  EXPECT_EQ(json["tensors"].size(), 124u);
  EXPECT_EQ(json["tensors"][0]["name"], "lm_head.weight");
  EXPECT_EQ(json["tensors"][0]["shape"], nlohmann::json({1024, 256}));
  EXPECT_EQ(json["max_image_tokens"], 60);
}

TEST_F(InspectTest, IncompleteFoldersAreNamed) {
  EXPECT_EQ(InspectModel(folder_ / "none").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(InspectModel(folder_.path()).error().message, HasSubstr("config.json"));
  fs::copy_file(kStarter / "config.json", folder_ / "config.json");
  const Result<ModelSummary> config_only = InspectModel(folder_.path());
  ASSERT_FALSE(config_only.ok());
  EXPECT_EQ(config_only.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(config_only.error().message, HasSubstr("holds neither model.safetensors"));
  EXPECT_EQ(InspectModel(kStarter / "config.json").error().code, ErrorCode::kInvalidArgument);
  fs::copy_file(kStarter / "model.safetensors", folder_ / "model.safetensors");
  const Result<ModelSummary> no_processor = InspectModel(folder_.path());
  ASSERT_TRUE(no_processor.ok());
  EXPECT_FALSE(no_processor->max_image_tokens.has_value());
  EXPECT_THAT(no_processor->notes,
              testing::ElementsAre(HasSubstr("preprocessor_config.json is missing")));
}

// The published model: 526 tensors in a file whose data is one hole of the file system, which
// nobody reads.
TEST_F(InspectTest, PublishedModelHasItsPublishedTotals) {
  std::vector<TensorSpec> specs;
  std::ifstream list(GLMOCR_SOURCE_DIR "/tests/golden/weights/glm_ocr_tensors.tsv");
  uint64_t n_bytes = 0;
  for (std::string name, dtype, shape; std::getline(list, name, '\t') &&
                                       std::getline(list, dtype, '\t') &&
                                       std::getline(list, shape);) {
    specs.push_back({name, *DTypeFromName(dtype),
                     Shape(nlohmann::json::parse(shape).get<std::vector<int64_t>>())});
    n_bytes += static_cast<uint64_t>(specs.back().shape.count()) * 2;
  }
  ASSERT_EQ(specs.size(), 526u);
  nlohmann::ordered_json header;
  uint64_t end = 0;
  for (const TensorSpec& spec : specs) {
    const uint64_t begin = end;
    end += static_cast<uint64_t>(spec.shape.count()) * 2;
    header[spec.name] = {
        {"dtype", "BF16"}, {"shape", spec.shape.dims()}, {"data_offsets", {begin, end}}};
  }
  const std::string image = SafetensorsImage(header.dump(), 0);
  const fs::path file = folder_ / "model.safetensors";
  ASSERT_TRUE(WriteFileAtomically(file, image).ok());
  ASSERT_EQ(::truncate(file.c_str(), static_cast<off_t>(image.size() + n_bytes)), 0);

  // The starter's config with the two numbers that grouping and the cache's size depend on.
  nlohmann::json config = nlohmann::json::parse(std::ifstream(kStarter / "config.json"));
  nlohmann::json& text = config["text_config"];
  text["num_hidden_layers"] = 16;
  text["num_attention_heads"] = 16;
  text["num_key_value_heads"] = 8;
  text["head_dim"] = 128;
  text["rope_parameters"]["mrope_section"] = {16, 24, 24};
  ASSERT_TRUE(WriteFileAtomically(folder_ / "config.json", config.dump()).ok());

  const Result<ModelSummary> summary = InspectModel(folder_.path());
  ASSERT_TRUE(summary.ok()) << summary.error().message;
  EXPECT_EQ(summary->n_params, 1'325'258'240);
  EXPECT_EQ(Find(*summary, "vision")->n_params + Find(*summary, "merger")->n_params, 434'120'192);
  EXPECT_EQ(Find(*summary, "vision")->n_tensors + Find(*summary, "merger")->n_tensors, 347);
  EXPECT_EQ(Find(*summary, "mtp")->n_tensors, 16);
  EXPECT_EQ(Find(*summary, "embed_tokens")->n_params, 59392 * 1536);
  EXPECT_EQ(summary->kv_bytes_per_token, 65'536);
  EXPECT_EQ(summary->mtp_kv_bytes_per_token, 4'096);
  // The MTP layer's two copies (59392 x 1536 in bf16 each) are not counted.
  EXPECT_LT(summary->packed_bf16_bytes,
            summary->n_bytes - 2 * uint64_t{59392} * 1536 * 2 + 2'000'000);
}

}  // namespace
}  // namespace glmocr
