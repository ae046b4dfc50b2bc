// What the server costs: the same region requests, PNG files, decoded and given straight to the
// recogniser, and over HTTP
// on the loopback device, as whole answers and as streams, in turns within one run.
//
//   server_bench [--model DIR | --random glm-ocr-0.9b] [--concurrency 32] [--requests 128]
//                [--rounds 5] [--batch 32] [--max-tokens 64] [--exact] [--threads 0]
//
// Every way has the same number of callers, each with one request at a time, and pictures of its
// own (no cache helps). A line of the test set has some 30 tokens; --exact --max-tokens 200 makes
// answers as long as those to a paragraph or a table, whatever they say. The requests are made
// before the clock starts; over HTTP the time holds the client's sending and reading too, on the
// same processors. Where others use the machine, compare the processor time a token, with --threads
// 1 (more threads spin while they wait). The table of threads says whose it is: "callers" are the
// clients (of the engine: with decoding), "network" and "prepare" the server's, the others the
// engine's.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/base64.h"
#include "base/file.h"
#include "bench/random_model.h"
#include "layout/geometric.h"
#include "media/decode.h"
#include "media/encode.h"
#include "pipeline/recognizer.h"
#include "server/server.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;
using nlohmann::json;

struct Options {
  std::string model = GLMOCR_SOURCE_DIR "/models/starter";
  std::string random;
  int concurrency = 32, requests = 128, rounds = 5, threads = 0;
  std::string picture_worker = server::ServerConfig().picture_worker;
  int64_t batch = 32, max_tokens = 64;
  bool exact = false;
  std::string only;
  double stream_interval_s = server::ServerConfig().stream_interval_s;
};

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "server_bench: %s\n", message.c_str());
  std::exit(1);
}

template <typename T>
T Value(Result<T> result) {
  if (!result.ok()) Die(result.error().message);
  return std::move(*result);
}

std::vector<Image> Lines() {
  const fs::path base = GLMOCR_SOURCE_DIR "/tests/golden/lines/document_clean";
  const std::string png = Value(ReadFile(base.string() + ".png", size_t{64} << 20));
  const Image all = Value(DecodeImages(std::as_bytes(std::span(png)), "lines")).at(0);
  const json index = json::parse(Value(ReadFile(base.string() + ".json", size_t{1} << 20)));
  const int height = index["line_px"];
  std::vector<Image> lines;
  for (const json& line : index["lines"]) {
    const int top = static_cast<int>(lines.size()) * height;
    Image& image = lines.emplace_back(line["width_px"], height);
    for (int y = 0; y < height; ++y) std::memcpy(image.row(y), all.row(top + y), image.row_bytes());
  }
  return lines;
}

// A checkpoint with random weights needs a tokenizer: the starter model's, its picture token at the
// id that the configuration names, and the ids below it filled up with tokens of their own, so that
// what is drawn makes text.
void WriteTokenizer(const fs::path& dir) {
  const fs::path starter = GLMOCR_SOURCE_DIR "/models/starter";
  const json config = json::parse(Value(ReadFile(dir / "config.json", 1 << 20)));
  json tokenizer = json::parse(Value(ReadFile(starter / "tokenizer.json", size_t{64} << 20)));
  json& vocab = tokenizer["model"]["vocab"];
  json& added = tokenizer["added_tokens"];
  // Added tokens follow the vocabulary in their order.
  const auto picture = std::find_if(added.begin(), added.end(), [](const json& token) {
    return token["content"] == "<|image|>";
  });
  const int first_added =
      config["image_token_id"].get<int>() - static_cast<int>(picture - added.begin());
  if (first_added < static_cast<int>(vocab.size()))
    Die("--random needs an architecture with a larger vocabulary than the starter model's");
  for (int id = static_cast<int>(vocab.size()); id < first_added; ++id)
    vocab["w" + std::to_string(id)] = id;
  for (size_t i = 0; i < added.size(); ++i) added[i]["id"] = first_added + static_cast<int>(i);
  std::ofstream(dir / "tokenizer.json") << tokenizer.dump();
  for (const char* name :
       {"preprocessor_config.json", "chat_template.jinja", "tokenizer_config.json"}) {
    fs::copy_file(starter / name, dir / name, fs::copy_options::overwrite_existing);
  }
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Processor seconds of this process's threads by their names; "": worker processes that have ended.
std::map<std::string, double> CpuByThread() {
  std::map<std::string, double> seconds;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream name_file(task.path() / "comm"), time_file(task.path() / "schedstat");
    std::string name;
    double ns = 0;
    if (std::getline(name_file, name) && time_file >> ns) seconds[name] += 1e-9 * ns;
  }
  return seconds;
}

struct Measured {
  double wall_s = 0, cpu_s = 0;
  int64_t tokens = 0;
  std::map<std::string, double> threads;  // processor seconds; "callers": the clients
};

class Bench {
 public:
  Bench(const Options& options, Recognizer& recognizer, uint16_t port)
      : options_(options), recognizer_(recognizer), port_(port), lines_(Lines()) {}

