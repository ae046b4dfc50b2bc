#include "engine/prefix_cache.h"

#include <array>

#include "base/check.h"

namespace glmocr {

Hash128 PrefixBlockKey(const Hash128& previous, std::span<const PrefixToken> tokens) {
  // A flat array of integers per token, so that no padding byte enters the hash.
  std::vector<uint64_t> words;
  words.reserve(tokens.size() * 5);
  for (const PrefixToken& t : tokens) {
    const auto half = [](int32_t v) { return static_cast<uint64_t>(static_cast<uint32_t>(v)); };
    words.push_back(half(t.id) << 32 | half(t.position[0]));
    words.push_back(half(t.position[1]) << 32 | half(t.position[2]));
    words.push_back(static_cast<uint64_t>(t.image_row));
    words.push_back(t.image_hash.low);
    words.push_back(t.image_hash.high);
  }
  return HashCombine(previous, words.data(), words.size() * sizeof(uint64_t));
}

PrefixCache::PrefixCache(BlockPool& pool, PrefixCaching caching) : pool_(pool), caching_(caching) {
  pool_.set_on_evict([this](int32_t block) {
    const auto found = key_of_.find(block);
    GLM_CHECK(found != key_of_.end());
    block_of_.erase(found->second);
    key_of_.erase(found);
  });
}

std::vector<int32_t> PrefixCache::Acquire(std::span<const Hash128> keys) {
  std::vector<int32_t> blocks;
  for (const Hash128& key : keys) {
    const auto found = block_of_.find(key);
    if (found == block_of_.end()) break;
    pool_.Ref(found->second);
    blocks.push_back(found->second);
  }
  return blocks;
}

void PrefixCache::Insert(const Hash128& key, int32_t block) {
  if (caching_ == PrefixCaching::kOff || key_of_.contains(block)) return;
  if (!block_of_.emplace(key, block).second) return;
  key_of_.emplace(block, key);
  pool_.Keep(block);
}

}  // namespace glmocr
