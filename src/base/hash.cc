#include "base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace glmocr {

std::string Hash128::Hex() const { return fmt::format("{:016x}{:016x}", high, low); }

Hash128 HashBytes(const void* data, size_t size_bytes) {
  const XXH128_hash_t h = XXH3_128bits(data, size_bytes);
  return {h.low64, h.high64};
}

Hash128 HashCombine(const Hash128& seed, const void* data, size_t size_bytes) {
  const Hash128 parts[2] = {seed, HashBytes(data, size_bytes)};
  return HashBytes(parts, sizeof(parts));
}

}  // namespace glmocr
