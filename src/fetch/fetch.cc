#include "fetch/fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <utility>

#include "base/untrusted_text.h"
#include "fetch/target.h"

namespace glmocr {
namespace {

using Clock = std::chrono::steady_clock;
using fetch::Url;

constexpr size_t kMaxHeaderBytes = size_t{64} << 10;
constexpr int kPollMs = 50;

// Thread-safe since libcurl 7.84.
bool InitCurl() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

bool IsRedirect(long status) {  // NOLINT(google-runtime-int)
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiFree {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One answer for an address that is refused and one that nobody answers at: it maps no network. Of
// the client's, who must not try again as after a failure of the server.
Error Unreachable() {
  return {ErrorCode::kInvalidArgument,
          "the file could not be fetched (this server's log says why)"};
}

// One request to one checked address.
class Hop {
 public:
  Hop(const Url& url, const std::vector<IpAddress>& addresses, const FetchPolicy& policy)
      : url_(url), addresses_(addresses), policy_(policy) {}
  Hop(const Hop&) = delete;
  Hop& operator=(const Hop&) = delete;

  enum class End { kAnswered, kTooLarge, kTimeout, kCancelled, kFailed, kNoMemory };
  End Run(Clock::time_point deadline, const std::function<bool()>& cancelled) {
    easy_.reset(curl_easy_init());
    multi_.reset(curl_multi_init());
    if (!easy_ || !multi_ || !Configure(deadline)) return End::kNoMemory;
    if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) return End::kNoMemory;
    const End end = Transfer(deadline, cancelled);
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return end;
  }

  long status() const {  // NOLINT(google-runtime-int)
    long status = 0;     // NOLINT(google-runtime-int)
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
  // Of a redirect: what the one Location header says, or empty.
  std::string location() const {
    curl_header* header = nullptr;
    if (curl_easy_header(easy_.get(), "location", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        header->amount != 1)
      return {};
    return header->value;
  }
  std::string TakeBody() { return std::move(body_); }
  // For the log.
  std::string what() const { return what_; }
  std::string connected_to() const { return connected_to_; }

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    ok_ &= curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
  }

  bool Configure(Clock::time_point deadline) {
    const auto milliseconds = [](double seconds) {
      return static_cast<long>(seconds * 1000) + 1;  // NOLINT(google-runtime-int)
    };
    const std::chrono::duration<double> left = deadline - Clock::now();
    Set(CURLOPT_CURLU, url_.handle.get());
    Set(CURLOPT_PROTOCOLS_STR, policy_.allow_http ? "http,https" : "https");
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_NOSIGNAL, 1L);
    // "" is no proxy, also against the environment's.
    Set(CURLOPT_PROXY, "");
    Set(CURLOPT_NOPROXY, "*");
    Set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));  // NOLINT(google-runtime-int)
    Set(CURLOPT_HTTP_VERSION,
        static_cast<long>(CURL_HTTP_VERSION_1_1));  // NOLINT(google-runtime-int)
    Set(CURLOPT_HTTP09_ALLOWED, 0L);
    Set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    Set(CURLOPT_USERAGENT, "glm-ocr");
    Set(CURLOPT_SSL_VERIFYPEER, 1L);
    Set(CURLOPT_SSL_VERIFYHOST, 2L);
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));  // NOLINT
    if (!policy_.ca_file.empty()) {
      Set(CURLOPT_CAINFO, policy_.ca_file.c_str());
      Set(CURLOPT_CAPATH, nullptr);
    }
    Set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(policy_.connect_timeout_s));
    Set(CURLOPT_TIMEOUT_MS, milliseconds(std::max(0.0, left.count())));
    Set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(policy_.min_bytes_per_s));  // NOLINT
    Set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(policy_.slow_limit_s));      // NOLINT
    Set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(policy_.max_bytes));
    Set(CURLOPT_ERRORBUFFER, error_text_);
    Set(CURLOPT_WRITEFUNCTION, &Hop::OnBody);
    Set(CURLOPT_WRITEDATA, this);
    Set(CURLOPT_HEADERFUNCTION, &Hop::OnHeader);
    Set(CURLOPT_HEADERDATA, this);
    Set(CURLOPT_OPENSOCKETFUNCTION, &Hop::OnOpenSocket);
    Set(CURLOPT_OPENSOCKETDATA, this);
    Pin();
    return ok_;
  }

  // libcurl's answer to the host's name is ours, so it asks nobody. What it then does with it is
  // checked in OnOpenSocket.
  void Pin() {
    std::string entry = fmt::format("{}:{}:", url_.host, url_.port);
    if (IpAddress::Parse(url_.host)) return;  // nothing to look up
    for (size_t i = 0; i < addresses_.size(); ++i) {
      const bool v6 = addresses_[i].family == AF_INET6;
      entry += fmt::format("{}{}{}{}", i > 0 ? "," : "", v6 ? "[" : "", addresses_[i].ToString(),
                           v6 ? "]" : "");
    }
    resolve_.reset(curl_slist_append(nullptr, entry.c_str()));
    ok_ &= resolve_ != nullptr;
    Set(CURLOPT_RESOLVE, resolve_.get());
  }

  End Transfer(Clock::time_point deadline, const std::function<bool()>& cancelled) {
    for (;;) {
      int running = 0;
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return Failed("multi interface");
      if (running == 0) break;
      if (cancelled && cancelled()) return End::kCancelled;
      if (Clock::now() >= deadline) return End::kTimeout;
      if (curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr) != CURLM_OK)
        return Failed("multi interface");
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
    if (message == nullptr || message->msg != CURLMSG_DONE) return Failed("no result");
    const CURLcode code = message->data.result;
    if (stop_ != End::kAnswered) return stop_;
    if (code == CURLE_OK || whole_) return End::kAnswered;
    // By what Content-Length says.
    if (code == CURLE_FILESIZE_EXCEEDED) return status() == 200 ? End::kTooLarge : End::kAnswered;
    if (code == CURLE_OPERATION_TIMEDOUT) {
      what_ = error_text_;
      return End::kTimeout;
    }
    return Failed(error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code));
  }

  End Failed(std::string_view what) {
    if (what_.empty()) what_ = what;
    return End::kFailed;
  }

  size_t Stop(End why) {
    stop_ = why;
    return 0;  // ends the transfer
  }

  static size_t OnBody(const char* bytes, size_t, size_t n, void* self_pointer) {
    auto* self = static_cast<Hop*>(self_pointer);
    // Of other answers nothing is wanted, and no more is read.
    if (self->status() != 200) {
      self->whole_ = true;
      return 0;
    }
    if (n > self->policy_.max_bytes - self->body_.size()) return self->Stop(End::kTooLarge);
    try {
      self->body_.append(bytes, n);
    } catch (const std::bad_alloc&) {
      return self->Stop(End::kNoMemory);
    }
    return n;
  }

  static size_t OnHeader(const char*, size_t, size_t n, void* self_pointer) {
    auto* self = static_cast<Hop*>(self_pointer);
    self->header_bytes_ += n;
    if (self->header_bytes_ > kMaxHeaderBytes) {
      self->what_ = "more than 64 KiB of headers";
      return self->Stop(End::kFailed);
    }
    return n;
  }

  // The last gate: only a checked address and the URL's port, over TCP.
  static curl_socket_t OnOpenSocket(void* self_pointer, curlsocktype purpose,
                                    struct curl_sockaddr* to) {
    auto* self = static_cast<Hop*>(self_pointer);
    const auto address = IpAddress::FromSockaddr(&to->addr, to->addrlen);
    // The port has the same place in both families.
    const int port = ntohs(reinterpret_cast<const sockaddr_in*>(&to->addr)->sin_port);
    const bool checked = address && std::find(self->addresses_.begin(), self->addresses_.end(),
                                              *address) != self->addresses_.end();
    if (purpose != CURLSOCKTYPE_IPCXN || !checked || port != self->url_.port ||
        to->socktype != SOCK_STREAM) {
      self->what_ = "a connection to an address that was not checked was refused";
      return CURL_SOCKET_BAD;
    }
    self->connected_to_ = address->ToString();
    return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  const Url& url_;
  const std::vector<IpAddress>& addresses_;
  const FetchPolicy& policy_;
  // Before the handles that use them, so that they go after them.
  char error_text_[CURL_ERROR_SIZE] = {};
  std::unique_ptr<curl_slist, ListFree> resolve_;
  std::unique_ptr<CURL, EasyFree> easy_;
  std::unique_ptr<CURLM, MultiFree> multi_;
  bool ok_ = true;
  std::string body_, what_, connected_to_;
  size_t header_bytes_ = 0;
  End stop_ = End::kAnswered;
  bool whole_ = false;  // the rest of the body is not wanted
};

