#include "server/http_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <unordered_map>

#include "base/ascii.h"
#include "base/seconds_since.h"
#include "base/thread_name.h"
#include "base/untrusted_text.h"
#include "server/request_id.h"

namespace glmocr::server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Tcp = asio::ip::tcp;
using ErrorCodeBoost = boost::system::error_code;
using TlsStream = asio::ssl::stream<Tcp::socket>;

constexpr size_t kWriteSliceBytes = size_t{256} << 10;
constexpr size_t kReadBytes = size_t{64} << 10;
constexpr size_t kWatchBytes = 4096;
// Of a file at once: what each connection that takes a result holds.
constexpr size_t kFileSliceBytes = size_t{32} << 10;
constexpr double kLingerSeconds = 2;
constexpr double kHandshakeSeconds = 10;

Clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

std::string HeadBytes(const HttpResponse& response, unsigned version, bool keep_alive, bool chunked,
                      size_t content_length, const std::string& request_id) {
  http::response_header<> head;
  head.version(version);
  head.result(static_cast<unsigned>(response.status));
  head.set(http::field::server, "glm-ocr");
  if (!response.content_type.empty()) head.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) head.insert(name, value);
  head.set("X-Request-Id", request_id);
  if (chunked) {
    head.set(http::field::transfer_encoding, "chunked");
  } else if (content_length != std::string::npos) {
    head.set(http::field::content_length, std::to_string(content_length));
  }
  if (!keep_alive) head.set(http::field::connection, "close");
  if (keep_alive && version == 10) head.set(http::field::connection, "keep-alive");
  std::ostringstream out;
  out << head;
  return std::move(out).str();
}

std::string Chunk(std::string_view bytes) {
  std::string out = fmt::format("{:x}\r\n", bytes.size());
  return out.append(bytes).append("\r\n");
}

// What the sessions of one server share. Counters are read from any thread.
struct Shared {
  asio::io_context io{1};
  HttpServerOptions options;
  HttpServer::Callbacks callbacks;
  std::atomic<bool> stopping{false};
  std::atomic<bool> closed{false};  // nobody runs `io` any more
  std::atomic<int64_t> connections{0}, connections_total{0}, refused{0}, failed{0};
  // Bytes of request bodies, and of answers that their clients have not taken.
  std::optional<Admission> bodies, unsent;
};

// Bytes that go out as they are, or a part of a file.
struct Outgoing {
  std::string bytes;
  std::shared_ptr<const FileBody> file;  // set: its bytes from `offset` on
  int64_t offset = 0;
};

// Where a Responder puts its bytes; lives on the network's thread.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void Enqueue(Outgoing out, bool last) = 0;  // any thread
  virtual void Drop() = 0;                            // any thread
};

// One request with its answer, shared by the session and the responder.
struct Exchange {
  std::shared_ptr<HttpRequest> request;
  unsigned version = 11;
  bool keep_alive = true;
  Clock::time_point begun_at = Clock::now();
  std::atomic<size_t> unsent{0};
  std::atomic<bool> gone{false};
  Admission::Ticket unsent_place;  // of `unsent`, in what all answers may leave unsent

  std::mutex mutex;  // of the following
  int status = 0;
  bool begun = false, ended = false, chunked = false;
  size_t sent = 0;
  std::function<void()> on_gone;
};

class ResponderImpl : public Responder {
 public:
  ResponderImpl(std::shared_ptr<ByteSink> sink, std::shared_ptr<Exchange> exchange,
                size_t max_unsent)
      : sink_(std::move(sink)), exchange_(std::move(exchange)), max_unsent_(max_unsent) {}
  ResponderImpl(const ResponderImpl&) = delete;
  ResponderImpl& operator=(const ResponderImpl&) = delete;
  ~ResponderImpl() override {
    try {
      bool begun = false;
      {
        std::lock_guard lock(exchange_->mutex);
        if (exchange_->ended) return;
        begun = exchange_->begun;
      }
      if (begun) {
        sink_->Drop();  // a cut answer must not look like a whole one
      } else {
        Send({.status = 500,
              .body = R"({"error":{"message":"The server failed to answer.",)"
                      R"("type":"server_error","param":null,"code":null}})"});
      }
    } catch (...) {  // NOLINT(bugprone-empty-catch): no memory even for that; the client times out
    }
  }

