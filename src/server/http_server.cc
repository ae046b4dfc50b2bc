#include "server/http_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <deque>
#include <mutex>
#include <sstream>
#include <thread>
#include <unordered_map>

#include "base/ascii.h"
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
constexpr size_t kRoomBytes = size_t{1} << 20;  // unsent, below which more is welcome
constexpr size_t kReadBytes = size_t{64} << 10;
constexpr size_t kWatchBytes = 4096;
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
  std::atomic<int64_t> connections{0}, connections_total{0}, refused{0}, buffered{0};
};

// Where a Responder puts its bytes; lives on the network's thread.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void Enqueue(std::string bytes, bool last) = 0;  // any thread
  virtual void Drop() = 0;                                 // any thread
};

// One request with its answer, shared by the session and the responder.
struct Exchange {
  std::shared_ptr<HttpRequest> request;
  unsigned version = 11;
  bool keep_alive = true;
  Clock::time_point begun_at = Clock::now();
  std::atomic<size_t> unsent{0};
  std::atomic<bool> gone{false};

  std::mutex mutex;  // of the following
  int status = 0;
  bool begun = false, ended = false, chunked = false;
  size_t sent = 0;
  std::function<void()> on_gone, on_room;
};

class ResponderImpl : public Responder {
 public:
  ResponderImpl(std::shared_ptr<ByteSink> sink, std::shared_ptr<Exchange> exchange,
                size_t max_unsent)
      : sink_(std::move(sink)), exchange_(std::move(exchange)), max_unsent_(max_unsent) {}
  ResponderImpl(const ResponderImpl&) = delete;
  ResponderImpl& operator=(const ResponderImpl&) = delete;
  ~ResponderImpl() override {
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

  void OnRoom(std::function<void()> callback) override {
    {
      std::lock_guard lock(exchange_->mutex);
      if (!exchange_->gone && exchange_->unsent > kRoomBytes) {
        exchange_->on_room = std::move(callback);
        return;
      }
    }
    callback();
  }

 private:
  void Put(std::string bytes, bool last) {
    if (exchange_->gone) return;
    // A whole answer may be as large as it is; the bound is for streams that nobody reads.
    if (!last && (exchange_->unsent += bytes.size()) > max_unsent_) {
      sink_->Drop();
      return;
    }
    if (last) exchange_->unsent += bytes.size();
    sink_->Enqueue(std::move(bytes), last);
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
        read_timer_(stream_.get_executor()),
        write_timer_(stream_.get_executor()) {
    ++shared_.connections;
    ++shared_.connections_total;
  }
  ~Session() override {
    Release();
    --shared_.connections;
  }

  void Start() override {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      Arm(read_timer_, kHandshakeSeconds);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = Self()](const ErrorCodeBoost& error) {
                                if (error) return self->Close();
                                self->Idle();
                              });
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
    Release();
    EndExchange(false);
  }

  void Enqueue(std::string bytes, bool last) override {
    if (shared_.closed) return;
    asio::post(stream_.get_executor(), [self = Self(), bytes = std::move(bytes), last]() mutable {
      if (self->state_ != State::kAnswering) return;
      self->out_.push_back(std::move(bytes));
      self->last_queued_ |= last;
      if (!self->writing_) self->WriteSome();
    });
  }
  void Drop() override {
    if (shared_.closed) return;
    asio::post(stream_.get_executor(), [self = Self()] { self->Close(); });
  }

 private:
  enum class State { kIdle, kReading, kAnswering, kLingering, kClosed };

