// A small HTTP server on a loopback address, for tests: it says what a test's function says, right
// or wrong.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace glmocr {

class TestServer {
 public:
  // Sends bytes; false when the client is gone or the server ends.
  using Send = std::function<bool(std::string_view)>;
  // Called with the whole request head on a connection's own thread; the connection closes after.
  using Handler = std::function<void(const std::string& head, const Send& send)>;

  explicit TestServer(Handler handler, const char* address = "127.0.0.1", int port = 0)
      : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<uint16_t>(port));
    GLM_CHECK(::inet_pton(AF_INET, address, &at.sin_addr) == 1);
    GLM_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0);
    GLM_CHECK(::listen(listener_, 16) == 0);
    socklen_t length = sizeof(at);
    GLM_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length) == 0);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~TestServer() {
    ends_ = true;
    acceptor_.join();
    for (std::thread& thread : connections_) thread.join();
    ::close(listener_);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  int port() const { return port_; }
  int n_connections() const { return n_connections_; }
  bool ends() const { return ends_; }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  void Accept() {
    while (!ends_) {
      pollfd wait{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      ++n_connections_;
      connections_.emplace_back([this, client] { Serve(client); });
    }
  }

  void Serve(int client) {
    std::string head;
    char chunk[4096];
    while (!ends_ && head.find("\r\n\r\n") == std::string::npos) {
      pollfd wait{.fd = client, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      const ssize_t got = ::recv(client, chunk, sizeof(chunk), 0);
      if (got <= 0) break;
      head.append(chunk, static_cast<size_t>(got));
    }
    {
      const std::lock_guard lock(mutex_);
      heads_.push_back(head);
    }
    handler_(head, [&](std::string_view bytes) {
      while (!bytes.empty()) {
        if (ends_) return false;
        pollfd wait{.fd = client, .events = POLLOUT, .revents = 0};
        if (::poll(&wait, 1, 20) <= 0) continue;
        const ssize_t sent =
            ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(sent));
      }
      return true;
    });
    ::close(client);
  }

  const Handler handler_;
  const int listener_;
  int port_ = 0;
  std::atomic<bool> ends_{false};
  std::atomic<int> n_connections_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace glmocr
