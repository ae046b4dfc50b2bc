// 128-bit content hashes (XXH3): keys of the encoder cache, the prefix cache and packed-weight
// files. Not cryptographic; 128 bits make accidental collisions of a cache's lifetime negligible
// (birthday bound 2^-64 at 2^32 keys).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace glmocr {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
  // 32 lower-case hex digits.
  std::string Hex() const;
};

Hash128 HashBytes(const void* data, size_t size_bytes);
// The hash of `data` chained onto `seed` (order matters).
Hash128 HashCombine(const Hash128& seed, const void* data, size_t size_bytes);

struct Hash128Hasher {
  size_t operator()(const Hash128& h) const {
    return static_cast<size_t>(h.low ^ (h.high * 0x9e3779b97f4a7c15ull));
  }
};

}  // namespace glmocr