  // What a caller has in hand when the clock starts.
  struct Asked {
    std::string png;
    uint32_t seed = 0;
    std::string whole, stream;  // HTTP requests
  };
  using Caller = std::function<void(const Asked&)>;
  Measured Run(const std::function<Caller()>& make_caller) {
    std::vector<Asked> asked;
    asked.reserve(static_cast<size_t>(options_.requests));
    for (int i = 0; i < options_.requests; ++i) asked.push_back(Next());
    const int64_t tokens = recognizer_.stats().generated_tokens;
    std::atomic<int> next{0};
    std::vector<std::thread> callers;
    callers.reserve(static_cast<size_t>(options_.concurrency));
    Measured measured;
    const double cpu = CpuSeconds();
    const std::map<std::string, double> before = CpuByThread();
    std::mutex mutex;
    const auto begin = std::chrono::steady_clock::now();
    for (int c = 0; c < options_.concurrency; ++c) {
      callers.emplace_back([&] {
        const Caller call = make_caller();
        for (int i = next++; i < options_.requests; i = next++) call(asked[static_cast<size_t>(i)]);
        timespec used = {};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        const std::lock_guard lock(mutex);
        measured.threads["callers"] +=
            static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
      });
    }
    for (std::thread& caller : callers) caller.join();
    measured.wall_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    measured.cpu_s = CpuSeconds() - cpu;
    for (const auto& [name, seconds] : CpuByThread()) {
      const auto was = before.find(name);
      const double used = seconds - (was == before.end() ? 0 : was->second);
      if (used > 0) measured.threads[name] += used;
    }
    measured.tokens = recognizer_.stats().generated_tokens - tokens;
    return measured;
  }

  Caller Bare() {
    return [this](const Asked& asked) {
      const Image image = Value(DecodePage(std::as_bytes(std::span(asked.png)), "line", 0));
      const GlmOcrProcessor& processor = recognizer_.processor();
      PromptRequest request;
      std::vector<ImageInput> images;
      images.push_back(Value(processor.PrepareImage(image)));
      request.prompt = Value(processor.Process(std::move(images), "Text Recognition:"));
      request.generation.max_new_tokens = options_.max_tokens;
      if (options_.exact) {
        request.generation.sampling.temperature = 1;
        request.generation.sampling.seed = asked.seed;
        for (const int32_t id : recognizer_.runner().info().eos_token_ids)
          request.generation.sampling.logit_bias.emplace_back(id, -100.0F);
      }
      std::promise<FinishReason> done;
      std::string text;
      request.on_token = [&text](const TokenEvent& event) {
        text += event.bytes;
        return OkStatus();
      };
      request.on_done = [&done](const Outcome& outcome) { done.set_value(outcome.reason); };
      Value(recognizer_.Submit(std::move(request)));
      if (done.get_future().get() == FinishReason::kError) Die("a request failed");
    };
  }

  // Over a connection of its own that stays open.
  Caller Http(bool stream) {
    auto io = std::make_shared<asio::io_context>();
    auto socket = std::make_shared<asio::ip::tcp::socket>(*io);
    socket->connect({asio::ip::make_address("127.0.0.1"), port_});
    socket->set_option(asio::ip::tcp::no_delay(true));
    return [io, socket, stream](const Asked& asked) {
      asio::write(*socket, asio::buffer(stream ? asked.stream : asked.whole));
      std::string answer;
      char piece[16384];
      while (!Complete(answer, stream)) {
        const size_t n = socket->read_some(asio::buffer(piece));
        answer.append(piece, n);
      }
      if (answer.rfind("HTTP/1.1 200", 0) != 0) Die("an answer was " + answer.substr(0, 400));
    };
  }

 private:
  // Pictures differ in one pixel, so that neither cache knows them.
  Asked Next() {
    Asked asked;
    Image image = lines_[serial_++ % lines_.size()];
    for (int b = 0; b < 3; ++b) image.rgb[static_cast<size_t>(b)] = serial_ >> (8 * b) & 255;
    asked.png = Value(EncodePng(image));
    asked.seed = serial_;
    const std::string uri = "data:image/png;base64," + EncodeBase64(asked.png);
    asked.whole = HttpText(uri, asked.seed, "false");
    asked.stream = HttpText(uri, asked.seed, "true");
    return asked;
  }
  std::string HttpText(const std::string& uri, uint32_t seed, const char* stream) const {
    json sampling = {{"temperature", 0}};
    if (options_.exact) {
      sampling = {{"temperature", 1}, {"seed", seed}};
      for (const int32_t id : recognizer_.runner().info().eos_token_ids)
        sampling["logit_bias"][std::to_string(id)] = -100;
    }
    std::string fields = sampling.dump();
    fields.pop_back();
    const std::string body =
        fields + R"(,"model":"glm-ocr","max_tokens":)" + std::to_string(options_.max_tokens) +
        ",\"stream\":" + stream +
        R"(,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":")" + uri +
        R"("}},{"type":"text","text":"Text Recognition:"}]}]})";
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
           "application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static bool Complete(const std::string& answer, bool stream) {
    if (stream && answer.rfind("HTTP/1.1 200", 0) == 0) {
      return answer.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n");
    }
    const size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const size_t at = answer.find("Content-Length: ");
    if (at == std::string::npos || at > head) Die("an answer has no length");
    return answer.size() - head - 4 >= std::stoul(answer.substr(at + 16, 20));
  }

  const Options& options_;
  Recognizer& recognizer_;
  const uint16_t port_;
  const std::vector<Image> lines_;
  uint32_t serial_ = 0;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Round by round: the machine is the same for both within a round, and often not between rounds.
