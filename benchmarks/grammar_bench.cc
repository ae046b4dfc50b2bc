// grammar_bench [TOKENIZER_JSON]: what constrained decoding costs a step, on one core.
//
// Without a file, a made-up vocabulary of 59,280 tokens (GLM-OCR's size): bytes, words of English-
// like and Chinese characters with and without a leading space, digits, runs of blanks, punctuation
// joined with JSON's signs. For each schema, walks through an answer and prints one JSON object:
// the processor time to compile and bind, the first Fill of each step ("cold": nothing kept) and
// the same steps again ("warm"), mean and largest in microseconds, and Accept.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "grammar/json_grammar.h"
#include "tokenizer/tokenizer.h"

namespace glmocr {
namespace {

constexpr size_t kVocabSize = 59'280;

// Of this thread: other programs on the machine do not count.
double NowUs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

std::vector<std::string> MadeUpVocabulary() {
  std::vector<std::string> tokens = {""};  // end of sequence
  for (int b = 0; b < 256; ++b) tokens.emplace_back(1, static_cast<char>(b));
  for (int n = 2; n <= 64; ++n) tokens.emplace_back(static_cast<size_t>(n), ' ');
  for (int n = 0; n < 1000; ++n) tokens.push_back(fmt::format("{:03}", n));
  for (const char* a :
       {"\"", "\",", "\":", "{", "}", "[", "]", ",", ":", ".", ")", "(", "\\", "\n"})
    for (const char* b : {"\"",  "{",   "}",  "[", "]",    ",", ".",  "\n",  "\n\n", " ",
                          " \"", "\\n", "  ", "/", "\r\n", "'", "</", "=\"", "),",   ";"})
      tokens.push_back(std::string(a) + b);
  std::mt19937 random(1);
  constexpr std::string_view kLetters = "eeeeetttaaaooiinnsshrdlcumwfgypbvkjxqz";
  while (tokens.size() < kVocabSize) {
    std::string token(random() % 2 == 0 ? " " : "");
    const size_t kind = random() % 20;
    const size_t n = 2 + random() % 8;
    for (size_t i = 0; i < (kind < 4 ? 1 + n / 3 : n); ++i) {
      if (kind < 4) {  // U+4E00 .. U+8DFF
        const uint32_t c = 0x4E00 + random() % 0x4000;
        token += static_cast<char>(0xE0 | c >> 12);
        token += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        token += static_cast<char>(0x80 | (c & 0x3F));
      } else {
        token += kLetters[random() % kLetters.size()];
      }
    }
    if (kind == 4) token.pop_back(), token += "\xE4\xB8";  // ends within a character
    if (kind == 5) token += "\",";
    tokens.push_back(std::move(token));
  }
  return tokens;
}

struct Stat {
  double sum = 0, max = 0;
  int64_t n = 0;
  void Add(double us) {
    sum += us;
    max = std::max(max, us);
    ++n;
  }
  double mean() const { return n > 0 ? sum / static_cast<double>(n) : 0; }
};

// One walk of `tokens`; times of Fill and Accept.
Status Walk(const std::shared_ptr<const BoundGrammar>& bound, const std::vector<int32_t>& ids,
            size_t n_words, Stat& fill, Stat& accept) {
  const auto mask = MakeTokenMask(bound);
  std::vector<uint64_t> words(n_words);
  for (const int32_t id : ids) {
    std::fill(words.begin(), words.end(), 0);
    const double start = NowUs();
    GLM_RETURN_IF_ERROR(mask->Fill(words));
    const double filled = NowUs();
    const auto i = static_cast<size_t>(id);
    if ((words[i / 64] >> (i % 64) & 1) == 0)
      return Error{ErrorCode::kInternal, fmt::format("token {} of the answer is not allowed", id)};
    const double before = NowUs();
    mask->Accept(id);
    accept.Add(NowUs() - before);
    fill.Add(filled - start);
  }
  return OkStatus();
}

struct Job {
  std::string_view name;
  std::string schema;
  std::string answer;
};

std::vector<Job> Jobs() {
  std::string words;
  for (int i = 0; i < 200; ++i) words += "the total of the invoice ";
  std::string wide = R"({"type":"object","properties":{)";
  std::string wide_answer = "{";
  for (int i = 0; i < 300; ++i) {
    wide += fmt::format("{}\"field_{}\":{{\"type\":\"integer\"}}", i > 0 ? "," : "", i);
    if (i % 10 == 0) wide_answer += fmt::format("{}\"field_{}\": {}", i > 0 ? ", " : "", i, i);
  }
  return {
      {"any object", R"({"type":"object"})",
       R"({"invoice": {"number": "A-17", "lines": [{"text": ")" + words +
           R"(", "price": 12.5}]}})"},
      {"string body", R"({"type":"string"})", "\"" + words + "\""},
      {"counted string", R"({"type":"string","maxLength":8000})", "\"" + words + "\""},
      {"pattern", R"({"type":"string","pattern":"^[a-z ]*$"})", "\"" + words + "\""},
      {"date", R"({"type":"string","format":"date-time"})", "\"2024-02-29T12:34:56.789Z\""},
      {"300 properties", wide + "}}", wide_answer + "}"},
      {"enum of 500",
       [] {
         std::string s = R"({"enum":[)";
         for (int i = 0; i < 500; ++i) s += fmt::format("{}\"value {}\"", i > 0 ? "," : "", i);
         return s + "]}";
       }(),
       "\"value 499\""},
  };
}

