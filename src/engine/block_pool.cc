#include "engine/block_pool.h"

#include "base/check.h"

namespace glmocr {

BlockPool::BlockPool(int64_t n_blocks) : blocks_(static_cast<size_t>(n_blocks)) {
  free_.reserve(blocks_.size());
  for (int64_t b = n_blocks - 1; b >= 0; --b)
    free_.push_back(static_cast<int32_t>(b));  // block 0 goes first
}

BlockPool::Block& BlockPool::At(int32_t block) {
  GLM_CHECK(block >= 0 && block < n_blocks());
  return blocks_[static_cast<size_t>(block)];
}

std::optional<int32_t> BlockPool::Allocate() {
  int32_t block = 0;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else if (!kept_.empty()) {
    block = kept_.front();
    kept_.pop_front();
    At(block).keep = false;
    if (on_evict_) on_evict_(block);
  } else {
    return std::nullopt;
  }
  GLM_CHECK(At(block).references == 0 && !At(block).keep);
  At(block).references = 1;
  return block;
}

void BlockPool::Ref(int32_t block) {
  Block& b = At(block);
  if (b.references == 0) {
    GLM_CHECK(b.keep);  // a free block has no content that anyone could share
    kept_.erase(b.where);
  }
  ++b.references;
}

void BlockPool::Unref(int32_t block) {
  Block& b = At(block);
  GLM_CHECK(b.references > 0);
  if (--b.references > 0) return;
  if (b.keep) {
    b.where = kept_.insert(kept_.end(), block);
  } else {
    free_.push_back(block);
  }
}

void BlockPool::Keep(int32_t block) {
  GLM_CHECK(At(block).references > 0);
  At(block).keep = true;
}

}  // namespace glmocr
