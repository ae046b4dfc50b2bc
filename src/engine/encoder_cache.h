// Vision embeddings by content hash of the picture, so that the same picture in another request, or
// asked about twice, is encoded once. Least recently used entries go when the byte budget is
// exceeded; sequences that still use one keep it alive by their own reference.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>

#include "base/hash.h"
#include "models/model_runner.h"

namespace glmocr {

class EncoderCache {
 public:
  explicit EncoderCache(size_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // Null when absent. A hit becomes the most recently used entry.
  ImageEmbedding Find(const Hash128& key);
  // An embedding larger than the whole budget is not kept.
  void Insert(const Hash128& key, ImageEmbedding embedding);

  size_t size_bytes() const { return size_bytes_; }
  size_t size() const { return index_.size(); }

 private:
  struct Entry {
    Hash128 key;
    ImageEmbedding embedding;
    size_t bytes = 0;
  };
  const size_t budget_bytes_;
  size_t size_bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<Hash128, std::list<Entry>::iterator, Hash128Hasher> index_;
};

}  // namespace glmocr
