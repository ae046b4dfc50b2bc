// The paged key/value cache of all layers of one model: n_blocks blocks of 16 tokens per layer,
// zeroed, touched only when used.
#pragma once

#include <vector>

#include "base/result.h"
#include "kernels/kernels.h"

namespace glmocr {

class KvCache {
 public:
  struct Dims {
    int64_t n_layers = 0;
    int64_t n_blocks = 0;
    int64_t n_kv_heads = 0;
    int64_t head_dim = 0;
    DType dtype = DType::kF32;
  };
  static Result<KvCache> Allocate(const Dims& dims);
  static size_t BytesPerToken(const Dims& dims);

  std::span<const KvLayerView> layers() const { return layers_; }

 private:
  Buffer buffer_;
  std::vector<KvLayerView> layers_;
};

}  // namespace glmocr
