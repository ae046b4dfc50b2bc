#include "server/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

namespace glmocr::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

// A connection that sends and receives bytes, nothing more.
class Wire {
 public:
  explicit Wire(uint16_t port, int receive_buffer = 0) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0)
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Wire() { close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // What comes until `until` stands in it, the connection ends, or 10 seconds have passed.
  std::string Read(const std::string& until = "") {
    std::string got;
    const auto end = Clock::now() + std::chrono::seconds(10);
    char buffer[65536];
    while ((until.empty() || got.find(until) == std::string::npos) && Clock::now() < end) {
      pollfd poll_fd = {fd_, POLLIN, 0};
      if (poll(&poll_fd, 1, 100) == 0) continue;
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) {
        closed_ = true;
        break;
      }
      got.append(buffer, static_cast<size_t>(n));
    }
    return got;
  }
  bool closed() const { return closed_; }

 private:
  int fd_;
  bool closed_ = false;
};

// A server whose routes are named by the path: /echo answers the body; /hold keeps the responder.
struct TestServer {
  explicit TestServer(HttpLimits limits = {}) {
    auto started =
        HttpServer::Start({.port = 0, .limits = limits},
                          {.on_header =
                               [](HttpRequest& request) {
                                 if (request.path == "/denied")
                                   return HeaderVerdict(HttpResponse{.status = 403, .body = "no"});
                                 return HeaderVerdict(BodyLimit{1000});
                               },
                           .on_request =
                               [this](std::shared_ptr<const HttpRequest> request,
                                      std::shared_ptr<Responder> responder) {
                                 if (request->path == "/drop") return;
                                 if (request->path == "/hold") {
                                   std::lock_guard lock(mutex);
                                   responder->OnGone([this] { Note("gone"); });
                                   held.push_back(std::move(responder));
                                   changed.notify_all();
                                   return;
                                 }
                                 responder->Send({.content_type = "text/plain",
                                                  .body = request->method + " " + request->target +
                                                          " " + request->body});
                               },
                           .on_done = [this](const HttpRequest&, int status, size_t,
                                             double) { Note("done " + std::to_string(status)); }});
    EXPECT_TRUE(started.ok());
    server = std::move(*started);
  }
  void Note(const std::string& what) {
    std::lock_guard lock(mutex);
    notes.push_back(what);
    changed.notify_all();
  }
  std::shared_ptr<Responder> WaitHeld() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(10), [&] { return !held.empty(); });
    if (held.empty()) return nullptr;
    auto responder = held.back();
    held.pop_back();
    return responder;
  }
  bool WaitFor(const std::string& note) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), [&] {
      return std::find(notes.begin(), notes.end(), note) != notes.end();
    });
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::shared_ptr<Responder>> held;
  std::vector<std::string> notes;
  std::unique_ptr<HttpServer> server;  // last: its thread ends first
};

