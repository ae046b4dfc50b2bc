#include "server/keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace glmocr::server {

KeyDigest DigestOfKey(std::string_view key) {
  KeyDigest digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

KeyRing::KeyRing(std::vector<ApiKey> keys) : keys_(std::move(keys)) {
  const auto now = std::chrono::steady_clock::now();
  for (const ApiKey& key : keys_)
    uses_[key.name] = {std::max(1.0, key.requests_per_minute), now, 0};
}

std::optional<std::string> KeyRing::Find(std::string_view presented) const {
  if (presented.size() < kMinKeyLength) return std::nullopt;
  const KeyDigest digest = DigestOfKey(presented);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys_) {
    if (CRYPTO_memcmp(digest.data(), key.digest.data(), digest.size()) == 0) found = &key;
  }
  if (found == nullptr) return std::nullopt;
  return found->name;
}

double KeyRing::Enter(const std::string& name) {
  const auto key =
      std::find_if(keys_.begin(), keys_.end(), [&](const ApiKey& k) { return k.name == name; });
  if (key == keys_.end()) return 0;
  std::lock_guard lock(mutex_);
  Use& use = uses_[name];
  if (key->max_concurrent > 0 && use.running >= key->max_concurrent) return 1;
  if (key->requests_per_minute > 0) {
    const auto now = std::chrono::steady_clock::now();
    const double rate = key->requests_per_minute / 60;
    use.tokens =
        std::min(std::max(1.0, key->requests_per_minute),
                 use.tokens + rate * std::chrono::duration<double>(now - use.filled_at).count());
    use.filled_at = now;
    if (use.tokens < 1) return (1 - use.tokens) / rate;
    use.tokens -= 1;
  }
  ++use.running;
  return 0;
}

void KeyRing::Leave(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto use = uses_.find(name);
  if (use != uses_.end() && use->second.running > 0) --use->second.running;
}

}  // namespace glmocr::server