  std::shared_ptr<Session> Self() { return this->shared_from_this(); }
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
    timer.async_wait([self = Self(), &timer](const ErrorCodeBoost& error) {
      if (!error && timer.expiry() <= Clock::now()) self->Close();
    });
  }

  void Release() {
    shared_.buffered -= static_cast<int64_t>(reserved_);
    reserved_ = 0;
  }

  // Waits for a request's first byte.
  void Idle() {
    if (shared_.stopping) return Close();
    state_ = State::kIdle;
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
                            [self = Self()](const ErrorCodeBoost& error, size_t n) {
                              self->watching_ = false;
                              if (error) return self->Close();
                              if (self->state_ == State::kClosed) return;
                              if (self->state_ == State::kLingering) {
                                return self->Watch();  // unread: nothing of it is kept
                              }
                              self->buffer_.commit(n);
                              if (self->state_ == State::kIdle) self->StartRequest();
                            });
  }

  void StartRequest() {
    state_ = State::kReading;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_.options.limits.max_header_bytes));
    parser_->body_limit(UINT64_MAX);  // until the route has said
    Arm(read_timer_, shared_.options.limits.header_timeout_s);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = Self()](const ErrorCodeBoost& error, size_t) {
                              if (self->state_ == State::kClosed) return;
                              if (error) return self->OnBadRequest(error);
                              self->OnHeader();
                            });
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
    if (error == http::error::header_limit) {
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
    request->path = request->target.substr(0, question);
    if (question != std::string::npos) request->query = request->target.substr(question + 1);
    for (const auto& field : message) {
      std::string name = ToLowerAscii(std::string(field.name_string()));
      request->headers.emplace_back(std::move(name), std::string(field.value()));
    }
    request->peer = peer_;
    request->id = RequestIdOf(request->Header("x-request-id"));
    request->trace_id = TraceIdOf(request->Header("traceparent"));
    BeginExchange(request);
    exchange_->version = message.version();
    exchange_->keep_alive = message.keep_alive();
    if (message.version() != 10 && message.version() != 11) {
      return Refuse(Problem(505, "This server speaks HTTP/1.1."));
    }
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
    parser_->body_limit(max_body_);
    if (!Reserve(announced)) return Refuse(NoRoom());
    const HttpLimits& limits = shared_.options.limits;
    // Beast reads as much at once as the buffer holds, 1.5 KiB at first.
    buffer_.reserve(std::min<size_t>(announced, kReadBytes));
    Arm(read_timer_,
        limits.body_timeout_s + static_cast<double>(parser_->chunked() ? max_body_ : announced) /
                                    limits.min_bytes_per_s);
    if (boost::beast::iequals(message[http::field::expect], "100-continue")) {
      asio::async_write(stream_, asio::buffer(kContinue, sizeof(kContinue) - 1),
                        [self = Self()](const ErrorCodeBoost& error, size_t) {
                          if (error) return self->Close();
                          self->ReadBody();
                        });
      return;
    }
    ReadBody();
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

  // Counts `bytes` in all for this request's body against what all bodies may hold.
  bool Reserve(size_t bytes) {
    if (bytes <= reserved_) return true;
    const size_t more = bytes - reserved_;
    const int64_t now = shared_.buffered += static_cast<int64_t>(more);
    reserved_ = bytes;
    return now <= static_cast<int64_t>(shared_.options.limits.max_buffered_bytes);
  }

  void ReadBody() {
    if (parser_->is_done()) return OnRequest();
    http::async_read_some(stream_, buffer_, *parser_,
                          [self = Self()](const ErrorCodeBoost& error, size_t) {
                            if (self->state_ == State::kClosed) return;
                            if (error) return self->OnBadRequest(error);
                            if (!self->Reserve(self->parser_->get().body().size())) {
                              return self->Refuse(self->NoRoom());
                            }
                            self->ReadBody();
                          });
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
    last_queued_ = false;
    linger_ = false;
  }
  std::shared_ptr<Responder> NewResponder() {
    return std::make_shared<ResponderImpl>(Self(), exchange_,
                                           shared_.options.limits.max_unsent_bytes);
  }

  void WriteSome() {
    if (written_ == current_.size()) {
      current_.clear();
      written_ = 0;
      while (!out_.empty() &&
             (current_.empty() || current_.size() + out_.front().size() <= 65536)) {
        if (current_.empty()) {
          current_ = std::move(out_.front());
        } else {
          current_ += out_.front();
        }
        out_.pop_front();
      }
      if (current_.empty()) {
        if (last_queued_) Answered();
        return;
      }
    }
    writing_ = true;
    Arm(write_timer_, shared_.options.limits.write_timeout_s);
    const size_t size = std::min(kWriteSliceBytes, current_.size() - written_);
    asio::async_write(stream_, asio::buffer(current_.data() + written_, size),
                      [self = Self()](const ErrorCodeBoost& error, size_t n) {
                        self->writing_ = false;
                        if (self->state_ == State::kClosed) return;
                        if (error) return self->Close();
                        ErrorCodeBoost ignored;
                        self->write_timer_.cancel(ignored);
                        self->written_ += n;
                        self->exchange_->unsent -= n;
                        self->TellRoom();
                        self->WriteSome();
                      });
  }

  void TellRoom() {
    if (exchange_->unsent > kRoomBytes) return;
    std::function<void()> on_room;
    {
      std::lock_guard lock(exchange_->mutex);
      on_room = std::exchange(exchange_->on_room, nullptr);
    }
    if (on_room) on_room();
  }

  void Answered() {
    const bool keep_alive = exchange_->keep_alive && !shared_.stopping;
    Release();
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
    std::function<void()> on_gone, on_room;
    int status = 0;
    size_t sent = 0;
    {
      std::lock_guard lock(exchange->mutex);
      if (!complete) exchange->gone = true;
      on_gone = std::exchange(exchange->on_gone, nullptr);
      on_room = std::exchange(exchange->on_room, nullptr);
      status = exchange->status;
      sent = exchange->sent;
    }
    if (!complete && on_gone) on_gone();
    if (on_room) on_room();
    if (shared_.callbacks.on_done) {
      shared_.callbacks.on_done(
          *exchange->request, status, sent,
          std::chrono::duration<double>(Clock::now() - exchange->begun_at).count());
    }
  }

  static constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

  const std::shared_ptr<Shared> owner_;  // the sockets' io_context goes last
  Shared& shared_;
  Stream stream_;
  const std::string peer_;
  asio::steady_timer read_timer_, write_timer_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  State state_ = State::kIdle;
  bool watching_ = false, writing_ = false, last_queued_ = false, linger_ = false;
  size_t reserved_ = 0, max_body_ = 0;
  std::shared_ptr<Exchange> exchange_;
  std::deque<std::string> out_;
  std::string current_;  // being written, from `written_` on
  size_t written_ = 0;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, Callbacks callbacks) {
    shared_.options = options;
    shared_.callbacks = std::move(callbacks);
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
      io_.run();
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
    return {shared_.connections, shared_.connections_total, shared_.refused, shared_.buffered};
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
      Serve(std::move(socket));
      Accept();
    });
  }

  void Serve(Tcp::socket socket) {
    ErrorCodeBoost error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return;
    if (shared_.connections >= shared_.options.limits.max_connections) {
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
