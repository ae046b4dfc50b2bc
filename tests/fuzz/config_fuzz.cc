// Any bytes as config.json, and what follows the first zero byte as generation_config.json: no
// crash, and every configuration that is accepted has the invariants that the model relies on.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "models/glm_ocr/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = bytes.find('\0');
  const std::string_view generation = cut == std::string_view::npos ? "" : bytes.substr(cut + 1);
  const glmocr::Result<glmocr::GlmOcrConfig> config =
      glmocr::GlmOcrConfig::FromJson(bytes.substr(0, cut), generation, "fuzz");
  if (!config.ok()) {
    GLM_CHECK(!config.error().message.empty());
    return 0;
  }
  const glmocr::GlmOcrTextConfig& text = config->text;
  GLM_CHECK(text.num_attention_heads > 0 &&
            text.num_attention_heads % text.num_key_value_heads == 0);
  GLM_CHECK(text.head_dim > 0 && text.head_dim % 16 == 0 && text.rotary_dim() <= text.head_dim);
  GLM_CHECK(2 * (text.mrope_section[0] + text.mrope_section[1] + text.mrope_section[2]) ==
            text.rotary_dim());
  GLM_CHECK(text.hidden_size > 0 && text.vocab_size > 0 && text.rope_theta > 0 &&
            text.rms_norm_eps > 0);
  GLM_CHECK(config->vision.head_dim() > 0 && config->vision.head_dim() % 16 == 0);
  GLM_CHECK(config->vision.patch_columns() == 1176 &&
            config->vision.out_hidden_size == text.hidden_size);
  GLM_CHECK(!config->eos_token_ids.empty());
  for (const int32_t id : config->eos_token_ids) GLM_CHECK(id >= 0 && id < text.vocab_size);
  GLM_CHECK(config->image_token_id >= 0 && config->image_token_id < text.vocab_size);
  GLM_CHECK(config->KvBytesPerToken(4) > 0 && config->MtpKvBytesPerToken(4) >= 0);
  return 0;
}
