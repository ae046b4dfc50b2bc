// Finds cache blocks that already hold the beginning of a new prompt.
//
// The key of block i chains the key of block i - 1 with everything that its 16 keys and values
// depend on: token ids, rope positions, and for image placeholders the picture's content hash and
// the row inside the picture. Two pictures with the same placeholder tokens therefore never match.
// Only full blocks of committed tokens are entered; such blocks are never written again, so sharing
// needs no copy. An entry lives until the BlockPool gives its block to someone else.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "engine/block_pool.h"
#include "models/model_runner.h"

namespace glmocr {

enum class PrefixCaching { kOff, kOn };

// One token as the cache content depends on it.
struct PrefixToken {
  int32_t id = 0;
  RopePosition position = {0, 0, 0};
  int64_t image_row = -1;  // row inside the picture, -1 for text
  Hash128 image_hash;      // zero for text
};
// The key of a block of 16 tokens after the block with key `previous` ({} for the first).
Hash128 PrefixBlockKey(const Hash128& previous, std::span<const PrefixToken> tokens);

class PrefixCache {
 public:
  // Becomes the pool's on_evict; `pool` outlives this object.
  PrefixCache(BlockPool& pool, PrefixCaching caching);
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // The longest run of leading keys that are cached, with a reference taken on each returned block.
  std::vector<int32_t> Acquire(std::span<const Hash128> keys);
  // Enters a full block that the caller holds. A key that another block already has is left alone.
  void Insert(const Hash128& key, int32_t block);
  size_t size() const { return block_of_.size(); }

 private:
  BlockPool& pool_;
  const PrefixCaching caching_;
  std::unordered_map<Hash128, int32_t, Hash128Hasher> block_of_;
  std::unordered_map<int32_t, Hash128> key_of_;
};

}  // namespace glmocr
