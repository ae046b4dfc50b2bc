// tokenizer_bench TOKENIZER_JSON TEXT_FILE [IDS_FILE]: encoding speed on one core, as one text and
// line by line.
//
// Prints one JSON object: bytes, ids, the best of five runs in seconds and MB/s for either way, and
// the time to load. With IDS_FILE, writes the ids of the whole text there as 32-bit integers, so
// that benchmarks/peers/tokenizer_bench.py can check them against the reference before it compares
// speeds.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "tokenizer/tokenizer.h"

namespace glmocr {
namespace {

constexpr int kRuns = 5;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The best of kRuns; `encode` returns the number of ids.
template <typename F>
Result<double> BestSeconds(F&& encode, size_t* n_ids) {
  double best = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    const double start = Now();
    GLM_ASSIGN(*n_ids, encode());
    best = std::min(best, Now() - start);
  }
  return best;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

Status Run(const std::string& json_path, const std::string& text_path,
           const std::string& ids_path) {
  const double start = Now();
  GLM_ASSIGN(const Tokenizer tokenizer, Tokenizer::FromFile(json_path));
  const double load_s = Now() - start;
  GLM_ASSIGN(const std::string text, ReadFile(text_path, size_t{1} << 30));
  GLM_ASSIGN(const std::vector<int32_t> ids, tokenizer.Encode(text, EncodeMode::kParseSpecial));
  if (!ids_path.empty()) {
    const std::string_view bytes(reinterpret_cast<const char*>(ids.data()),
                                 ids.size() * sizeof(ids[0]));
    GLM_RETURN_IF_ERROR(WriteFileAtomically(ids_path, bytes));
  }
  size_t n_whole = 0, n_lines = 0;
  GLM_ASSIGN(const double whole_s,
             BestSeconds(
                 [&]() -> Result<size_t> {
                   GLM_ASSIGN(const auto out, tokenizer.Encode(text, EncodeMode::kParseSpecial));
                   return out.size();
                 },
                 &n_whole));
  const std::vector<std::string_view> lines = Lines(text);
  GLM_ASSIGN(const double lines_s,
             BestSeconds(
                 [&]() -> Result<size_t> {
                   size_t n = 0;
                   for (const std::string_view line : lines) {
                     GLM_ASSIGN(const auto out, tokenizer.Encode(line, EncodeMode::kParseSpecial));
                     n += out.size();
                   }
                   return n;
                 },
                 &n_lines));
  const double mb = static_cast<double>(text.size()) / 1e6;
  fmt::print(
      "{{\"bytes\": {}, \"ids\": {}, \"ids_of_lines\": {}, \"load_s\": {:.4f}, \"whole_s\": "
      "{:.4f}, \"whole_mb_s\": {:.1f}, "
      "\"lines_s\": {:.4f}, \"lines_mb_s\": {:.1f}}}\n",
      text.size(), n_whole, n_lines, load_s, whole_s, mb / whole_s, lines_s, mb / lines_s);
  return OkStatus();
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fmt::print(stderr, "usage: tokenizer_bench TOKENIZER_JSON TEXT_FILE [IDS_FILE]\n");
    return 2;
  }
  const glmocr::Status status = glmocr::Run(argv[1], argv[2], argc == 4 ? argv[3] : "");
  if (!status.ok()) fmt::print(stderr, "tokenizer_bench: {}\n", status.error().message);
  return status.ok() ? 0 : 1;
}
