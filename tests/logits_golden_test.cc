// Logits of a fixed picture and prompt against a golden file of the layout that was published for
// the real GLM-OCR weights (tools/parity/make_logits_golden.py describes it): always for the
// starter model, and for the real weights where they are at hand:
//   GLMOCR_REAL_WEIGHTS=DIR   the published model directory
//   GLMOCR_REAL_LOGITS=FILE   the published golden (docs/parity.md says where it is)
// Without these variables the tests of the real weights are skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "models/glm_ocr/inspect.h"
#include "models/glm_ocr/processor.h"
#include "pipeline/trace.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The published golden was computed in fp16 on a GPU and has no bound of its own. docs/parity.md
// derives this one.
constexpr double kFp16MaxError = 0.25;

Image Gradients(int size) {
  Image image(size, size);
  const int last = size - 1;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = static_cast<uint8_t>(255 * x / last);
      pixel[1] = static_cast<uint8_t>(255 * y / last);
      pixel[2] = static_cast<uint8_t>(255 * (x + y) / (2 * last));
    }
  }
  return image;
}

void ExpectLogits(const fs::path& model_dir, const fs::path& golden_file) {
  const auto golden_text = ReadFile(golden_file, 1 << 20);
  ASSERT_TRUE(golden_text.ok()) << golden_text.error().message;
  const json golden = json::parse(*golden_text);

  auto runner =
      GlmOcrRunner::Load(model_dir, {.compute = ComputeChoice::kF32, .cache_tokens = 1024});
  ASSERT_TRUE(runner.ok()) << runner.error().message;
  const GlmOcrConfig& config = (*runner)->model().config();
  const auto processor = GlmOcrProcessor::Load(model_dir, config);
  ASSERT_TRUE(processor.ok()) << processor.error().message;
  const json& token_ids = golden.at("token_ids");
  const auto special = [&](std::string_view content, const char* name) {
    const std::optional<int32_t> id = processor->tokenizer().AddedTokenId(content);
    EXPECT_TRUE(id.has_value()) << content;
    EXPECT_EQ(id.value_or(-1), token_ids.at(name).get<int32_t>()) << content;
    return id.value_or(0);
  };

  auto image = processor->PrepareImage(Gradients(golden.at("config").at("image_size").get<int>()));
  ASSERT_TRUE(image.ok()) << image.error().message;
  ASSERT_EQ(image->n_tokens, golden.at("derived").at("num_image_tokens").get<int64_t>());
  TraceInput input;
  input.input_ids = {special("[gMASK]", "gmask_id"), special("<sop>", "sop_id"),
                     special("<|user|>", "user_id"),
                     special("<|begin_of_image|>", "begin_image_id")};
  image->first_token = static_cast<int64_t>(input.input_ids.size());
  input.input_ids.insert(input.input_ids.end(), static_cast<size_t>(image->n_tokens),
                         special("<|image|>", "image_id"));
  input.input_ids.push_back(special("<|end_of_image|>", "end_image_id"));
  const auto prompt =
      processor->tokenizer().Encode(golden.at("prompt").get<std::string>(), EncodeMode::kPlainText);
  ASSERT_TRUE(prompt.ok());
  input.input_ids.insert(input.input_ids.end(), prompt->begin(), prompt->end());
  ASSERT_EQ(input.input_ids.size(), golden.at("derived").at("seq_len").get<size_t>());
  input.images = {*image};
  input.max_new_tokens = 1;
  const auto trace = Trace(**runner, input);
  ASSERT_TRUE(trace.ok()) << trace.error().message;
  const auto logits = std::find_if(trace->begin(), trace->end(),
                                   [](const TraceTensor& t) { return t.name == "logits"; });
  ASSERT_NE(logits, trace->end());

  const int64_t vocab = logits->shape[1];
  ASSERT_EQ(vocab, golden.at("config").at("vocab_size").get<int64_t>());
  const double bound = golden.value("max_error", kFp16MaxError);
  const auto positions = golden.at("positions").get<std::vector<int64_t>>();
  const auto indices = golden.at("vocab_indices").get<std::vector<int64_t>>();
  const auto slice = golden.at("logits_slice").get<std::vector<std::vector<double>>>();
  double worst = 0;
  for (size_t p = 0; p < positions.size(); ++p) {
    for (size_t i = 0; i < indices.size(); ++i) {
      const double error =
          std::abs(double{logits->f32.at(static_cast<size_t>(positions[p] * vocab + indices[i]))} -
                   slice.at(p).at(i));
      ASSERT_TRUE(std::isfinite(error));
      EXPECT_LE(error, bound) << "position " << positions[p] << ", id " << indices[i];
      worst = std::max(worst, error);
    }
  }
  testing::Test::RecordProperty("largest_error", std::to_string(worst));
  // The best ids: the first is the argmax, each of the others is as good as the one in its place,
  // unless they tie within two bounds.
  const auto top = golden.at("topk_last").get<std::vector<size_t>>();
  const std::vector<float> last(logits->f32.end() - vocab, logits->f32.end());
  std::vector<float> sorted = last;
  std::sort(sorted.rbegin(), sorted.rend());
  for (size_t i = 0; i < top.size(); ++i)
    EXPECT_GE(last.at(top[i]), sorted[i] - 2 * bound) << "best id number " << i;
}

TEST(LogitsGolden, StarterAgrees) {
  const fs::path root = GLMOCR_SOURCE_DIR;
  ExpectLogits(root / "models/starter", root / "tests/golden/logits/starter.json");
}

TEST(RealWeights, HoldEveryPublishedTensor) {
  const char* dir = std::getenv("GLMOCR_REAL_WEIGHTS");
  if (dir == nullptr) GTEST_SKIP() << "GLMOCR_REAL_WEIGHTS names no model directory";
  const auto summary = InspectModel(dir);
  ASSERT_TRUE(summary.ok()) << summary.error().message;
  EXPECT_EQ(summary->tensors.size(), 526u);
  EXPECT_EQ(summary->n_params, 1325258240);
  for (const auto& group : summary->groups) EXPECT_NE(group.name, "other");
}

TEST(RealWeights, AgreeWithThePublishedLogits) {
  const char* dir = std::getenv("GLMOCR_REAL_WEIGHTS");
  const char* file = std::getenv("GLMOCR_REAL_LOGITS");
  if (dir == nullptr || file == nullptr)
    GTEST_SKIP() << "GLMOCR_REAL_WEIGHTS and GLMOCR_REAL_LOGITS are not both set";
  ExpectLogits(dir, file);
}

}  // namespace
}  // namespace glmocr
