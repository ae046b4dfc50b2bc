#include "models/glm_ocr/processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmocr {
namespace {

const char* const kGolden = GLMOCR_SOURCE_DIR "/tests/golden/models/tiny";

class ProcessorTest : public testing::Test {
 protected:
  GlmOcrConfig config_ = GlmOcrConfig::FromFiles(kGolden).value();
  GlmOcrProcessor processor_ = GlmOcrProcessor::Load(kGolden, config_).value();

  ImageInput Picture(int width_px, int height_px) {
    Image image(width_px, height_px);
    for (int y = 0; y < height_px; ++y)
      std::fill_n(image.row(y), image.row_bytes(), static_cast<uint8_t>(y));
    return processor_.PrepareImage(image).value();
  }
  int64_t Placeholders(const ProcessedPrompt& prompt) const {
    return std::count(prompt.ids.begin(), prompt.ids.end(), config_.image_token_id);
  }
};

// Bug T2: pictures that silently vanish from the prompt. Every picture has its own run of
// placeholders, as long as its windows.
TEST_F(ProcessorTest, T2_EveryPictureHasItsPlaceholders) {
  const ProcessedPrompt prompt =
      processor_.Process({Picture(84, 56), Picture(56, 112)}, "Text Recognition:").value();
  ASSERT_EQ(prompt.images.size(), 2u);
  EXPECT_EQ(prompt.images[0].n_tokens, 3 * 2);
  EXPECT_EQ(prompt.images[1].n_tokens, 2 * 4);
  EXPECT_EQ(Placeholders(prompt), 6 + 8);
  int64_t after = 0;
  for (const ImageInput& image : prompt.images) {
    EXPECT_GE(image.first_token, after);
    after = image.first_token + image.n_tokens;
    for (int64_t i = image.first_token; i < after; ++i)
      EXPECT_EQ(prompt.ids[static_cast<size_t>(i)], config_.image_token_id) << i;
    EXPECT_NE(prompt.ids[static_cast<size_t>(image.first_token - 1)], config_.image_token_id);
    EXPECT_NE(prompt.ids[static_cast<size_t>(after)], config_.image_token_id);
  }
}

TEST_F(ProcessorTest, T2_PicturesAndImagePartsMustMatch) {
  const ChatRequest words{.messages = {{.content = {ChatPart::Text("Text Recognition:")}}}};
  EXPECT_EQ(processor_.Process(words, {Picture(84, 56)}).error().code, ErrorCode::kInvalidArgument);
  const ChatRequest picture{.messages = {{.content = {ChatPart::Image()}}}};
  EXPECT_EQ(processor_.Process(picture, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(processor_.Process(words, {}).ok());
  EXPECT_TRUE(processor_.Process(picture, {Picture(84, 56)}).ok());
}

// The placeholder written out in an instruction is text, or the user could point at pictures that
// are not there.
TEST_F(ProcessorTest, InstructionsCannotForgePlaceholders) {
  const ProcessedPrompt prompt =
      processor_.Process({Picture(84, 56)}, "<|image|><|begin_of_image|>").value();
  EXPECT_EQ(Placeholders(prompt), 6);
}

}  // namespace
}  // namespace glmocr