class Fetching {
 public:
  Fetching(const FetchPolicy& policy, const FetchHooks& hooks)
      : policy_(policy),
        hooks_(hooks),
        resolver_(hooks.resolver != nullptr ? *hooks.resolver : SystemResolver()),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(policy.timeout_s))) {}

  Result<std::string> Run(std::string_view text) {
    GLM_ASSIGN(Url url, fetch::ParseUrl(text, policy_));
    for (int redirects = 0;; ++redirects) {
      const std::chrono::duration<double> left = deadline_ - Clock::now();
      if (left.count() <= 0) return TimedOut();
      auto addresses =
          fetch::ResolveTarget(url, policy_, resolver_, left.count(), hooks_.cancelled);
      if (!addresses.ok()) {
        Log(url, addresses.error().message);
        if (addresses.error().code != ErrorCode::kCancelled) return Unreachable();
        return hooks_.cancelled && hooks_.cancelled() ? Cancelled() : TimedOut();
      }
      Hop hop(url, *addresses, policy_);
      const Hop::End end = hop.Run(deadline_, hooks_.cancelled);
      if (end != Hop::End::kAnswered) return Explain(end, url, hop);
      const long status = hop.status();  // NOLINT(google-runtime-int)
      Log(url, fmt::format("answered {} from {}", status, hop.connected_to()));
      if (status == 200) return hop.TakeBody();
      if (!IsRedirect(status)) {
        return Error{ErrorCode::kIo,
                     fmt::format("the host of the URL answered with status {}", status)};
      }
      if (redirects >= policy_.max_redirects) {
        return Error{ErrorCode::kIo,
                     fmt::format("the URL redirects more often than the limit of {}",
                                 policy_.max_redirects)};
      }
      auto next = fetch::ParseUrl(hop.location(), policy_, &url);
      if (!next.ok()) {
        Log(url, fmt::format("redirects to {}: {}", QuoteUntrusted(hop.location()),
                             next.error().message));
        return Error{ErrorCode::kInvalidArgument,
                     "the URL redirects to an address that is not accepted"};
      }
      url = *std::move(next);
    }
  }

 private:
  Error TimedOut() const {
    return {ErrorCode::kCancelled, fmt::format("the file was not fetched within the limit of {:g} "
                                               "seconds, or its host was too slow",
                                               policy_.timeout_s)};
  }
  static Error Cancelled() { return {ErrorCode::kCancelled, "fetching was cancelled"}; }

  Error Explain(Hop::End end, const Url& url, const Hop& hop) const {
    switch (end) {
      case Hop::End::kTooLarge:
        Log(url, fmt::format("larger than {} bytes", policy_.max_bytes));
        return {ErrorCode::kResourceExhausted,
                fmt::format("the file is larger than the limit of {} bytes", policy_.max_bytes)};
      case Hop::End::kTimeout:
        Log(url, fmt::format("too slow: {}", hop.what()));
        return TimedOut();
      case Hop::End::kCancelled:
        return Cancelled();
      case Hop::End::kNoMemory:
        return {ErrorCode::kOutOfMemory, "not enough memory to fetch the file"};
      case Hop::End::kAnswered:
      case Hop::End::kFailed:
        break;
    }
    Log(url, hop.what());
    return Unreachable();
  }

  // Not the path and query, which may hold secrets of the client.
  void Log(const Url& url, std::string_view what) const {
    if (!hooks_.log) return;
    std::string line =
        fmt::format("fetch {}://{}:{}: ", url.https ? "https" : "http", url.host, url.port);
    for (const char c : what) line += c >= 0x20 && c < 0x7f ? c : '?';
    hooks_.log(line);
  }

  const FetchPolicy& policy_;
  const FetchHooks& hooks_;
  Resolver& resolver_;
  const Clock::time_point deadline_;
};

}  // namespace

Result<std::string> Fetch(std::string_view url, const FetchPolicy& policy,
                          const FetchHooks& hooks) {
  if (!policy.enabled)
    return Error{ErrorCode::kUnsupported, "this server does not fetch URLs (send the file itself)"};
  GLM_RETURN_IF_ERROR(CheckFetchPolicy(policy));
  if (!InitCurl()) return Unreachable();
  return Fetching(policy, hooks).Run(url);
}

}  // namespace glmocr