std::vector<double> Ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
  return ratios;
}

int Main(Options options) {
  fs::path scratch;
  if (!options.random.empty()) {
    scratch = fs::temp_directory_path() / ("server_bench." + std::to_string(::getpid()));
    fs::create_directory(scratch);
    ThreadPool pool(std::max(1U, std::thread::hardware_concurrency()));
    const Status written = WriteRandomModel(options.random, scratch, 1, pool, {});
    if (!written.ok()) Die(written.error().message);
    WriteTokenizer(scratch);
    options.model = scratch;
  }
  auto recognizer = Value(Recognizer::Load(options.model, {.runner = {.n_threads = options.threads},
                                                           .max_batch = options.batch,
                                                           .drafts = {.mode = DraftMode::kOff}}));
  if (!scratch.empty()) fs::remove_all(scratch);  // the weights are in memory
  server::ServerConfig config;
  config.http.port = 0;
  config.log_level = "error";
  config.picture_worker = options.picture_worker;
  config.stream_interval_s = options.stream_interval_s;
  auto server = Value(server::Server::Start(config, *recognizer, MakeGeometricLayout()));
  Bench bench(options, *recognizer, server->port());

  struct Way {
    const char* name;
    std::function<Bench::Caller()> make;
    std::vector<double> rate, cpu;  // tokens a second, CPU milliseconds a token
    std::map<std::string, std::vector<double>> threads;  // CPU microseconds a token
  };
  std::vector<Way> ways = {{"engine", [&] { return bench.Bare(); }},
                           {"http", [&] { return bench.Http(false); }},
                           {"http stream", [&] { return bench.Http(true); }}};
  if (!options.only.empty())
    std::erase_if(ways, [&](const Way& way) { return way.name != options.only; });
  for (int round = -1; round < options.rounds; ++round) {  // the first one warms up
    for (size_t i = 0; i < ways.size(); ++i) {
      // Who comes first changes, so that a slow minute of the machine hits all alike.
      Way& way = ways[(i + static_cast<size_t>(round + 1)) % ways.size()];
      const Measured m = bench.Run(way.make);
      if (round < 0) continue;
      const auto tokens = static_cast<double>(m.tokens);
      way.rate.push_back(tokens / m.wall_s);
      way.cpu.push_back(1000 * m.cpu_s / tokens);
      for (const auto& [name, seconds] : m.threads)
        way.threads[name].push_back(1e6 * seconds / tokens);
    }
  }
  std::printf("%d callers, %d requests a round, batch %lld, %d rounds, medians\n",
              options.concurrency, options.requests, static_cast<long long>(options.batch),
              options.rounds);
  std::printf("%-12s %10s %10s %14s %10s\n", "", "tokens/s", "of engine", "CPU ms/token",
              "of engine");
  for (const Way& way : ways) {
    std::printf("%-12s %10.1f %9.1f%% %14.4f %9.1f%%\n", way.name, Median(way.rate),
                100 * Median(Ratios(way.rate, ways[0].rate)), Median(way.cpu),
                100 * Median(Ratios(way.cpu, ways[0].cpu)));
  }
  std::printf("CPU microseconds a token, by thread\n");
  for (const Way& way : ways) {
    std::printf("%-12s", way.name);
    for (const auto& [name, used] : way.threads)
      std::printf("  %s %.1f", name.c_str(), Median(used));
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) {
  glmocr::Options options;
  CLI::App app("What the HTTP server costs over the bare engine");
  app.add_option("--model", options.model)->capture_default_str();
  app.add_option("--random", options.random, "Random weights of that architecture instead");
  app.add_option("--concurrency", options.concurrency)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--requests", options.requests)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rounds", options.rounds)->capture_default_str();
  app.add_option("--batch", options.batch)->capture_default_str();
  app.add_option("--max-tokens", options.max_tokens)->capture_default_str();
  app.add_flag("--exact", options.exact, "Every answer has --max-tokens tokens, drawn at random");
  app.add_option("--only", options.only, "One way alone, for a profiler")
      ->check(CLI::IsMember({"engine", "http", "http stream"}));
  app.add_option("--threads", options.threads)->capture_default_str();
  app.add_option("--stream-interval", options.stream_interval_s, "As the server's setting")
      ->capture_default_str();
  app.add_option("--picture-worker", options.picture_worker, "shared, each or off")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return glmocr::Main(options);
}
