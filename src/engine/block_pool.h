// The cache blocks of a model: who uses which, with reference counts. Knows numbers, not memory
// (that is the runner's).
//
// A block is free, in use (references > 0), or kept: unreferenced, but its content is still known
// to the prefix cache. Allocate takes free blocks first, then the kept block that was released
// longest ago, and tells its owner through `on_evict`.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <vector>

namespace glmocr {

class BlockPool {
 public:
  explicit BlockPool(int64_t n_blocks);

  // A block with one reference; nothing when every block is in use.
  std::optional<int32_t> Allocate();
  void Ref(int32_t block);
  // Drops one reference. At zero the block becomes kept if it is marked, else free.
  void Unref(int32_t block);

  // Marks a block in use whose content shall outlive its references.
  void Keep(int32_t block);
  // Called with a kept block before it is given to someone else; it is no longer marked then.
  void set_on_evict(std::function<void(int32_t)> on_evict) { on_evict_ = std::move(on_evict); }

  int64_t n_blocks() const { return static_cast<int64_t>(blocks_.size()); }
  int64_t n_available() const {
    return static_cast<int64_t>(free_.size() + kept_.size());
  }  // Allocate succeeds so many times
  int64_t n_kept() const { return static_cast<int64_t>(kept_.size()); }
  int32_t references(int32_t block) const { return blocks_[static_cast<size_t>(block)].references; }

 private:
  struct Block {
    int32_t references = 0;
    bool keep = false;
    std::list<int32_t>::iterator where;  // in kept_, when references == 0 and keep
  };
  Block& At(int32_t block);

  std::vector<Block> blocks_;
  std::vector<int32_t> free_;
  std::list<int32_t> kept_;  // released longest ago first
  std::function<void(int32_t)> on_evict_;
};

}  // namespace glmocr