TEST(HttpServer, AnswersRequestAfterRequestOnOneConnection) {
  TestServer s;
  Wire wire(s.server->port());
  for (int i = 0; i < 3; ++i) {
    wire.Send("POST /echo?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const std::string answer = wire.Read("POST /echo?x=1 hello");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Request-Id: "));
  }
  wire.Send("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(wire.Read(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(wire.closed());
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  TestServer s;
  Wire wire(s.server->port());
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "GET /echo?" + std::to_string(i) + "; HTTP/1.1\r\nHost: a\r\n\r\n";
  wire.Send(all);
  const std::string answers = wire.Read("?49; ");
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find("?" + std::to_string(i) + "; ", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(HttpServer, ReadsChunkedBodiesAndWaitsForContinue) {
  TestServer s;
  Wire wire(s.server->port());
  wire.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(wire.Read("abcde"), HasSubstr("POST /echo abcde"));
  wire.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.Read("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.Send("hi");
  EXPECT_THAT(wire.Read("hi"), HasSubstr("POST /echo hi"));
}

TEST(HttpServer, HeadHasTheHeaderAlone) {
  TestServer s;
  Wire wire(s.server->port());
  wire.Send("HEAD /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = wire.Read();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_EQ(answer.substr(answer.size() - 4), "\r\n\r\n");
}

TEST(HttpServer, RefusesBeforeTheBodyIsRead) {
  TestServer s;
  for (const auto& [head, status] : std::vector<std::pair<std::string, std::string>>{
           {"POST /denied HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n", "403"},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "413"},
           {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999\r\n\r\n",
            "413"}}) {
    Wire wire(s.server->port());
    wire.Send(head);
    EXPECT_THAT(wire.Read(), StartsWith("HTTP/1.1 " + status)) << head;
    EXPECT_TRUE(wire.closed());
  }
  Wire chunked(s.server->port());
  chunked.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
               std::string(2000, 'x') + "\r\n0\r\n\r\n");
  EXPECT_THAT(chunked.Read(), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServer, WhatIsNoHttpIsA400) {
  TestServer s;
  for (const std::string& bad :
       {std::string("\r\n\r\nnonsense\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET / HTTP/1.1\r\nNo colon\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        std::string(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
                    "chunked\r\n\r\nabc"),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 25)}) {
    Wire wire(s.server->port());
    wire.Send(bad);
    EXPECT_THAT(wire.Read(), testing::AnyOf(StartsWith("HTTP/1.1 400"), StartsWith("HTTP/1.1 505")))
        << bad;
  }
  Wire large(s.server->port());
  large.Send("GET /echo HTTP/1.1\r\nA: " + std::string(40000, 'a') + "\r\n\r\n");
  EXPECT_THAT(large.Read(), StartsWith("HTTP/1.1 431"));
}

TEST(HttpServer, StreamsAsChunksAndTellsWhenTheClientGoes) {
  TestServer s;
  {
    Wire wire(s.server->port());
    wire.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto responder = s.WaitHeld();
    ASSERT_NE(responder, nullptr);
    responder->Begin({.content_type = "text/event-stream"});
    responder->Write("one");
    EXPECT_THAT(wire.Read("one"), HasSubstr("Transfer-Encoding: chunked"));
    responder->Write("two");
    responder->End();
    EXPECT_EQ(wire.Read("0\r\n\r\n"), "3\r\ntwo\r\n0\r\n\r\n");
    // The connection goes on.
    wire.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_NE(s.WaitHeld(), nullptr);
  }
  std::shared_ptr<Responder> responder;
  {
    Wire wire(s.server->port());
    wire.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    responder = s.WaitHeld();
    ASSERT_NE(responder, nullptr);
    EXPECT_FALSE(responder->gone());
  }
  EXPECT_TRUE(s.WaitFor("gone"));
  EXPECT_TRUE(s.WaitFor("done 0"));
}

TEST(HttpServer, AResponderThatDiesUnansweredAnswers500) {
  TestServer s;
  Wire wire(s.server->port());
  wire.Send("GET /drop HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(wire.Read("null}}"), StartsWith("HTTP/1.1 500"));
}

TEST(HttpServer, AStreamThatDiesIsCutNotEnded) {
  TestServer s;
  Wire wire(s.server->port());
  wire.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  auto responder = s.WaitHeld();
  ASSERT_NE(responder, nullptr);
  responder->Begin({});
  responder->Write("half");
  wire.Read("half");
  responder.reset();
  EXPECT_THAT(wire.Read(), testing::Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(wire.closed());
}

// security: slowloris
TEST(Security, SlowlorisHeadersAndBodiesAByteAtATimeAreCut) {
  TestServer s({.header_timeout_s = 0.5, .body_timeout_s = 0.5, .min_bytes_per_s = 1e9});
  for (const std::string& start :
       {std::string("GET /echo HTTP/1.1\r\nHost: a\r\nX: "),
        std::string("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n")}) {
    Wire wire(s.server->port());
    wire.Send(start);
    const auto begun = Clock::now();
    bool cut = false;
    while (!cut && Clock::now() - begun < std::chrono::seconds(8)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      cut = !wire.Send("x");
    }
    EXPECT_TRUE(cut) << start;
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5));
  }
}

