// Fetching from servers on loopback addresses, under the names of the incidents of other servers.
#include "fetch/fetch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "fetch/test_server.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Ok(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}
std::string RedirectTo(std::string_view location, int status = 302) {
  return fmt::format("HTTP/1.1 {} Found\r\nLocation: {}\r\nContent-Length: 4\r\n\r\ngone", status,
                     location);
}
// A server that answers every request with `text`.
TestServer::Handler Says(std::string text) {
  return [text = std::move(text)](const std::string&, const TestServer::Send& send) { send(text); };
}

// Answers by name; the n-th question gets the n-th answer, later ones the last.
class ScriptedResolver : public Resolver {
 public:
  void Add(const std::string& host, std::vector<std::vector<std::string>> answers) {
    answers_[host] = std::move(answers);
  }
  Result<std::vector<IpAddress>> Resolve(const std::string& host, double,
                                         const std::function<bool()>&) override {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(host);
    if (found == answers_.end()) return Error{ErrorCode::kIo, "no such name"};
    const size_t nth = static_cast<size_t>(asked_[host]++);
    std::vector<IpAddress> out;
    for (const std::string& text : found->second[std::min(nth, found->second.size() - 1)])
      out.push_back(*IpAddress::Parse(text));
    return out;
  }
  int asked(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return asked_[host];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<std::vector<std::string>>> answers_;
  std::map<std::string, int> asked_;
};

class FetchTest : public testing::Test {
 protected:
  FetchTest() {
    policy_.enabled = true;
    policy_.allow_http = true;
    policy_.allowed_hosts = {"a.test", "b.test", "localhost", "127.0.0.1", "127.0.0.2"};
    policy_.allowed_networks = {"127.0.0.1"};
    policy_.timeout_s = 20;
    resolver_.Add("a.test", {{"127.0.0.1"}});
  }
  void Allow(const TestServer& server) { policy_.allowed_ports.push_back(server.port()); }

  Result<std::string> Get(const std::string& url) {
    const Status checked = CheckFetchPolicy(policy_);
    EXPECT_TRUE(checked.ok()) << (checked.ok() ? "" : checked.error().message);
    FetchHooks hooks{.log = [this](const std::string& line) { log_.push_back(line); },
                     .resolver = &resolver_};
    if (cancelled_) hooks.cancelled = cancelled_;
    return Fetch(url, policy_, hooks);
  }
  std::string Url(const TestServer& server, std::string_view path = "/x",
                  std::string_view host = "a.test") const {
    return fmt::format("http://{}:{}{}", host, server.port(), path);
  }
  // The message, which tells a client nothing about the network; or the body.
  std::string Said(const Result<std::string>& result) const {
    if (result.ok()) return *result;
    for (const char* secret : {"127.0.0", "a.test", "b.test", "curl", "10.0.0", "refused by"})
      EXPECT_THAT(result.error().message, Not(HasSubstr(secret)));
    return result.error().message;
  }