Status Run(const std::string& tokenizer_path) {
  std::shared_ptr<const TokenTrie> trie;
  std::vector<std::string> texts;
  int32_t eos = 0;
  const double start = NowUs();
  if (tokenizer_path.empty()) {
    texts = MadeUpVocabulary();
  } else {
    GLM_ASSIGN(const Tokenizer tokenizer, Tokenizer::FromFile(tokenizer_path));
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
      const bool text = tokenizer.HasToken(id) && !tokenizer.IsSpecial(id);
      texts.emplace_back(text ? tokenizer.TokenBytes(id) : "");
      if (!text) eos = id;
    }
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const double built = NowUs();
  GLM_ASSIGN(trie, BuildTokenTrie(views));
  fmt::print("{{\"tokens\": {}, \"read_ms\": {:.1f}, \"trie_ms\": {:.1f}}}\n", texts.size(),
             (built - start) / 1e3, (NowUs() - built) / 1e3);
  // Longest match: not what a tokenizer does, but as many bytes a token.
  std::vector<std::pair<std::string_view, int32_t>> sorted;
  for (size_t i = 0; i < views.size(); ++i)
    if (!views[i].empty()) sorted.emplace_back(views[i], static_cast<int32_t>(i));
  std::sort(sorted.begin(), sorted.end());
  const auto encode = [&](std::string_view text) {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      for (size_t n = std::min<size_t>(text.size(), 32); n > 0; --n) {
        const auto found = std::lower_bound(sorted.begin(), sorted.end(),
                                            std::pair(text.substr(0, n), int32_t{0}));
        if (found == sorted.end() || found->first != text.substr(0, n)) continue;
        ids.push_back(found->second);
        text.remove_prefix(n);
        break;
      }
    }
    return ids;
  };
  for (const Job& job : Jobs()) {
    const double begin = NowUs();
    GLM_ASSIGN(const auto grammar, CompileJsonSchema(job.schema));
    const double compiled = NowUs();
    GLM_ASSIGN(const auto bound, Bind(grammar, trie, {eos}));
    const double bound_at = NowUs();
    const std::vector<int32_t> ids = encode(job.answer);
    Stat cold, warm, accept, unused;
    GLM_RETURN_IF_ERROR(Walk(bound, ids, (texts.size() + 63) / 64, cold, unused));
    GLM_RETURN_IF_ERROR(Walk(bound, ids, (texts.size() + 63) / 64, warm, accept));
    fmt::print(
        "{{\"schema\": \"{}\", \"compile_ms\": {:.2f}, \"bind_ms\": {:.2f}, \"steps\": {}, "
        "\"cold_mean_us\": {:.1f}, \"cold_max_us\": {:.1f}, \"warm_mean_us\": {:.1f}, "
        "\"warm_max_us\": {:.1f}, \"accept_mean_us\": {:.2f}}}\n",
        job.name, (compiled - begin) / 1e3, (bound_at - compiled) / 1e3, ids.size(), cold.mean(),
        cold.max, warm.mean(), warm.max, accept.mean());
  }
  return OkStatus();
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) {
  if (argc > 2) {
    fmt::print(stderr, "usage: grammar_bench [TOKENIZER_JSON]\n");
    return 2;
  }
  const glmocr::Status status = glmocr::Run(argc == 2 ? argv[1] : "");
  if (!status.ok()) fmt::print(stderr, "grammar_bench: {}\n", status.error().message);
  return status.ok() ? 0 : 1;
}