// security: slowloris
TEST(Security, SlowlorisReadersThatNeverReadAreDropped) {
  TestServer s({.max_unsent_bytes = 1 << 20, .write_timeout_s = 0.5});
  Wire wire(s.server->port(), 4096);
  wire.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto responder = s.WaitHeld();
  ASSERT_NE(responder, nullptr);
  responder->Begin({});
  const std::string block(64 << 10, 'x');
  size_t written = 0;
  const auto begun = Clock::now();
  while (!responder->gone() && Clock::now() - begun < std::chrono::seconds(8)) {
    if (written < (size_t{8} << 20)) {
      responder->Write(block);
      written += block.size();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(responder->gone());
  EXPECT_TRUE(s.WaitFor("gone"));
}

// An answer of many times what may wait unsent, to a client that begins to read late.
TEST(HttpServer, ALargeBodyWaitsForRoom) {
  constexpr size_t kBytes = size_t{24} << 20;
  TestServer s({.max_unsent_bytes = 4 << 20});
  Wire wire(s.server->port(), 4096);
  wire.Send("GET /hold HTTP/1.0\r\nHost: a\r\n\r\n");
  auto responder = s.WaitHeld();
  ASSERT_NE(responder, nullptr);
  std::thread writer([responder] {
    responder->Begin({});
    const std::string block(256 << 10, 'x');
    for (size_t n = 0; n < kBytes; n += block.size()) {
      responder->Write(block);
      std::promise<void> room;
      responder->OnRoom([&room] { room.set_value(); });
      room.get_future().wait();
    }
    responder->End();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::string answer = wire.Read();
  writer.join();
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, kBytes);
}

// Who waits for room learns that there will be none.
TEST(HttpServer, RoomIsToldWhenTheClientGoes) {
  TestServer s;
  std::promise<void> room;
  std::shared_ptr<Responder> responder;
  {
    Wire wire(s.server->port(), 4096);
    wire.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    responder = s.WaitHeld();
    ASSERT_NE(responder, nullptr);
    responder->Begin({});
    responder->Write(std::string(16 << 20, 'x'));
    responder->OnRoom([&room] { room.set_value(); });
  }
  EXPECT_EQ(room.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(responder->gone());
}

TEST(HttpServer, IdleConnectionsEnd) {
  TestServer s({.idle_timeout_s = 0.3});
  Wire wire(s.server->port());
  EXPECT_EQ(wire.Read(), "");
  EXPECT_TRUE(wire.closed());
}

TEST(HttpServer, ConnectionsAndBufferedBodiesAreBounded) {
  TestServer s({.max_buffered_bytes = 1500, .max_connections = 3});
  Wire first(s.server->port()), second(s.server->port());
  const std::string post = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 800\r\n\r\n";
  first.Send(post + std::string(800, 'x'));
  ASSERT_NE(s.WaitHeld(), nullptr);  // dies here: 500, but only now are its bytes given back
  first.Read("null}}");
  first.Send(post + std::string(800, 'x'));
  const auto held = s.WaitHeld();
  ASSERT_NE(held, nullptr);
  second.Send(post);
  EXPECT_THAT(second.Read("null}}"), StartsWith("HTTP/1.1 503"));
  Wire third(s.server->port()), fourth(s.server->port()), fifth(s.server->port());
  fifth.Send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(fifth.Read(), "");
  held->Send({.body = "late"});
  EXPECT_THAT(first.Read("late"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, StopsAfterTheAnswersThatRun) {
  TestServer s;
  Wire busy(s.server->port()), idle(s.server->port());
  idle.Send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  idle.Read("GET /echo");
  busy.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto responder = s.WaitHeld();
  ASSERT_NE(responder, nullptr);
  s.server->StopListening();
  EXPECT_EQ(idle.Read(), "");
  EXPECT_TRUE(idle.closed());
  responder->Send({.body = "last words"});
  EXPECT_THAT(busy.Read(), HasSubstr("last words"));
  EXPECT_TRUE(busy.closed());
}

TEST(HttpServer, ATakenPortAndAnUnknownHostAreErrors) {
  TestServer s;
  const auto taken = HttpServer::Start({.port = s.server->port()}, {});
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kIo);
  const auto unknown = HttpServer::Start({.host = "300.1.1.1"}, {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
  const auto tls =
      HttpServer::Start({.port = 0, .tls = TlsOptions{"/nowhere.pem", "/nowhere.key"}}, {});
  ASSERT_FALSE(tls.ok());
  EXPECT_THAT(tls.error().message, HasSubstr("/nowhere.pem"));
}

}  // namespace
}  // namespace glmocr::server
