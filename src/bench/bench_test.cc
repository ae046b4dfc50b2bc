#include "bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/random_model.h"
#include "bench/work.h"
#include "weights/checkpoint.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

class BenchTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
  ThreadPool pool_{2};
};

BenchOptions Small() {
  BenchOptions options;
  options.repeats = 1;
  options.prompt_tokens = 20;
  options.decode_steps = 4;
  options.batches = {1, 3};
  options.pictures = {{4, 6}};
  return options;
}

TEST_F(BenchTest, TheRandomModelIsWhatTheLoaderAsksForAndNothingElse) {
  ASSERT_TRUE(WriteRandomModel("glm-ocr-tiny", dir_, 1, pool_, {}).ok());
  auto runner = GlmOcrRunner::Load(dir_, {});
  ASSERT_TRUE(runner.ok()) << runner.error().message;
  EXPECT_TRUE((*runner)->info().has_draft_layer);
  EXPECT_THAT((*runner)->model().load_notes(), testing::Not(testing::HasSubstr("nobody")));
  // The draft layer's copies equal the main ones, as in the published files.
  EXPECT_EQ(&(*runner)->model().mtp_head(), &(*runner)->model().lm_head());
}

TEST_F(BenchTest, TheSameSeedGivesTheSameWeightsAndAnotherSeedOthers) {
  const auto first_value = [&](uint64_t seed) {
    EXPECT_TRUE(WriteRandomModel("glm-ocr-tiny", dir_, seed, pool_, {}).ok());
    auto checkpoint = Checkpoint::Open(dir_);
    EXPECT_TRUE(checkpoint.ok());
    return ElementAsFloat(*checkpoint->Find("lm_head.weight"), 0);
  };
  const float a = first_value(1), b = first_value(1), c = first_value(2);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST_F(BenchTest, AnUnknownRandomModelIsRefusedWithTheKnownOnes) {
  const Status status = WriteRandomModel("glm-ocr-9000b", dir_, 1, pool_, {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, testing::HasSubstr("glm-ocr-0.9b"));
  EXPECT_TRUE(fs::is_empty(dir_));
}

TEST_F(BenchTest, AnInterruptedRandomModelLeavesNoWeights) {
  const Status status = WriteRandomModel("glm-ocr-tiny", dir_, 1, pool_, [] { return false; });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(fs::exists(dir_ / "model.safetensors"));
}

// Counted from the published table of tensors.
TEST_F(BenchTest, TheFullSizeHasThePublishedNumberOfParameters) {
  GlmOcrConfig config;
  config.vision = {.depth = 24,
                   .hidden_size = 1024,
                   .num_heads = 16,
                   .intermediate_size = 4096,
                   .out_hidden_size = 1536,
                   .patch_size = 14,
                   .temporal_patch_size = 2,
                   .spatial_merge_size = 2,
                   .in_channels = 3,
                   .attention_bias = true};
  config.text = {.vocab_size = 59392,
                 .hidden_size = 1536,
                 .num_hidden_layers = 16,
                 .num_nextn_predict_layers = 1,
                 .num_attention_heads = 16,
                 .num_key_value_heads = 8,
                 .head_dim = 128,
                 .intermediate_size = 4608};
  int64_t n_params = 0;
  const std::vector<TensorSpec> specs = GlmOcrTensors(config, 4608);
  for (const TensorSpec& spec : specs) n_params += spec.shape.count();
  EXPECT_EQ(specs.size(), 526u);
  EXPECT_EQ(n_params, 1325258240);
}

TEST_F(BenchTest, ReportsEveryStageAndDraftMode) {
  ASSERT_TRUE(WriteRandomModel("glm-ocr-tiny", dir_, 1, pool_, {}).ok());
  auto report = RunBench(dir_, Small());
  ASSERT_TRUE(report.ok()) << report.error().message;
  std::vector<std::string> stages;
  for (const BenchStage& stage : report->stages) {
    stages.push_back(stage.name);
    EXPECT_GT(stage.time.best_s, 0) << stage.name;
    EXPECT_GT(stage.kernels.gemm_s, 0) << stage.name;
    EXPECT_GE(stage.time.best_s, stage.kernels.gemm_s + stage.kernels.attention_s) << stage.name;
  }
  EXPECT_THAT(stages, testing::ElementsAre("vision 84x56", "prefill 20", "decode batch 1",
                                           "decode batch 3"));
  ASSERT_EQ(report->drafts.size(), 5u);
  EXPECT_EQ(report->drafts[0].tokens, 63);
  EXPECT_EQ(report->drafts[0].steps, 63);
  EXPECT_EQ(report->drafts[0].batch, 1);
  EXPECT_LE(report->drafts[3].steps, 63);
  EXPECT_GT(report->load_s, 0);
  EXPECT_GE(report->checks.size(), 9u);
  const auto json = nlohmann::json::parse(ToJson(*report));
  EXPECT_EQ(json["stages"].size(), 4u);
  EXPECT_EQ(json["stages"][2]["tokens"], 4);
  EXPECT_THAT(ToTable(*report), testing::HasSubstr("decode batch 3"));
}

TEST_F(BenchTest, StopsBetweenMeasurementsWhenAsked) {
  ASSERT_TRUE(WriteRandomModel("glm-ocr-tiny", dir_, 1, pool_, {}).ok());
  BenchOptions options = Small();
  int asked = 0;
  options.keep_going = [&] { return ++asked < 3; };
  auto report = RunBench(dir_, options);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
}

TEST_F(BenchTest, ReadsPicturesWithEveryNumberOfDrafts) {
  BenchOptions options = Small();
  options.products = false;
  options.batches = {1, 8};
  options.images = {fs::path(GLMOCR_SOURCE_DIR) / "samples" / "article.png"};
  auto report = RunBench(fs::path(GLMOCR_SOURCE_DIR) / "models" / "starter", options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  ASSERT_EQ(report->drafts.size(), 10u);
  for (const BenchDrafts& row : report->drafts) {
    EXPECT_EQ(row.tokens, report->drafts[0].tokens) << row.mode;
    EXPECT_GT(row.seconds, 0) << row.mode;
  }
  EXPECT_EQ(report->drafts[0].steps, report->drafts[0].tokens);  // one token a step
  EXPECT_EQ(report->drafts[0].acceptance[0], -1);
  EXPECT_GT(report->drafts[1].acceptance[0], 0.5);
  EXPECT_LT(report->drafts[1].steps, report->drafts[0].steps);
  EXPECT_LE(report->drafts[3].steps, report->drafts[1].steps);
}

TEST_F(BenchTest, NamesAPictureThatIsNotThere) {
  BenchOptions options = Small();
  options.images = {dir_ / "missing.png"};
  auto report = RunBench(fs::path(GLMOCR_SOURCE_DIR) / "models" / "starter", options);
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(report.error().message, testing::HasSubstr("missing.png"));
}

// A hand count: one layer of 2 x 2 heads of 16 columns, 3 rows after 5 others.
TEST(Work, CountsTextByHand) {
  GlmOcrTextConfig c;
  c.vocab_size = 10;
  c.hidden_size = 8;
  c.num_hidden_layers = 1;
  c.num_attention_heads = 2;
  c.num_key_value_heads = 1;
  c.head_dim = 16;
  c.intermediate_size = 4;
  const double weights = 8 * (32 + 16 + 16) + 32 * 8 + 3 * 8 * 4;
  const Work work = TextWork(c, 5, 3, 1, 2, 4);
  const double pairs = 6 + 7 + 8;
  EXPECT_DOUBLE_EQ(work.flops, 2 * 3 * weights + 2 * 10 * 8 + 4 * pairs * 32);
  EXPECT_DOUBLE_EQ(work.bytes, (weights + 80) * 2 + 2 * 8 * 16 * 4);
  // A batch reads the weights once.
  const Work batch = DecodeWork(c, 4, 5, 2, 4), one = DecodeWork(c, 1, 5, 2, 4);
  EXPECT_DOUBLE_EQ(batch.flops, 4 * one.flops);
  EXPECT_DOUBLE_EQ(batch.bytes, (weights + 80) * 2 + 4 * (one.bytes - (weights + 80) * 2));
}

}  // namespace
}  // namespace glmocr
