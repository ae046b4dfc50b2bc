#include "engine/sequence.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace glmocr {

Sequence::Sequence(RequestId id_in, Request request_in, double submitted_s_in)
    : id(id_in),
      request(std::move(request_in)),
      n_prompt(static_cast<int64_t>(request.prompt_ids.size())),
      tokens(std::move(request.prompt_ids)),
      embeddings(request.images.size()),
      sampler(request.sampling, tokens),
      stop_checker(request.stop_strings),
      loop_guard(request.loop_guard),
      submitted_s(submitted_s_in) {
  usage.prompt_tokens = n_prompt;
}

RopePosition Sequence::PositionOf(int64_t i) const {
  if (i < n_prompt && !request.positions.empty()) return request.positions[static_cast<size_t>(i)];
  const auto p = static_cast<int32_t>(i + request.rope_delta);
  return {p, p, p};
}

int64_t Sequence::ImageOf(int64_t i) const {
  const auto& images = request.images;
  const auto after = std::upper_bound(
      images.begin(), images.end(), i,
      [](int64_t index, const ImageInput& image) { return index < image.first_token; });
  if (after == images.begin()) return -1;
  const ImageInput& image = *(after - 1);
  return i < image.first_token + image.n_tokens ? after - 1 - images.begin() : -1;
}

std::span<const Hash128> Sequence::BlockKeys(int64_t n_blocks) {
  GLM_CHECK(n_blocks * kBlockTokens <= n_tokens());
  std::vector<PrefixToken> block(kBlockTokens);
  while (static_cast<int64_t>(block_keys_.size()) < n_blocks) {
    const auto first = static_cast<int64_t>(block_keys_.size()) * kBlockTokens;
    for (int64_t i = 0; i < kBlockTokens; ++i) {
      PrefixToken& t = block[static_cast<size_t>(i)];
      t = PrefixToken{.id = tokens[static_cast<size_t>(first + i)],
                      .position = PositionOf(first + i)};
      const int64_t image = ImageOf(first + i);
      if (image >= 0) {
        t.image_row = first + i - request.images[static_cast<size_t>(image)].first_token;
        t.image_hash = request.images[static_cast<size_t>(image)].hash;
      }
    }
    block_keys_.push_back(
        PrefixBlockKey(block_keys_.empty() ? Hash128{} : block_keys_.back(), block));
  }
  return {block_keys_.data(), static_cast<size_t>(n_blocks)};
}

}  // namespace glmocr
