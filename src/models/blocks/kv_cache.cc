#include "models/blocks/kv_cache.h"

#include <cstring>

namespace glmocr {

size_t KvCache::BytesPerToken(const Dims& d) {
  return static_cast<size_t>(2 * d.n_layers * d.n_kv_heads * d.head_dim) * DTypeBytes(d.dtype);
}

Result<KvCache> KvCache::Allocate(const Dims& d) {
  KvCache cache;
  const size_t bytes = BytesPerToken(d) * static_cast<size_t>(d.n_blocks * kKvBlock);
  GLM_ASSIGN(cache.buffer_, Buffer::AllocateZeroed(bytes, "the key/value cache"));
  const size_t layer_bytes = bytes / static_cast<size_t>(d.n_layers);
  for (int64_t i = 0; i < d.n_layers; ++i) {
    cache.layers_.push_back({.data = cache.buffer_.data() + static_cast<size_t>(i) * layer_bytes,
                             .dtype = d.dtype,
                             .n_blocks = d.n_blocks,
                             .n_kv_heads = d.n_kv_heads,
                             .head_dim = d.head_dim});
  }
  return cache;
}

}  // namespace glmocr
