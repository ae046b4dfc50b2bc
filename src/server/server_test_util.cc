#include "server/server_test_util.h"

#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/base64.h"
#include "base/file.h"
#include "layout/geometric.h"
#include "media/decode.h"
#include "media/encode.h"

namespace glmocr::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using nlohmann::json;

const std::filesystem::path kStarterDir =
    std::filesystem::path(GLMOCR_SOURCE_DIR) / "models/starter";
constexpr auto kTimeout = std::chrono::seconds(30);

asio::ip::tcp::endpoint Endpoint(uint16_t port) {
  return {asio::ip::make_address("127.0.0.1"), port};
}

http::request<http::string_body> MakeRequest(const std::string& method, const std::string& path,
                                             const std::string& body) {
  http::request<http::string_body> request;
  request.method_string(method);
  request.target(path);
  request.version(11);
  request.set(http::field::host, "127.0.0.1");
  request.body() = body;
  return request;
}

class OpenCallImpl : public OpenCall {
 public:
  OpenCallImpl(uint16_t port, const std::string& path, const std::string& body) : socket_(io_) {
    socket_.connect(Endpoint(port));
    auto request = MakeRequest("POST", path, body);
    request.set(http::field::content_type, "application/json");
    request.prepare_payload();
    http::write(socket_, request);
  }
  bool Read() override {
    char piece[4096] = {};
    boost::system::error_code error;
    const size_t n = socket_.read_some(asio::buffer(piece), error);
    bytes_.append(piece, n);
    return !error && !bytes_.ends_with("\r\n0\r\n\r\n");
  }
  const std::string& bytes() const override { return bytes_; }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  std::string bytes_;
};

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

json Parse(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  EXPECT_FALSE(value.is_discarded()) << text;
  return value.is_discarded() ? json() : value;
}

}  // namespace

json HttpReply::Json() const { return Parse(body); }

std::vector<json> HttpReply::Events() const {
  std::vector<json> events;
  for (const std::string& line : LinesOf(body)) {
    if (line.rfind("data: ", 0) == 0 && line != "data: [DONE]")
      events.push_back(Parse(line.substr(6)));
  }
  return events;
}

std::vector<std::string> HttpReply::EventNames() const {
  std::vector<std::string> names;
  for (const std::string& line : LinesOf(body)) {
    if (line.rfind("event: ", 0) == 0) names.push_back(line.substr(7));
  }
  return names;
}

std::vector<json> HttpReply::Lines() const {
  std::vector<json> values;
  for (const std::string& line : LinesOf(body)) values.push_back(Parse(line));
  return values;
}

TestServer::TestServer(const std::function<void(ServerConfig&)>& edit) {
  ServerConfig config;
  config.http.port = 0;
  config.drain_timeout_s = 5;
  config.stream_interval_s = 0;  // tests look at every piece
  if (edit) edit(config);
  recognizer_ = Recognizer::Load(kStarterDir, {.runner = {.n_threads = 2}}).value();
  auto server = Server::Start(config, *recognizer_, MakeGeometricLayout());
  EXPECT_TRUE(server.ok()) << (server.ok() ? "" : server.error().message);
  server_ = std::move(*server);
}

TestServer::~TestServer() = default;

HttpReply TestServer::Get(const std::string& path) { return Send("GET", path, "", {}); }

HttpReply TestServer::Post(const std::string& path, const json& body) {
  return Send("POST", path, body.dump(), {{"Content-Type", "application/json"}});
}

json TestServer::Good(const std::string& path, const json& body) {
  const HttpReply reply = Post(path, body);
  EXPECT_EQ(reply.status, 200) << reply.body;
  return reply.Json();
}

json TestServer::Refused(const std::string& path, const json& body, int status) {
  const HttpReply reply = Post(path, body);
  EXPECT_EQ(reply.status, status) << body.dump().substr(0, 300) << reply.body;
  const json answer = reply.Json();
  return answer.contains("error") ? answer["error"] : json({{"param", ""}, {"message", ""}});
}

HttpReply TestServer::Send(const std::string& method, const std::string& path,
                           const std::string& body,
                           const std::map<std::string, std::string>& headers) {
  asio::io_context io;
  beast::tcp_stream stream(io);
  http::response_parser<http::string_body> parser;
  parser.body_limit(size_t{256} << 20);
  beast::flat_buffer buffer;
  auto request = MakeRequest(method, path, body);
  for (const auto& [name, value] : headers) request.set(name, value);
  if (!body.empty() || method == "POST") request.prepare_payload();
  HttpReply reply;
  try {
    stream.connect(Endpoint(server_->port()));
    // Asynchronously, for the time limit.
    stream.expires_after(kTimeout);
    http::async_write(stream, request, [&](beast::error_code error, size_t) {
      if (error) throw beast::system_error(error);
      http::async_read(stream, buffer, parser, [](beast::error_code read_error, size_t) {
        if (read_error) throw beast::system_error(read_error);
      });
    });
    io.run();
  } catch (const std::exception& e) {
    ADD_FAILURE() << method << " " << path << ": " << e.what();
    return reply;
  }
  reply.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) {
    reply.headers[ToLowerAscii(std::string(field.name_string()))] = std::string(field.value());
  }
  reply.body = parser.get().body();
  return reply;
}

std::unique_ptr<OpenCall> TestServer::Open(const std::string& path, const json& body) {
  return std::make_unique<OpenCallImpl>(server_->port(), path, body.dump());
}

bool TestServer::BecomesIdle(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    const EngineStats stats = recognizer_->stats();
    if (stats.running + stats.waiting == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

const Tokenizer& StarterTokenizer() {
  static const Tokenizer tokenizer = Tokenizer::FromFile(kStarterDir / "tokenizer.json").value();
  return tokenizer;
}

json EndlessBias() {
  json bias;
  for (const char* token : {"<|user|>", "<|endoftext|>"})
    bias[std::to_string(StarterTokenizer().TokenId(token).value())] = -100;
  return bias;
}

json With(json request, const json& more) {
  request.update(more);
  return request;
}

const std::vector<GoldenLine>& GoldenLines() {
  static const std::vector<GoldenLine> lines = [] {
    const std::filesystem::path base =
        std::filesystem::path(GLMOCR_SOURCE_DIR) / "tests/golden/lines/document_clean";
    const std::string png = ReadFile(base.string() + ".png", size_t{64} << 20).value();
    const Image all = DecodeImages(std::as_bytes(std::span(png)), "lines").value().at(0);
    const json index = json::parse(ReadFile(base.string() + ".json", size_t{1} << 20).value());
    const int height = index["line_px"];
    std::vector<GoldenLine> out;
    for (const json& line : index["lines"]) {
      GoldenLine& golden = out.emplace_back();
      golden.image = Image(line["width_px"], height);
      const int top = static_cast<int>(out.size() - 1) * height;
      for (int y = 0; y < height; ++y)
        std::memcpy(golden.image.row(y), all.row(top + y), golden.image.row_bytes());
      golden.text = line["text"];
      golden.uri = PngUri(golden.image);
    }
    return out;
  }();
  return lines;
}

std::string PngUri(const Image& image) {
  return "data:image/png;base64," + EncodeBase64(EncodePng(image).value());
}

}  // namespace glmocr::server
