#include "server/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <new>
#include <thread>

#include "base/file.h"

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
    auto started = HttpServer::Start(
        {.port = 0, .limits = limits},
        {.on_header =
             [](HttpRequest& request) {
               if (request.path == "/denied")
                 return HeaderVerdict(HttpResponse{.status = 403, .body = "no"});
               return HeaderVerdict(BodyLimit{request.path == "/none" ? size_t{0} : 1000});
             },
         .on_request =
             [this](std::shared_ptr<const HttpRequest> request,
                    std::shared_ptr<Responder> responder) {
               if (request->path == "/drop") return;
               if (request->path == "/throw") throw std::bad_alloc();
               if (request->path == "/file") {
                 auto opened = FileBody::Open(file);
                 ASSERT_TRUE(opened.ok());
                 return responder->SendFile({.content_type = "text/plain"}, std::move(*opened));
               }
               if (request->path == "/hold") {
                 std::lock_guard lock(mutex);
                 responder->OnGone([this] { Note("gone"); });
                 held.push_back(std::move(responder));
                 changed.notify_all();
                 return;
               }
               responder->Send(
                   {.content_type = "text/plain",
                    .body = request->method + " " + request->target + " " + request->body});
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
  std::vector<std::shared_ptr<Responder>> busy;  // kept by the test
  std::string file;                              // of /file
  std::unique_ptr<HttpServer> server;            // last: its thread ends first
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

TEST(HttpServer, IdleConnectionsEnd) {
  TestServer s({.idle_timeout_s = 0.3});
  Wire wire(s.server->port());
  EXPECT_EQ(wire.Read(), "");
  EXPECT_TRUE(wire.closed());
}

// A value that a counter of the server reaches within 10 seconds.
bool Reaches(const HttpServer& server, int64_t HttpServerStats::*counter, int64_t value) {
  const auto end = Clock::now() + std::chrono::seconds(10);
  while (server.stats().*counter != value && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return server.stats().*counter == value;
}

// security: silent-bodies
TEST(Security, SilentBodiesTakeNoRoomAndHeldOnesDo) {
  TestServer s({.max_buffered_bytes = 1500});
  const std::string post = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 800\r\n\r\n";
  Wire silent(s.server->port()), another(s.server->port()), third(s.server->port());
  for (Wire* wire : {&silent, &another, &third}) wire->Send(post);  // announced only
  auto first = std::make_unique<Wire>(s.server->port());
  first->Send(post + std::string(800, 'x'));
  auto held = s.WaitHeld();
  ASSERT_NE(held, nullptr) << "what is announced takes no room";
  EXPECT_EQ(s.server->stats().buffered_bytes, 800);
  Wire second(s.server->port());
  second.Send(post + std::string(800, 'x'));
  EXPECT_THAT(second.Read("null}}"), StartsWith("HTTP/1.1 503"));
  first.reset();
  EXPECT_TRUE(s.WaitFor("gone"));
  EXPECT_EQ(s.server->stats().buffered_bytes, 800) << "its client left, but it is still held";
  held.reset();
  EXPECT_TRUE(Reaches(*s.server, &HttpServerStats::buffered_bytes, 0));
}

// security: silent-bodies
TEST(Security, SilentBodiesKeepAMinimalRate) {
  TestServer s({.body_timeout_s = 0.5, .min_bytes_per_s = 100});
  Wire slow(s.server->port()), quick(s.server->port());
  const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n";
  slow.Send(post), quick.Send(post);
  const auto begun = Clock::now();
  bool cut = false;
  while (!cut && Clock::now() - begun < std::chrono::seconds(8)) {  // 20 bytes a second
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cut = !slow.Send("x");
  }
  EXPECT_TRUE(cut);
  EXPECT_LT(Clock::now() - begun, std::chrono::seconds(6)) << "9.5 s for all of it are not its own";
  quick.Send(std::string(900, 'x'));
}

// security: all-connections
TEST(Security, AllConnectionsTakenTheOneThatWaitedLongestGivesWay) {
  TestServer s({.max_connections = 3});
  Wire oldest(s.server->port());
  ASSERT_TRUE(Reaches(*s.server, &HttpServerStats::connections, 1));
  Wire half(s.server->port());
  half.Send("GET /echo HTTP/1.1\r\n");  // a header without end waits just the same
  ASSERT_TRUE(Reaches(*s.server, &HttpServerStats::connections, 2));
  Wire busy(s.server->port());
  busy.Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto held = s.WaitHeld();
  ASSERT_NE(held, nullptr);
  std::vector<std::unique_ptr<Wire>> kept;
  for (int i = 0; i < 2; ++i) {
    kept.push_back(std::make_unique<Wire>(s.server->port()));
    kept.back()->Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    std::shared_ptr<Responder> more = s.WaitHeld();
    ASSERT_NE(more, nullptr) << i;
    s.Note("kept");
    std::lock_guard lock(s.mutex);
    s.busy.push_back(std::move(more));
  }
  EXPECT_EQ(oldest.Read(), "");
  EXPECT_EQ(half.Read(), "");
  Wire refused(s.server->port());  // all three are being answered now
  refused.Send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(refused.Read(), "");
  EXPECT_TRUE(Reaches(*s.server, &HttpServerStats::refused_connections, 1));
  held->Send({.body = "late"});
  EXPECT_THAT(busy.Read("late"), StartsWith("HTTP/1.1 200"));
}

// security: chunk-extensions
TEST(Security, ChunkExtensionsAndTrailersHaveAnEnd) {
  TestServer s;
  for (const std::string& start : {std::string("0;"), std::string("3;"), std::string("0\r\nX: "),
                                   std::string("0\r\n"), std::string("0000000000000000")}) {
    Wire wire(s.server->port());
    wire.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + start);
    const std::string more = start == "0\r\n" ? "Name: value\r\n" : std::string(64, '0');
    std::string block;
    while (block.size() < 65536) block += more;
    for (int i = 0; i < 16; ++i) wire.Send(block);
    EXPECT_THAT(wire.Read(), StartsWith("HTTP/1.1 400")) << start;
    EXPECT_TRUE(Reaches(*s.server, &HttpServerStats::connections, 0)) << start;
  }
  Wire none(s.server->port());
  none.Send("GET /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(none.Read(), StartsWith("HTTP/1.1 400")) << "a route without a body takes none";
}

// security: transfer-encoding
TEST(Security, TransferEncodingIsChunkedOrRefused) {
  TestServer s;
  for (const char* coding :
       {"gzip", "xchunked", "identity", "", "\"chunked\"", "chunked, identity", "chunked, chunked",
        "chunked;x", "chunked ,", "gzip, chunked", "chunked\r\nTransfer-Encoding: chunked"}) {
    for (const char* request : {"GET /none", "POST /echo"}) {
      Wire wire(s.server->port());
      wire.Send(std::string(request) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding +
                "\r\n\r\nGET /echo?hidden HTTP/1.1\r\nHost: a\r\n\r\n");
      const std::string answer = wire.Read();
      EXPECT_THAT(answer, testing::AnyOf(StartsWith("HTTP/1.1 501"), StartsWith("HTTP/1.1 400")))
          << coding;
      EXPECT_THAT(answer, testing::Not(HasSubstr("hidden"))) << coding;
      EXPECT_TRUE(wire.closed());
    }
  }
  Wire old(s.server->port());
  old.Send("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_THAT(old.Read(), HasSubstr(" 501 "));
  Wire fine(s.server->port());
  fine.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "1\r\n!\r\n0\r\n\r\n");
  EXPECT_THAT(fine.Read("!"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, TakesTargetsAndEmptyLinesAsHttpAllows) {
  TestServer s;
  for (const char* request :
       {"GET http://a/echo?x HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET HTTPS://a:8080/echo?x HTTP/1.1\r\nHost: b\r\n\r\n",
        "\r\nGET /echo?x HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\n\r\nGET /echo?x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo?x HTTP/1.0\r\n\r\n"}) {
    Wire wire(s.server->port());
    wire.Send(request);
    EXPECT_THAT(wire.Read("echo?x"), HasSubstr(" 200 OK\r\n")) << request;
  }
  for (const char* request :
       {"GET /echo HTTP/1.1\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"}) {
    Wire wire(s.server->port());
    wire.Send(request);
    EXPECT_THAT(wire.Read(), StartsWith("HTTP/1.1 400")) << request;
  }
}

// security: unread-results
TEST(Security, UnreadResultsGoOutInSlicesAndHaveASum) {
  TestServer s({.max_unsent_bytes_in_sum = 3 << 20});
  const auto path = std::filesystem::temp_directory_path() /
                    ("glmocr_http_" + std::to_string(::getpid()) + ".txt");
  std::string bytes;
  for (int i = 0; bytes.size() < (size_t{16} << 20); ++i) bytes += std::to_string(i) + "\n";
  ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
  s.file = path;
  {
    std::vector<std::unique_ptr<Wire>> unread;
    for (int i = 0; i < 20; ++i) {
      unread.push_back(std::make_unique<Wire>(s.server->port(), 4096));
      unread.back()->Send("GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    Wire wire(s.server->port());
    wire.Send("GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::string answer = wire.Read();
    EXPECT_THAT(answer.substr(0, 400),
                HasSubstr("Content-Length: " + std::to_string(bytes.size()) + "\r\n"));
    EXPECT_TRUE(answer.ends_with(bytes));
    EXPECT_LT(s.server->stats().unsent_bytes, 20 * 1024) << "heads at most";
    Wire head(s.server->port());
    head.Send("HEAD /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(head.Read().ends_with("\r\n\r\n"));
  }
  std::filesystem::remove(path);
  // Streams that nobody reads: one alone may leave three quarters of the sum.
  std::vector<std::unique_ptr<Wire>> readers;
  std::vector<std::shared_ptr<Responder>> streams;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(std::make_unique<Wire>(s.server->port(), 4096));
    readers.back()->Send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    streams.push_back(s.WaitHeld());
    ASSERT_NE(streams.back(), nullptr);
    streams.back()->Begin({});
    for (int k = 0; k < 64; ++k) streams.back()->Write(std::string(128 << 10, 'x'));
  }
  EXPECT_TRUE(s.WaitFor("gone"));
  EXPECT_LE(s.server->stats().unsent_bytes, 3 << 20);
}

// security: no-memory
TEST(Security, NoMemoryEndsAConnectionNotTheServer) {
  TestServer s;
  for (int i = 0; i < 3; ++i) {
    Wire wire(s.server->port());
    wire.Send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
    wire.Read();
    EXPECT_TRUE(wire.closed());
  }
  EXPECT_EQ(s.server->stats().failed, 3);
  Wire wire(s.server->port());
  wire.Send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(wire.Read("GET /echo"), StartsWith("HTTP/1.1 200"));
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