  void Send(HttpResponse response) override {
    std::string bytes;
    {
      std::lock_guard lock(exchange_->mutex);
      if (exchange_->begun) return;
      exchange_->begun = exchange_->ended = true;
      exchange_->status = response.status;
      const bool no_body = response.status == 204 || response.status == 304;
      bytes = HeadBytes(response, exchange_->version, exchange_->keep_alive, false,
                        no_body ? std::string::npos : response.body.size(), exchange_->request->id);
      if (!no_body && exchange_->request->method != "HEAD") bytes += response.body;
      exchange_->sent = response.body.size();
    }
    Put(std::move(bytes), true);
  }

  void SendFile(HttpResponse head, std::shared_ptr<const FileBody> file) override {
    std::string bytes;
    const bool body = exchange_->request->method != "HEAD" && file->size_bytes() > 0;
    {
      std::lock_guard lock(exchange_->mutex);
      if (exchange_->begun) return;
      exchange_->begun = exchange_->ended = true;
      exchange_->status = head.status;
      bytes = HeadBytes(head, exchange_->version, exchange_->keep_alive, false,
                        static_cast<size_t>(file->size_bytes()), exchange_->request->id);
      exchange_->sent = static_cast<size_t>(file->size_bytes());
    }
    Put(std::move(bytes), !body);
    if (body && !gone()) sink_->Enqueue({.file = std::move(file)}, true);
  }

  void Begin(HttpResponse head) override {
    std::string bytes;
    {
      std::lock_guard lock(exchange_->mutex);
      if (exchange_->begun) return;
      exchange_->begun = true;
      exchange_->status = head.status;
      exchange_->chunked = exchange_->version >= 11;
      if (!exchange_->chunked) exchange_->keep_alive = false;  // its end is the connection's end
      bytes = HeadBytes(head, exchange_->version, exchange_->keep_alive, exchange_->chunked,
                        std::string::npos, exchange_->request->id);
    }
    Put(std::move(bytes), false);
    if (!head.body.empty()) Write(head.body);
  }

  void Write(std::string_view bytes) override {
    if (bytes.empty() || gone()) return;
    bool chunked = false;
    {
      std::lock_guard lock(exchange_->mutex);
      if (!exchange_->begun || exchange_->ended) return;
      chunked = exchange_->chunked;
      exchange_->sent += bytes.size();
    }
    if (exchange_->request->method == "HEAD") return;
    Put(chunked ? Chunk(bytes) : std::string(bytes), false);
  }

  void End() override {
    bool chunked = false;
    {
      std::lock_guard lock(exchange_->mutex);
      if (!exchange_->begun || exchange_->ended) return;
      exchange_->ended = true;
      chunked = exchange_->chunked && exchange_->request->method != "HEAD";
    }
    Put(chunked ? "0\r\n\r\n" : "", true);
  }

  bool gone() const override { return exchange_->gone; }

  void OnGone(std::function<void()> callback) override {
    {
      std::lock_guard lock(exchange_->mutex);
      if (!exchange_->gone) {
        exchange_->on_gone = std::move(callback);
        return;
      }
    }
    callback();
  }

 private:
  void Put(std::string bytes, bool last) {
    if (exchange_->gone) return;
    // A whole answer may be as large as it is; the bound of one answer is for streams that nobody
    // reads, that of all answers for both.
    const size_t unsent = exchange_->unsent += bytes.size();
    if ((!last && unsent > max_unsent_) ||
        !exchange_->unsent_place->Resize(static_cast<int64_t>(unsent))) {
      sink_->Drop();
      return;
    }
    sink_->Enqueue({.bytes = std::move(bytes)}, last);
  }

  std::shared_ptr<ByteSink> sink_;
  std::shared_ptr<Exchange> exchange_;
  const size_t max_unsent_;
};

