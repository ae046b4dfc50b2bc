// API keys: who may call, and how much.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr::server {

using KeyDigest = std::array<unsigned char, 32>;  // SHA-256
KeyDigest DigestOfKey(std::string_view key);
// Shorter ones can be guessed: none is taken, whatever digest a configuration holds.
inline constexpr size_t kMinKeyLength = 16;

struct ApiKey {
  std::string name;  // for logs and metrics; never the key
  KeyDigest digest{};
  double requests_per_minute = 0;  // 0: no bound
  int max_concurrent = 0;          // 0: no bound
};

// Any thread.
class KeyRing {
 public:
  explicit KeyRing(std::vector<ApiKey> keys);
  bool empty() const { return keys_.empty(); }

  // The key's name. Compares digests of equal length with all keys, in constant time, so that
  // neither a key's bytes nor its place in the list show in the time taken.
  std::optional<std::string> Find(std::string_view presented) const;

  // Counts a request of the key. 0: it may go on, and Leave follows at its end; else seconds until
  // it is worth trying again.
  double Enter(const std::string& name);
  void Leave(const std::string& name);

 private:
  struct Use {
    double tokens = 0;  // of a bucket that holds a minute's requests
    std::chrono::steady_clock::time_point filled_at;
    int running = 0;
  };
  const std::vector<ApiKey> keys_;
  std::mutex mutex_;
  std::map<std::string, Use> uses_;
};

}  // namespace glmocr::server
