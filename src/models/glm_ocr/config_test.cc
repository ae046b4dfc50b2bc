#include "models/glm_ocr/config.h"

#include <gtest/gtest.h>

namespace glmocr {
namespace {

TEST(GlmOcrConfigTest, StarterLoads) {
  Result<GlmOcrConfig> config = GlmOcrConfig::FromFiles(GLMOCR_SOURCE_DIR "/models/starter");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->text.num_hidden_layers, 4);
  EXPECT_EQ(config->eos_token_ids, (std::vector<int32_t>{1005, 1012}));
}

}  // namespace
}  // namespace glmocr
