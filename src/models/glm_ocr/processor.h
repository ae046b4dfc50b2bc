// From pictures and an instruction to what the engine runs: token ids, rope positions, patches. The
// native counterpart of the reference's AutoProcessor: tokenizer.json, preprocessor_config.json and
// chat_template.jinja of the model's directory.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "media/image.h"
#include "media/image_processor.h"
#include "models/glm_ocr/config.h"
#include "models/glm_ocr/positions.h"
#include "models/model_runner.h"
#include "tokenizer/chat_prompt.h"
#include "tokenizer/tokenizer.h"

namespace glmocr {

struct ProcessedPrompt {
  std::vector<int32_t> ids;
  PromptPositions positions;
  std::vector<ImageInput> images;
};

class GlmOcrProcessor {
 public:
  // Errors name the file; an unknown chat template is not one (notes() tells).
  static Result<GlmOcrProcessor> Load(const std::filesystem::path& model_dir,
                                      const GlmOcrConfig& config);

  // Resized, normalised patches of one picture with its place in a prompt still open (first_token
  // 0).
  Result<ImageInput> PrepareImage(const Image& image) const;
  // The same from patches made elsewhere: values [grid.n_patches(), patch columns].
  static ImageInput AdoptPatches(Patches patches, int merge_size);

  // A chat with the pictures in order of its image parts.
  Result<ProcessedPrompt> Process(const ChatRequest& chat, std::vector<ImageInput> images) const;
  // One user turn: the pictures, then `instruction`, as GLM-OCR is asked to read.
  Result<ProcessedPrompt> Process(std::vector<ImageInput> images,
                                  std::string_view instruction) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const ImageProcessorConfig& image_config() const { return image_config_; }
  // Pixels of the largest picture the model takes without shrinking it.
  int64_t max_image_pixels() const {
    return image_config_.longest_edge / image_config_.temporal_patch_size;
  }
  const std::string& notes() const { return notes_; }

 private:
  explicit GlmOcrProcessor(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  Tokenizer tokenizer_;
  ImageProcessorConfig image_config_;
  ChatTemplate chat_template_ = ChatTemplate::kGlmOcr;
  int32_t image_token_id_ = -1;
  std::string notes_;
};

}  // namespace glmocr