  FetchPolicy policy_;
  ScriptedResolver resolver_;
  std::function<bool()> cancelled_;
  std::vector<std::string> log_;
};

TEST_F(FetchTest, Fetches) {
  std::string body(300'000, 'x');
  body[77] = '\0';
  const TestServer server(Says(Ok(body)));
  Allow(server);
  const auto got = Get(Url(server, "/pic.png?sig=secret"));
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_EQ(*got, body);
  ASSERT_EQ(server.heads().size(), 1u);
  EXPECT_THAT(server.heads()[0],
              AllOf(HasSubstr("GET /pic.png?sig=secret HTTP/1.1\r\n"),
                    HasSubstr(fmt::format("Host: a.test:{}\r\n", server.port()))));
  for (const char* header : {"Cookie", "Authorization", "Accept-Encoding", "Referer", "Proxy"})
    EXPECT_THAT(server.heads()[0], Not(HasSubstr(header)));
  EXPECT_THAT(
      log_, ElementsAre(AllOf(HasSubstr("answered 200 from 127.0.0.1"), Not(HasSubstr("secret")))));
}

TEST_F(FetchTest, SsrfBasicOffByDefault) {
  const TestServer server(Says(Ok("x")));
  const auto got = Fetch(Url(server, "/", "127.0.0.1"), {}, {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kUnsupported);
  FetchPolicy on;
  on.enabled = true;
  on.allow_http = true;
  on.allowed_ports = {server.port()};
  EXPECT_FALSE(Fetch(Url(server, "/", "127.0.0.1"), on, {}).ok());
  EXPECT_EQ(server.n_connections(), 0);
}

TEST_F(FetchTest, SsrfBasicPrivateAddresses) {
  const TestServer server(Says(Ok("secret")));
  Allow(server);
  policy_.allowed_networks.clear();
  // By name, by address, and by the system's own resolver.
  EXPECT_THAT(Said(Get(Url(server))), HasSubstr("could not be fetched"));
  EXPECT_THAT(log_.back(), HasSubstr("127.0.0.1, which is not public"));
  EXPECT_THAT(Said(Get(Url(server, "/", "127.0.0.1"))), HasSubstr("could not be fetched"));
  const auto system = Fetch(Url(server, "/", "localhost"), policy_, {});
  EXPECT_THAT(Said(system), HasSubstr("could not be fetched"));
  // One bad address among good ones.
  resolver_.Add("b.test", {{"8.8.8.8", "127.0.0.1"}});
  EXPECT_THAT(Said(Get(Url(server, "/", "b.test"))), HasSubstr("could not be fetched"));
  EXPECT_EQ(server.n_connections(), 0);
}

TEST_F(FetchTest, SsrfParser) {
  const TestServer server(Says(Ok("secret")));
  Allow(server);
  const int port = server.port();
  for (const std::string& url :
       {fmt::format("http://a.test\\@b.test:{}/", port),
        fmt::format("http://b.test@a.test:{}/", port),
        fmt::format("http://a.test:{}\\@b.test/", port), fmt::format("http://a.test:{} /", port),
        fmt::format("http://[::1%25lo]:{}/", port), fmt::format("http:///a.test:{}/", port),
        fmt::format("http://a.test\t:{}/", port), fmt::format("file://a.test:{}/", port)}) {
    const auto got = Get(url);
    ASSERT_FALSE(got.ok()) << url;
    EXPECT_EQ(got.error().code, ErrorCode::kInvalidArgument) << url;
  }
  EXPECT_EQ(server.n_connections(), 0);
  // What is accepted reaches the host that was checked.
  ASSERT_EQ(Said(Get(Url(server, "/", "A.TEST."))), "secret");
  EXPECT_THAT(server.heads().back(), HasSubstr(fmt::format("Host: a.test:{}\r\n", port)));
}

TEST_F(FetchTest, SsrfRedirectIsFollowedWhereAllowed) {
  const TestServer server([](const std::string& head, const TestServer::Send& send) {
    if (head.starts_with("GET /start "))
      send(RedirectTo("next?a=b", 307));
    else if (head.starts_with("GET /next?a=b "))
      send(RedirectTo("/end", 301));
    else if (head.starts_with("GET /end "))
      send(Ok("here"));
  });
  Allow(server);
  EXPECT_EQ(Said(Get(Url(server, "/start"))), "here");
  EXPECT_EQ(resolver_.asked("a.test"), 3);
}

TEST_F(FetchTest, SsrfRedirectToForbiddenPlaces) {
  const TestServer secret(Says(Ok("secret")), "127.0.0.2");
  Allow(secret);
  resolver_.Add("b.test", {{"127.0.0.2"}});
  for (const std::string& location : {
           Url(secret, "/", "127.0.0.2"),   // an allowed name of a private address
           Url(secret, "/", "b.test"),      // a name that resolves to one
           Url(secret, "/", "other.test"),  // not on the list
           std::string("http://169.254.169.254/latest/meta-data/"),
           std::string("file:///etc/passwd"),
           std::string("gopher://a.test/"),
           std::string("http://a.test:22/"),
           std::string("//user@a.test/"),
           std::string("\\\\b.test\\"),
           std::string("http://a.test\\@b.test/"),
       }) {
    const TestServer server(Says(RedirectTo(location)));
    Allow(server);
    const auto got = Get(Url(server));
    ASSERT_FALSE(got.ok()) << location;
    EXPECT_THAT(Said(got), Not(HasSubstr("169.254")));
    EXPECT_EQ(server.n_connections(), 1);
  }
  EXPECT_EQ(secret.n_connections(), 0);
}

TEST_F(FetchTest, SsrfRedirectAtMostThree) {
  const TestServer server([](const std::string& head, const TestServer::Send& send) {
    const int left = head[5] - '0';  // GET /4
    send(left == 0 ? Ok("end") : RedirectTo(fmt::format("/{}", left - 1)));
  });
  Allow(server);
  EXPECT_EQ(Said(Get(Url(server, "/3"))), "end");
  EXPECT_EQ(server.n_connections(), 4);
  EXPECT_THAT(Said(Get(Url(server, "/4"))), HasSubstr("more often than the limit of 3"));
  EXPECT_EQ(server.n_connections(), 8);
  policy_.max_redirects = 0;
  EXPECT_EQ(Said(Get(Url(server, "/0"))), "end");
  EXPECT_THAT(Said(Get(Url(server, "/1"))), HasSubstr("limit of 0"));
}

TEST_F(FetchTest, SsrfRedirectWithOddHeaders) {
  for (const std::string& answer :
       {std::string("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 302 Found\r\nLocation:\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: "
                    "0\r\n\r\n")}) {
    const TestServer server(Says(answer));
    Allow(server);
    EXPECT_THAT(Said(Get(Url(server))), HasSubstr("redirects to an address that is not accepted"));
    EXPECT_EQ(server.n_connections(), 1);
  }
  // A redirect's body is not wanted, however long it says it is.
  const TestServer server([](const std::string& head, const TestServer::Send& send) {
    if (head.starts_with("GET /end ")) {
      send(Ok("end"));
    } else {
      send("HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 99999999999\r\n\r\n");
      while (send(std::string(65536, 'x'))) {
      }
    }
  });
  Allow(server);
  EXPECT_EQ(Said(Get(Url(server))), "end");
}

// The name's second answer is another address, as an attacker's name server gives it: between check
// and connection nobody asks again, and at the next hop the new answer is checked.
TEST_F(FetchTest, SsrfRebind) {
  const TestServer checked([](const std::string& head, const TestServer::Send& send) {
    send(head.starts_with("GET /again ") ? RedirectTo("/x") : Ok("checked"));
  });
  const TestServer secret(Says(Ok("secret")), "127.0.0.2", checked.port());
  Allow(checked);
  resolver_.Add("b.test", {{"127.0.0.1"}, {"127.0.0.2"}});
  EXPECT_EQ(Said(Get(Url(checked, "/x", "b.test"))), "checked");
  EXPECT_EQ(resolver_.asked("b.test"), 1);
  EXPECT_EQ(checked.n_connections(), 1);

  ScriptedResolver fresh;
  fresh.Add("b.test", {{"127.0.0.1"}, {"127.0.0.2"}});
  const auto redirected = Fetch(Url(checked, "/again", "b.test"), policy_, {.resolver = &fresh});
  EXPECT_THAT(Said(redirected), HasSubstr("could not be fetched"));
  EXPECT_EQ(fresh.asked("b.test"), 2);
  EXPECT_EQ(secret.n_connections(), 0);
}

// A name that the system would resolve elsewhere goes to the checked address all the same.
TEST_F(FetchTest, SsrfRebindConnectsToTheCheckedAddress) {
  const TestServer systems(Says(Ok("what localhost is to the system")));
  const TestServer ours(Says(Ok("the checked one")), "127.0.0.2", systems.port());
  Allow(ours);
  policy_.allowed_networks = {"127.0.0.2"};
  resolver_.Add("localhost", {{"127.0.0.2"}});
  EXPECT_EQ(Said(Get(Url(ours, "/", "localhost"))), "the checked one");
  EXPECT_EQ(systems.n_connections(), 0);
  EXPECT_THAT(log_, Contains(HasSubstr("from 127.0.0.2")));
}

TEST_F(FetchTest, ProxiesOfTheEnvironmentAreIgnored) {
  const TestServer proxy(Says(Ok("from the proxy")), "127.0.0.2");
  const TestServer server(Says(Ok("direct")));
  Allow(server);
  const std::string address = fmt::format("http://127.0.0.2:{}", proxy.port());
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    ASSERT_EQ(::setenv(name, address.c_str(), 1), 0);
  EXPECT_EQ(Said(Get(Url(server))), "direct");
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  EXPECT_EQ(proxy.n_connections(), 0);
}

TEST_F(FetchTest, SizeCap) {
  policy_.max_bytes = 1000;
  const auto run = [&](const std::string& answer) {
    const TestServer server(Says(answer));
    Allow(server);
    return Said(Get(Url(server)));
  };
  EXPECT_EQ(run(Ok(std::string(1000, 'x'))), std::string(1000, 'x'));
  EXPECT_THAT(run(Ok(std::string(1001, 'x'))), HasSubstr("larger than the limit of 1000 bytes"));
  // By what it says before a byte of the body came.
  EXPECT_THAT(run("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
              HasSubstr("larger than the limit"));
  // Without a length, and in chunks.
  EXPECT_THAT(run("HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'x')),
              HasSubstr("larger than the limit"));
  std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 101; ++i) chunks += "a\r\n0123456789\r\n";
  EXPECT_THAT(run(chunks + "0\r\n\r\n"), HasSubstr("larger than the limit"));
  // Lengths that lie: what is behind is not read, what is missing is an error.
  EXPECT_EQ(run("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345" + std::string(5000, 'x')),
            "12345");
  EXPECT_THAT(run("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n12345"),
              HasSubstr("could not be fetched"));
}

TEST_F(FetchTest, EndlessBodyAndHeaders) {
  policy_.max_bytes = 100'000;
  const TestServer body([](const std::string&, const TestServer::Send& send) {
    send("HTTP/1.1 200 OK\r\n\r\n");
    while (send(std::string(65536, 'x'))) {
    }
  });
  Allow(body);
  EXPECT_THAT(Said(Get(Url(body))), HasSubstr("larger than the limit"));
  const TestServer headers([](const std::string&, const TestServer::Send& send) {
    send("HTTP/1.1 200 OK\r\n");
    while (send("X-Filler: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  Allow(headers);
  EXPECT_THAT(Said(Get(Url(headers))), HasSubstr("could not be fetched"));
  EXPECT_THAT(log_.back(), HasSubstr("headers"));
}

// A body that would inflate stays as it is.
TEST_F(FetchTest, NothingIsDecompressed) {
  const TestServer server(
      Says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08x"));
  Allow(server);
  EXPECT_EQ(Said(Get(Url(server))), "\x1f\x8b\x08x");
}

TEST_F(FetchTest, TotalTimeEnds) {
  policy_.timeout_s = 1;
  const TestServer drips([](const std::string&, const TestServer::Send& send) {
    send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  Allow(drips);
  const auto start = std::chrono::steady_clock::now();
  const auto got = Get(Url(drips));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kCancelled);
  EXPECT_THAT(Said(got), HasSubstr("limit of 1 seconds"));
}

// A redirect does not begin the time anew.
TEST_F(FetchTest, TotalTimeHoldsOverRedirects) {
  policy_.timeout_s = 1.5;
  policy_.max_redirects = 10;
  const TestServer server([](const std::string&, const TestServer::Send& send) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    send(RedirectTo("/x"));
  });
  Allow(server);
  const auto got = Get(Url(server));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kCancelled) << got.error().message;
  EXPECT_LE(server.n_connections(), 4);
}

TEST_F(FetchTest, SlowTransfersEnd) {
  policy_.slow_limit_s = 1;
  policy_.min_bytes_per_s = 1000;
  const TestServer drips([](const std::string&, const TestServer::Send& send) {
    send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  Allow(drips);
  const auto start = std::chrono::steady_clock::now();
  const auto got = Get(Url(drips));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kCancelled);
}

TEST_F(FetchTest, CallerCancels) {
  const TestServer silent([](const std::string&, const TestServer::Send& send) {
    send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  Allow(silent);
  const auto start = std::chrono::steady_clock::now();
  cancelled_ = [&] {
    return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(200);
  };
  const auto got = Get(Url(silent));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, ErrorCode::kCancelled);
  EXPECT_THAT(Said(got), HasSubstr("cancelled"));
}

TEST_F(FetchTest, OtherAnswers) {
  for (const auto& [answer, why] : std::vector<std::pair<std::string, std::string>>{
           {"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret", "status 404"},
           {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "status 500"},
           {"HTTP/1.1 204 None\r\n\r\n", "status 204"},
           {"HTTP/1.1 304 Same\r\n\r\n", "status 304"},
           {"HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
            "status 401"},
           {"not HTTP at all", "could not be fetched"},
           {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "could not be fetched"},
           {"", "could not be fetched"}}) {
    const TestServer server(Says(answer));
    Allow(server);
    const auto got = Get(Url(server));
    ASSERT_FALSE(got.ok()) << answer;
    EXPECT_THAT(Said(got), HasSubstr(why)) << answer;
  }
  // Nobody listens.
  int closed_port = 0;
  {
    const TestServer server(Says(""));
    Allow(server);
    closed_port = server.port();
  }
  EXPECT_THAT(Said(Get(fmt::format("http://a.test:{}/", closed_port))),
              HasSubstr("could not be fetched"));
}

TEST_F(FetchTest, LogStaysOneLine) {
  const TestServer server(Says("HTTP/1.1 302 \x1b[31m\r\nLocation: /\x1b[2Ja\x01\r\n\r\n"));
  Allow(server);
  EXPECT_FALSE(Get(Url(server)).ok());
  for (const std::string& line : log_) {
    for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  }
  EXPECT_THAT(log_, Not(IsEmpty()));
}

TEST_F(FetchTest, FromManyThreads) {
  const TestServer server(Says(Ok(std::string(100'000, 'x'))));
  Allow(server);
  std::atomic<int> fetched{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        const auto got = Fetch(Url(server), policy_, {.resolver = &resolver_});
        if (got.ok() && got->size() == 100'000) ++fetched;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fetched, 40);
}

// A server with TLS, in Python, for `n` connections; its certificate is for a.test.
class TlsServer {
 public:
  TlsServer(const fs::path& folder, int n) {
    const std::string make = fmt::format(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=a.test -addext "
        "subjectAltName=DNS:a.test -keyout {0}/key.pem -out {0}/cert.pem 2>/dev/null",
        folder.string());
    GLM_CHECK(std::system(make.c_str()) == 0);
    std::ofstream(folder / "serve.py") << fmt::format(
        "import socket, ssl\n"
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
        "context.load_cert_chain('{0}/cert.pem', '{0}/key.pem')\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "listener.settimeout(20)\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "for _ in range({1}):\n"
        "    client, _ = listener.accept()\n"
        "    try:\n"
        "        with context.wrap_socket(client, server_side=True) as tls:\n"
        "            tls.recv(65536)\n"
        "            tls.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nsecure')\n"
        "    except OSError:\n"
        "        pass\n",
        folder.string(), n);
    pipe_ = ::popen(fmt::format("exec python3 {}/serve.py", folder.string()).c_str(), "r");
    GLM_CHECK(pipe_ != nullptr && std::fscanf(pipe_, "%d", &port_) == 1);
  }
  ~TlsServer() { ::pclose(pipe_); }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  int port() const { return port_; }

 private:
  FILE* pipe_ = nullptr;
  int port_ = 0;
};

TEST_F(FetchTest, TlsIsVerified) {
  std::string folder = (fs::temp_directory_path() / "glm-ocr-fetch-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    const TlsServer server(folder, 3);
    policy_.allowed_ports.push_back(server.port());
    resolver_.Add("b.test", {{"127.0.0.1"}});
    const auto url = [&](const char* host) {
      return fmt::format("https://{}:{}/", host, server.port());
    };
    // Nobody vouches for it.
    EXPECT_THAT(Said(Get(url("a.test"))), HasSubstr("could not be fetched"));
    EXPECT_THAT(log_.back(), HasSubstr("certificate"));
    policy_.ca_file = folder + "/cert.pem";
    // Another's certificate.
    EXPECT_THAT(Said(Get(url("b.test"))), HasSubstr("could not be fetched"));
    EXPECT_EQ(Said(Get(url("a.test"))), "secure");
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace glmocr
