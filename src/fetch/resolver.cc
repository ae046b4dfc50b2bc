#include <fmt/format.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/untrusted_text.h"
#include "fetch/fetch.h"

namespace glmocr {
namespace {

using Clock = std::chrono::steady_clock;

// getaddrinfo may wait for dead name servers far beyond the caller's deadline; more such threads
// than this are refused.
constexpr int kMaxPending = 64;

struct Lookup {
  std::mutex mutex;
  std::condition_variable done;
  std::optional<Result<std::vector<IpAddress>>> answer;
};

Result<std::vector<IpAddress>> GetAddresses(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    return Error{ErrorCode::kIo, fmt::format("{} cannot be resolved: {}", QuoteUntrusted(host),
                                             ::gai_strerror(status))};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> free_found(found, ::freeaddrinfo);
  std::vector<IpAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const auto address = IpAddress::FromSockaddr(at->ai_addr, at->ai_addrlen);
    if (!address) {
      return Error{ErrorCode::kIo,
                   fmt::format("{} has an address with a scope", QuoteUntrusted(host))};
    }
    addresses.push_back(*address);
  }
  return addresses;
}

class System : public Resolver {
 public:
  Result<std::vector<IpAddress>> Resolve(const std::string& host, double timeout_s,
                                         const std::function<bool()>& cancelled) override {
    const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_s);
    const auto lookup = std::make_shared<Lookup>();
    const auto pending = pending_;
    if (pending->fetch_add(1) >= kMaxPending) {
      pending->fetch_sub(1);
      return Error{ErrorCode::kIo, "too many names are being resolved"};
    }
    try {
      std::thread([host, lookup, pending] {
        auto answer = GetAddresses(host);
        pending->fetch_sub(1);
        const std::lock_guard lock(lookup->mutex);
        lookup->answer = std::move(answer);
        lookup->done.notify_all();
      }).detach();
    } catch (const std::system_error&) {
      pending->fetch_sub(1);
      return Error{ErrorCode::kIo, "no thread to resolve names with"};
    }
    std::unique_lock lock(lookup->mutex);
    while (!lookup->answer) {
      if (cancelled && cancelled())
        return Error{ErrorCode::kCancelled, "cancelled while a name was resolved"};
      if (Clock::now() >= deadline) {
        return Error{ErrorCode::kCancelled,
                     fmt::format("{} was not resolved in time", QuoteUntrusted(host))};
      }
      lookup->done.wait_for(lock, std::chrono::milliseconds(50));
    }
    return *std::move(lookup->answer);
  }

 private:
  // Shared with threads that may outlive the program's end.
  const std::shared_ptr<std::atomic<int>> pending_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace

Resolver& SystemResolver() {
  static System resolver;
  return resolver;
}

}  // namespace glmocr