class SessionBase : public ByteSink {
 public:
  virtual void Start() = 0;
  virtual void CloseIfIdle() = 0;
  virtual void Close() = 0;
  virtual const std::string& peer() const = 0;
  virtual bool closed() const = 0;
  // Since when it has been waiting for the client's next request to be complete as far as its
  // header; nothing while a request is read or answered.
  virtual std::optional<Clock::time_point> quiet_since() const = 0;
};

// A connection: reads a request, hands it on, writes the answer, again. All members are used on the
// network's thread only.
template <typename Stream>
class Session : public SessionBase, public std::enable_shared_from_this<Session<Stream>> {
 public:
  Session(std::shared_ptr<Shared> shared, Stream stream, std::string peer)
      : owner_(std::move(shared)),
        shared_(*owner_),
        stream_(std::move(stream)),
        peer_(std::move(peer)),
        buffer_(shared_.options.limits.max_header_bytes + kReadBytes),
        read_timer_(stream_.get_executor()),
        write_timer_(stream_.get_executor()) {
    ++shared_.connections;
    ++shared_.connections_total;
  }
  ~Session() override { --shared_.connections; }

  const std::string& peer() const override { return peer_; }
  bool closed() const override { return state_ == State::kClosed; }
  std::optional<Clock::time_point> quiet_since() const override {
    if (state_ == State::kIdle || (state_ == State::kReading && !exchange_)) return quiet_since_;
    return std::nullopt;
  }

