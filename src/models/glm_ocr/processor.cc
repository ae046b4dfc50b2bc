#include "models/glm_ocr/processor.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"

namespace glmocr {
namespace {
constexpr size_t kMaxTemplateBytes = size_t{16} << 20;
}

Result<GlmOcrProcessor> GlmOcrProcessor::Load(const std::filesystem::path& model_dir,
                                              const GlmOcrConfig& config) {
  GLM_ASSIGN(Tokenizer tokenizer, Tokenizer::FromFile(model_dir / "tokenizer.json"));
  GlmOcrProcessor processor(std::move(tokenizer));
  const std::filesystem::path path = model_dir / "preprocessor_config.json";
  GLM_ASSIGN(processor.image_config_, ImageProcessorConfig::FromFile(path));
  const ImageProcessorConfig& images = processor.image_config_;
  const GlmOcrVisionConfig& vision = config.vision;
  if (images.patch_size != vision.patch_size || images.merge_size != vision.spatial_merge_size ||
      images.temporal_patch_size != vision.temporal_patch_size) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format(
            "'{}' and config.json disagree on patch_size, merge_size or temporal_patch_size "
            "(the files belong to different models; download the model again)",
            path.string())};
  }
  if (processor.tokenizer_.vocab_size() > config.text.vocab_size) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}' has {} tokens but config.json says vocab_size {} (the files "
                             "belong to different models)",
                             (model_dir / "tokenizer.json").string(),
                             processor.tokenizer_.vocab_size(), config.text.vocab_size)};
  }
  processor.image_token_id_ = config.image_token_id;
  const auto jinja = ReadFile(model_dir / "chat_template.jinja", kMaxTemplateBytes);
  const auto known = jinja.ok() ? IdentifyChatTemplate(*jinja) : std::nullopt;
  if (known)
    processor.chat_template_ = *known;
  else
    processor.notes_ =
        "chat_template.jinja is absent or not one this program knows; prompts follow GLM-OCR's "
        "published template";
  return processor;
}

ImageInput GlmOcrProcessor::AdoptPatches(Patches patches, int merge_size) {
  ImageInput input;
  const int64_t rows = patches.grid.n_patches();
  const int64_t cols = static_cast<int64_t>(patches.values.size()) / rows;
  auto matrix = std::make_shared<Matrix>(rows, cols);
  std::copy(patches.values.begin(), patches.values.end(), matrix->data());
  input.grid = {patches.grid.t, patches.grid.h, patches.grid.w};
  input.n_tokens = patches.grid.n_tokens(merge_size);
  input.hash = HashCombine(HashBytes(input.grid.data(), sizeof(input.grid)), matrix->data(),
                           static_cast<size_t>(rows * cols) * sizeof(float));
  input.patches = std::move(matrix);
  return input;
}

Result<ImageInput> GlmOcrProcessor::PrepareImage(const Image& image) const {
  GLM_ASSIGN(Patches patches, Preprocess(image, image_config_));
  return AdoptPatches(std::move(patches), image_config_.merge_size);
}

Result<ProcessedPrompt> GlmOcrProcessor::Process(const ChatRequest& chat,
                                                 std::vector<ImageInput> images) const {
  GLM_ASSIGN(ChatPrompt chat_prompt, BuildChatPrompt(tokenizer_, chat_template_, chat));
  MediaTokens media;
  std::vector<std::array<int32_t, 3>> grids;
  for (const ImageInput& image : images) {
    media.image_tokens.push_back(static_cast<size_t>(image.n_tokens));
    grids.push_back(image.grid);
  }
  ProcessedPrompt prompt;
  GLM_ASSIGN(prompt.ids, ExpandMedia(tokenizer_, chat_prompt.ids, media));
  GLM_ASSIGN(prompt.positions,
             ComputePromptPositions(prompt.ids, image_token_id_, grids, image_config_.merge_size));
  auto at = prompt.ids.begin();
  for (ImageInput& image : images) {
    at = std::find(at, prompt.ids.end(), image_token_id_);
    image.first_token = at - prompt.ids.begin();
    at += image.n_tokens;
  }
  prompt.images = std::move(images);
  return prompt;
}

Result<ProcessedPrompt> GlmOcrProcessor::Process(std::vector<ImageInput> images,
                                                 std::string_view instruction) const {
  ChatMessage turn;
  for (size_t i = 0; i < images.size(); ++i) turn.content.push_back(ChatPart::Image());
  if (!instruction.empty()) turn.content.push_back(ChatPart::Text(std::string(instruction)));
  return Process(ChatRequest{.messages = {std::move(turn)}}, std::move(images));
}

}  // namespace glmocr
