// Engine::Validate: everything about a request that can be told before it runs.
#include <cmath>
#include <string>

#include "engine/engine.h"

namespace glmocr {
namespace {

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status CheckSampling(const SamplingParams& p, int64_t vocab_size) {
  // Written so that NaN fails.
  if (!(p.temperature >= 0) || std::isinf(p.temperature))
    return Invalid("temperature must be a number of at least 0 (0 is greedy)");
  if (!(p.top_p > 0 && p.top_p <= 1)) return Invalid("top_p must be above 0 and at most 1");
  if (!(p.min_p >= 0 && p.min_p < 1)) return Invalid("min_p must be at least 0 and below 1");
  if (p.top_k < 0) return Invalid("top_k must be at least 0 (0 is off)");
  if (!(p.repetition_penalty > 0) || std::isinf(p.repetition_penalty))
    return Invalid("repetition_penalty must be above 0 (1 is off)");
  if (!std::isfinite(p.presence_penalty))
    return Invalid("presence_penalty must be a finite number (0 is off)");
  if (!std::isfinite(p.frequency_penalty))
    return Invalid("frequency_penalty must be a finite number (0 is off)");
  if (p.n_top_logprobs > 20) return Invalid("at most 20 top logprobs can be asked for");
  for (const auto& [id, bias] : p.logit_bias) {
    if (id < 0 || id >= vocab_size)
      return Invalid("logit_bias names token " + std::to_string(id) + ", which does not exist");
    if (std::isnan(bias) || bias == std::numeric_limits<float>::infinity()) {
      return Invalid("logit_bias of token " + std::to_string(id) +
                     " must be a finite number or -infinity");
    }
  }
  return OkStatus();
}

Status CheckImages(const Request& request, const RunnerInfo& info) {
  int64_t end = 0;
  for (size_t i = 0; i < request.images.size(); ++i) {
    const ImageInput& image = request.images[i];
    const std::string name = "picture " + std::to_string(i);
    if (image.patches == nullptr) return Invalid(name + " has no pixels");
    if (image.first_token < end || image.n_tokens < 1 ||
        image.first_token + image.n_tokens > static_cast<int64_t>(request.prompt_ids.size())) {
      return Invalid(name + " has no place of its own in the prompt");
    }
    end = image.first_token + image.n_tokens;
    for (int64_t t = image.first_token; t < end; ++t) {
      if (request.prompt_ids[static_cast<size_t>(t)] != info.image_token_id) {
        return Invalid(name + " is not at image placeholders of the prompt (token " +
                       std::to_string(t) + ")");
      }
    }
  }
  return OkStatus();
}

}  // namespace

Status Engine::Validate(const Request& request) const {
  const RunnerInfo& info = runner_.info();
  const auto n_prompt = static_cast<int64_t>(request.prompt_ids.size());
  if (n_prompt == 0) return Invalid("the prompt is empty");
  if (request.max_new_tokens < 1) return Invalid("max_new_tokens must be at least 1");
  if (!request.positions.empty() && static_cast<int64_t>(request.positions.size()) != n_prompt) {
    return Invalid("the prompt has " + std::to_string(n_prompt) + " tokens but " +
                   std::to_string(request.positions.size()) + " positions");
  }
  for (const int32_t id : request.prompt_ids) {
    if (id < 0 || id >= info.vocab_size)
      return Invalid("the prompt holds token " + std::to_string(id) + ", which does not exist");
  }
  if (n_prompt >= info.max_context_tokens) {
    return Error{ErrorCode::kResourceExhausted,
                 "the prompt has " + std::to_string(n_prompt) +
                     " tokens, but the model's context holds " +
                     std::to_string(info.max_context_tokens) +
                     " including the answer; use a smaller picture or a shorter prompt"};
  }
  if (n_prompt >= max_tokens_) {
    return Error{ErrorCode::kResourceExhausted,
                 "the prompt has " + std::to_string(n_prompt) +
                     " tokens, but the cache was made for " + std::to_string(max_tokens_) +
                     " including the answer; use a smaller picture or give the cache more memory"};
  }
  for (const std::string& s : request.stop_strings) {
    if (s.empty()) return Invalid("a stop string is empty");
  }
  if (!request.stop_strings.empty() && !options_.token_bytes)
    return Invalid("stop strings need an engine that knows the tokens' bytes");
  GLM_RETURN_IF_ERROR(CheckSampling(request.sampling, info.vocab_size));
  return CheckImages(request, info);
}

}  // namespace glmocr