  void Start() override {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      Arm(read_timer_, kHandshakeSeconds);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              On([](Session& self, const ErrorCodeBoost& error) {
                                if (error) return self.Close();
                                self.Idle();
                              }));
    } else {
      Idle();
    }
  }

  void CloseIfIdle() override {
    if (state_ == State::kIdle) Close();
  }

  void Close() override {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    ErrorCodeBoost ignored;
    read_timer_.cancel(ignored);
    write_timer_.cancel(ignored);
    Socket().shutdown(Tcp::socket::shutdown_both, ignored);
    Socket().close(ignored);
    out_.clear();
    EndExchange(false);
  }

  void Enqueue(Outgoing out, bool last) override {
    if (shared_.closed) return;
    asio::post(stream_.get_executor(), On([out = std::move(out), last](Session& self) mutable {
                 if (self.state_ != State::kAnswering) return;
                 self.out_.push_back(std::move(out));
                 self.last_queued_ |= last;
                 if (!self.writing_) self.WriteSome();
               }));
  }
  void Drop() override {
    if (shared_.closed) return;
    asio::post(stream_.get_executor(), [self = Self()] { self->Close(); });
  }

 private:
  enum class State { kIdle, kReading, kAnswering, kLingering, kClosed };

  std::shared_ptr<Session> Self() { return this->shared_from_this(); }

  // A handler for Asio that keeps this session alive. What it throws (no memory, most likely) ends
  // the session, never the network's thread.
  template <typename Handler>
  auto On(Handler handler) {
    return [self = Self(), handler = std::move(handler)](const auto&... arguments) mutable {
      try {
        handler(*self, arguments...);
      } catch (...) {
        self->Fail();
      }
    };
  }
  void Fail() {
    ++shared_.failed;
    try {
      Close();
    } catch (...) {  // NOLINT(bugprone-empty-catch): a callback had no memory; it is closed
    }
  }

  Tcp::socket& Socket() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  // When the time is over, the connection is. A timer that was set again fires for nobody.
  void Arm(asio::steady_timer& timer, double seconds) {
    timer.expires_after(Duration(seconds));
    timer.async_wait(On([&timer](Session& self, const ErrorCodeBoost& error) {
      if (!error && timer.expiry() <= Clock::now()) self.Close();
    }));
  }

  // Waits for a request's first byte.
  void Idle() {
    if (shared_.stopping) return Close();
    state_ = State::kIdle;
    quiet_since_ = Clock::now();
    SkipEmptyLines();
    if (buffer_.size() > 0) return StartRequest();
    Arm(read_timer_, shared_.options.limits.idle_timeout_s);
    Watch();
  }

  // Reads what the client sends while nothing of it is wanted: the next request's first bytes, or
  // the news that it has gone. A client that pipelines is not watched: what it sent already belongs
  // to its next request, and nothing else may be read into the buffer meanwhile.
  void Watch() {
    if (watching_ || buffer_.size() > 0) return;
    watching_ = true;
    stream_.async_read_some(buffer_.prepare(kWatchBytes),
                            On([](Session& self, const ErrorCodeBoost& error, size_t n) {
                              self.watching_ = false;
                              if (error) return self.Close();
                              if (self.state_ == State::kClosed) return;
                              if (self.state_ == State::kLingering) {
                                return self.Watch();  // unread: nothing of it is kept
                              }
                              self.buffer_.commit(n);
                              if (self.state_ != State::kIdle) return;
                              self.SkipEmptyLines();
                              if (self.buffer_.size() == 0) return self.Watch();
                              self.StartRequest();
                            }));
  }

  // RFC 9112, 2.2: empty lines before a request line are nothing.
  void SkipEmptyLines() {
    while (buffer_.size() >= 2 &&
           std::memcmp(static_cast<const char*>(buffer_.data().data()), "\r\n", 2) == 0)
      buffer_.consume(2);
  }

  void StartRequest() {
    state_ = State::kReading;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_.options.limits.max_header_bytes));
    parser_->body_limit(UINT64_MAX);  // until the route has said
    Arm(read_timer_, shared_.options.limits.header_timeout_s);
    http::async_read_header(stream_, buffer_, *parser_,
                            On([](Session& self, const ErrorCodeBoost& error, size_t) {
                              if (self.state_ == State::kClosed) return;
                              if (error) return self.OnBadRequest(error);
                              self.OnHeader();
                            }));
  }

  // The answer to what is no request, or to one that is not wanted; its body stays unread.
  void Refuse(HttpResponse response) {
    if (!exchange_) {
      BeginExchange(std::make_shared<HttpRequest>());
      exchange_->request->id = NewRequestId();
      exchange_->request->peer = peer_;
    }
    exchange_->keep_alive = false;
    state_ = State::kAnswering;
    linger_ = true;
    NewResponder()->Send(std::move(response));
  }

  static HttpResponse Problem(int status, const char* message) {
    return {.status = status,
            .body = std::string(R"({"error":{"message":")") + message +
                    R"(","type":"invalid_request_error","param":null,"code":null}})"};
  }

  void OnBadRequest(const ErrorCodeBoost& error) {
    if (error == http::error::header_limit ||
        (error == http::error::buffer_overflow && !exchange_)) {
      return Refuse(Problem(431, "The request's header is too large."));
    }
    if (error == http::error::body_limit) {
      return Refuse(Problem(413, "The request's body is too large."));
    }
    if (error.category() == make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return Refuse(Problem(400, "This is not a valid HTTP/1.1 request."));
    }
    Close();
  }

  void OnHeader() {
    const auto& message = parser_->get();
    auto request = std::make_shared<HttpRequest>();
    request->method = std::string(message.method_string());
    request->target = std::string(message.target());
    const size_t question = request->target.find('?');
    for (const auto& field : message) {
      std::string name = ToLowerAscii(std::string(field.name_string()));
      request->headers.emplace_back(std::move(name), std::string(field.value()));
    }
    std::string path = request->target.substr(0, question);
    // RFC 9112, 3.2.2: of an absolute target the host counts, not the header's.
    const size_t scheme = path.find("://");
    const bool absolute = StartsWithNoCase(path, "http://") || StartsWithNoCase(path, "https://");
    if (absolute) {
      const size_t slash = std::min(path.find('/', scheme + 3), path.size());
      std::erase_if(request->headers, [](const auto& header) { return header.first == "host"; });
      request->headers.emplace_back("host", path.substr(scheme + 3, slash - scheme - 3));
      path = slash == path.size() ? "/" : path.substr(slash);
    }
    request->path = std::move(path);
    if (question != std::string::npos) request->query = request->target.substr(question + 1);
    request->peer = peer_;
    request->id = RequestIdOf(request->Header("x-request-id"));
    request->trace_id = TraceIdOf(request->Header("traceparent"));
    BeginExchange(request);
    exchange_->version = message.version();
    exchange_->keep_alive = message.keep_alive();
    if (message.version() != 10 && message.version() != 11) {
      return Refuse(Problem(505, "This server speaks HTTP/1.1."));
    }
    if (auto refusal = WrongFraming(message)) return Refuse(std::move(*refusal));
    HeaderVerdict verdict = shared_.callbacks.on_header(*request);
    if (auto* refusal = std::get_if<HttpResponse>(&verdict)) {
      const bool has_body = parser_->chunked() || parser_->content_length_remaining().value_or(0);
      if (has_body) return Refuse(std::move(*refusal));
      state_ = State::kAnswering;  // nothing is left unread: the connection may go on
      Watch();
      NewResponder()->Send(std::move(*refusal));
      return;
    }
    max_body_ = std::get<BodyLimit>(verdict).max_bytes;
    const uint64_t announced = parser_->content_length_remaining().value_or(0);
    if (announced > max_body_) return Refuse(TooLarge());
    if (parser_->chunked() && max_body_ == 0)
      return Refuse(Problem(400, "This route takes no body."));
    parser_->body_limit(max_body_);
    exchange_->request->body_place = shared_.bodies->TryEnter(exchange_->request->Owner(), 0);
    // Beast reads as much at once as the buffer holds, 1.5 KiB at first.
    buffer_.reserve(std::min<size_t>(announced, kReadBytes));
    body_begun_at_ = Clock::now();
    ArmForBody();
    if (boost::beast::iequals(message[http::field::expect], "100-continue")) {
      asio::async_write(stream_, asio::buffer(kContinue, sizeof(kContinue) - 1),
                        On([](Session& self, const ErrorCodeBoost& error, size_t) {
                          if (error) return self.Close();
                          self.ReadBody();
                        }));
      return;
    }
    ReadBody();
  }

  // What would leave two readers of the same bytes at odds about where the request ends (RFC 9112,
  // 6.1 and 6.3), or about whom it is meant for (3.2).
  template <typename Message>
  static std::optional<HttpResponse> WrongFraming(const Message& message) {
    const auto codings = message.equal_range(http::field::transfer_encoding);
    const auto n_codings = std::distance(codings.first, codings.second);
    if (n_codings > 0 && (n_codings > 1 || message.version() < 11 ||
                          !boost::beast::iequals(codings.first->value(), "chunked"))) {
      return Problem(501, "The only Transfer-Encoding that this server knows is 'chunked'.");
    }
    const auto n_hosts = message.count(http::field::host);
    if (n_hosts > 1 || (n_hosts == 0 && message.version() >= 11))
      return Problem(400, "A request has exactly one Host header.");
    return std::nullopt;
  }

  // The slowest body: body_timeout_s, and a second more for each min_bytes_per_s that have come.
  void ArmForBody() {
    const HttpLimits& limits = shared_.options.limits;
    read_timer_.expires_at(
        body_begun_at_ +
        Duration(limits.body_timeout_s +
                 static_cast<double>(parser_->get().body().size()) / limits.min_bytes_per_s));
    read_timer_.async_wait(On([](Session& self, const ErrorCodeBoost& error) {
      if (!error && self.read_timer_.expiry() <= Clock::now()) self.Close();
    }));
  }

  HttpResponse TooLarge() const {
    return Problem(413, "The request's body is too large for this route.");
  }
  HttpResponse NoRoom() const {
    HttpResponse response =
        Problem(503, "The server holds too many uploads at the moment. Try again later.");
    response.headers.emplace_back("Retry-After", "5");
    return response;
  }

  void ReadBody() {
    if (parser_->is_done()) return OnRequest();
    http::async_read_some(
        stream_, buffer_, *parser_, On([](Session& self, const ErrorCodeBoost& error, size_t) {
          if (self.state_ == State::kClosed) return;
          if (error) return self.OnBadRequest(error);
          // Counted as it comes: what is only announced takes no room.
          const size_t size = self.parser_->get().body().size();
          if (!self.exchange_->request->body_place->Resize(static_cast<int64_t>(size))) {
            self.parser_->get().body() = {};
            return self.Refuse(self.NoRoom());
          }
          self.ArmForBody();
          self.ReadBody();
        }));
  }

  void OnRequest() {
    ErrorCodeBoost ignored;
    read_timer_.cancel(ignored);
    exchange_->request->body = std::move(parser_->get().body());
    parser_.reset();
    if (buffer_.capacity() > kWatchBytes) buffer_.shrink_to_fit();  // idle connections are many
    state_ = State::kAnswering;
    Watch();
    shared_.callbacks.on_request(exchange_->request, NewResponder());
  }

  void BeginExchange(std::shared_ptr<HttpRequest> request) {
    exchange_ = std::make_shared<Exchange>();
    exchange_->request = std::move(request);
    exchange_->unsent_place = shared_.unsent->TryEnter(peer_, 0);
    last_queued_ = false;
    linger_ = false;
  }
  std::shared_ptr<Responder> NewResponder() {
    return std::make_shared<ResponderImpl>(Self(), exchange_,
                                           shared_.options.limits.max_unsent_bytes);
  }

  // Makes `current_` what goes out next. False: nothing is there, or the file cannot be read.
  bool TakeNext() {
    current_.clear();
    written_ = 0;
    while (!out_.empty() && !out_.front().file &&
           (current_.empty() || current_.size() + out_.front().bytes.size() <= 65536)) {
      if (current_.empty()) {
        current_ = std::move(out_.front().bytes);
      } else {
        current_ += out_.front().bytes;
      }
      out_.pop_front();
    }
    counted_ = current_.size();
    if (!current_.empty() || out_.empty()) return !current_.empty();
    Outgoing& front = out_.front();
    auto slice = front.file->Read(front.offset, kFileSliceBytes);
    if (!slice.ok()) {  // the announced length does not come: the client sees that it was cut
      Close();
      return false;
    }
    current_ = std::move(*slice);
    front.offset += static_cast<int64_t>(current_.size());
    if (front.offset >= front.file->size_bytes()) out_.pop_front();
    return true;
  }

  void WriteSome() {
    if (written_ == current_.size() && !TakeNext()) {
      if (last_queued_ && state_ == State::kAnswering) Answered();
      return;
    }
    writing_ = true;
    Arm(write_timer_, shared_.options.limits.write_timeout_s);
    const size_t size = std::min(kWriteSliceBytes, current_.size() - written_);
    asio::async_write(stream_, asio::buffer(current_.data() + written_, size),
                      On([](Session& self, const ErrorCodeBoost& error, size_t n) {
                        self.writing_ = false;
                        if (self.state_ == State::kClosed) return;
                        if (error) return self.Close();
                        ErrorCodeBoost ignored;
                        self.write_timer_.cancel(ignored);
                        self.written_ += n;
                        if (self.written_ == self.current_.size()) self.Forget();
                        self.WriteSome();
                      }));
  }

  // `current_` has gone out: it is counted no longer.
  void Forget() {
    const size_t unsent = exchange_->unsent -= std::exchange(counted_, 0);
    exchange_->unsent_place->Resize(static_cast<int64_t>(unsent));
  }

  void Answered() {
    const bool keep_alive = exchange_->keep_alive && !shared_.stopping;
    EndExchange(true);
    if (keep_alive) return Idle();
    if (!linger_) return Close();
    // The client may still be sending what will not be read. Closing now would reset the connection
    // and could destroy the answer on its way.
    state_ = State::kLingering;
    ErrorCodeBoost ignored;
    Socket().shutdown(Tcp::socket::shutdown_send, ignored);
    buffer_.clear();
    Arm(read_timer_, kLingerSeconds);
    Watch();
  }

  void EndExchange(bool complete) {
    if (!exchange_) return;
    const std::shared_ptr<Exchange> exchange = std::exchange(exchange_, nullptr);
    std::function<void()> on_gone;
    int status = 0;
    size_t sent = 0;
    {
      std::lock_guard lock(exchange->mutex);
      if (!complete) exchange->gone = true;
      on_gone = std::exchange(exchange->on_gone, nullptr);
      status = exchange->status;
      sent = exchange->sent;
    }
    exchange->unsent_place->Leave();
    if (!complete && on_gone) on_gone();
    if (shared_.callbacks.on_done) {
      shared_.callbacks.on_done(*exchange->request, status, sent, SecondsSince(exchange->begun_at));
    }
  }

  static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

  const std::shared_ptr<Shared> owner_;  // the sockets' io_context goes last
  Shared& shared_;
  Stream stream_;
  const std::string peer_;
  // As large as a header may be, and what is read at once: chunk extensions and trailers, which
  // have no limit of their own, end there.
  boost::beast::flat_buffer buffer_;
  asio::steady_timer read_timer_, write_timer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  State state_ = State::kIdle;
  bool watching_ = false, writing_ = false, last_queued_ = false, linger_ = false;
  size_t max_body_ = 0;
  Clock::time_point quiet_since_, body_begun_at_;
  std::shared_ptr<Exchange> exchange_;
  std::deque<Outgoing> out_;
  std::string current_;  // being written, from `written_` on
  size_t written_ = 0;
  size_t counted_ = 0;  // of Exchange::unsent in `current_`
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, Callbacks callbacks) {
    shared_.options = options;
    shared_.callbacks = std::move(callbacks);
    shared_.bodies.emplace(static_cast<int64_t>(options.limits.max_buffered_bytes));
    shared_.unsent.emplace(static_cast<int64_t>(options.limits.max_unsent_bytes_in_sum));
  }
  ~Impl() {
    StopListening();
    asio::post(io_, [this] {
      for (const auto& weak : Sessions()) weak->Close();
      work_.reset();
    });
    if (thread_.joinable()) thread_.join();
    shared_.closed = true;
    // What was posted in between would keep its session, and that the queue, for ever.
    io_.restart();
    io_.poll();
  }

  static Error BadTls(const std::string& what, const std::string& file, const ErrorCodeBoost& error,
                      const std::string& remedy) {
    return {ErrorCode::kInvalidArgument, what + " " + QuoteUntrusted(file) + " cannot be used: " +
                                             error.message() + " (" + remedy + ")"};
  }

  Status Listen() {
    const HttpServerOptions& options = shared_.options;
    if (!options.tls.certificate.empty()) {
      tls_.emplace(asio::ssl::context::tls_server);
      ErrorCodeBoost error;
      tls_->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                        asio::ssl::context::no_tlsv1_1);
      tls_->use_certificate_chain_file(options.tls.certificate, error);
      if (error) {
        return BadTls("the TLS certificate", options.tls.certificate, error,
                      "give a PEM file with the certificate and its chain that this user may read");
      }
      // Without this OpenSSL asks at the terminal.
      tls_->set_password_callback([](size_t, asio::ssl::context::password_purpose) { return ""; });
      tls_->use_private_key_file(options.tls.private_key, asio::ssl::context::pem, error);
      if (error) {
        return BadTls("the TLS key", options.tls.private_key, error,
                      "give a PEM file with the key that belongs to the certificate, without a "
                      "password, that this user may read");
      }
    }
    ErrorCodeBoost error;
    Tcp::resolver resolver(io_);
    const auto found =
        resolver.resolve(options.host, std::to_string(options.port), Tcp::resolver::passive, error);
    if (error || found.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   "cannot listen on " + QuoteUntrusted(options.host) + ": " + error.message()};
    }
    const Tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Error{ErrorCode::kIo, "cannot listen on " + options.host + ", port " +
                                       std::to_string(options.port) + ": " + error.message() +
                                       " (choose another --port, or stop what uses it)"};
    }
    port_ = acceptor_.local_endpoint().port();
    work_.emplace(io_.get_executor());
    Accept();
    thread_ = std::thread([this] {
      NameThread("network");
      while (true) {  // what a handler of the acceptor throws ends its connection, not the server
        try {
          io_.run();
          return;
        } catch (...) {
          ++shared_.failed;
        }
      }
    });
    return OkStatus();
  }

  void StopListening() {
    if (shared_.stopping.exchange(true)) return;
    asio::post(io_, [this] {
      ErrorCodeBoost ignored;
      acceptor_.close(ignored);
      retry_.cancel(ignored);
      for (const auto& session : Sessions()) session->CloseIfIdle();
    });
  }

  uint16_t port() const { return port_; }
  HttpServerStats stats() const {
    return {shared_.connections,      shared_.connections_total, shared_.refused,
            shared_.bodies->active(), shared_.unsent->active(),  shared_.failed};
  }

 private:
  std::vector<std::shared_ptr<SessionBase>> Sessions() {
    std::vector<std::shared_ptr<SessionBase>> alive;
    for (const auto& [key, weak] : sessions_) {
      if (auto session = weak.lock()) alive.push_back(std::move(session));
    }
    return alive;
  }

  void Accept() {
    acceptor_.async_accept([this](const ErrorCodeBoost& error, Tcp::socket socket) {
      if (shared_.stopping) return;
      if (error) {
        // Out of descriptors, most likely: connections that end will free some.
        retry_.expires_after(std::chrono::milliseconds(100));
        retry_.async_wait([this](const ErrorCodeBoost& cancelled) {
          if (!cancelled) Accept();
        });
        return;
      }
      try {
        Serve(std::move(socket));
      } catch (...) {  // no memory for it
        ++shared_.failed;
      }
      Accept();
    });
  }

  // Closes the connection that has waited longest for its client's next request, of the peer that
  // has most connections and one that waits. False: all are being answered.
  bool MakeRoom() {
    const auto sessions = Sessions();
    std::unordered_map<std::string, size_t> n_of_peer;
    for (const auto& session : sessions) n_of_peer[session->peer()] += !session->closed();
    SessionBase* victim = nullptr;
    const auto rank = [&](const SessionBase& session) {
      return std::make_pair(n_of_peer[session.peer()], Clock::now() - *session.quiet_since());
    };
    for (const auto& session : sessions) {
      if (session->quiet_since() && (victim == nullptr || rank(*session) > rank(*victim)))
        victim = session.get();
    }
    if (victim == nullptr) return false;
    victim->Close();
    return true;
  }

  void Serve(Tcp::socket socket) {
    ErrorCodeBoost error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;
    if (shared_.connections >= shared_.options.limits.max_connections && !MakeRoom()) {
      ++shared_.refused;
      return;  // closes it
    }
    socket.set_option(Tcp::no_delay(true), error);
    const std::string peer = endpoint.address().to_string();
    std::shared_ptr<SessionBase> session;
    if (tls_) {
      session =
          std::make_shared<Session<TlsStream>>(owner_, TlsStream(std::move(socket), *tls_), peer);
    } else {
      session = std::make_shared<Session<Tcp::socket>>(owner_, std::move(socket), peer);
    }
    if (sessions_.size() > 2 * static_cast<size_t>(shared_.connections) + 64) {
      std::erase_if(sessions_, [](const auto& entry) { return entry.second.expired(); });
    }
    sessions_.insert_or_assign(session.get(), session);
    session->Start();
  }

  const std::shared_ptr<Shared> owner_ = std::make_shared<Shared>();
  Shared& shared_ = *owner_;
  asio::io_context& io_ = owner_->io;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::optional<asio::ssl::context> tls_;
  Tcp::acceptor acceptor_{io_};
  asio::steady_timer retry_{io_};
  std::unordered_map<SessionBase*, std::weak_ptr<SessionBase>> sessions_;
  uint16_t port_ = 0;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      Callbacks callbacks) {
  auto impl = std::make_unique<Impl>(options, std::move(callbacks));
  GLM_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::port() const { return impl_->port(); }
HttpServerStats HttpServer::stats() const { return impl_->stats(); }
void HttpServer::StopListening() { impl_->StopListening(); }

}  // namespace glmocr::server
