#include "engine/encoder_cache.h"

#include <utility>

namespace glmocr {

ImageEmbedding EncoderCache::Find(const Hash128& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->embedding;
}

void EncoderCache::Insert(const Hash128& key, ImageEmbedding embedding) {
  const size_t bytes = static_cast<size_t>(embedding->rows() * embedding->cols()) * sizeof(float);
  if (bytes > budget_bytes_ || index_.contains(key)) return;
  entries_.push_front(Entry{key, std::move(embedding), bytes});
  index_.emplace(key, entries_.begin());
  size_bytes_ += bytes;
  while (size_bytes_ > budget_bytes_) {
    size_bytes_ -= entries_.back().bytes;
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

}  // namespace glmocr
