// JSON schemas and walks over their token masks. The input up to the first zero byte is a schema;
// the rest chooses tokens. A walk that ends must have made JSON that the grammar takes, and no
// state may be without a token.
#include <bit>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/json_grammar.h"
#include "grammar/test_vocabulary.h"

namespace glmocr {
namespace {

constexpr int kMaxSteps = 200;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

void Walk(const JsonGrammar& grammar, const std::shared_ptr<const BoundGrammar>& bound,
          const TestVocabulary& v, std::string_view choices) {
  const auto mask = MakeTokenMask(bound);
  std::string text;
  for (int n = 0; n < kMaxSteps; ++n) {
    std::vector<uint64_t> words((v.texts.size() + 63) / 64, 0);
    const Status status = mask->Fill(words);
    // Only the cap on readings may stop a walk.
    Require(status.ok() || status.error().code == ErrorCode::kResourceExhausted);
    if (!status.ok()) return;
    std::vector<int32_t> ids;
    for (size_t w = 0; w < words.size(); ++w)
      for (uint64_t bits = words[w]; bits != 0; bits &= bits - 1)
        ids.push_back(static_cast<int32_t>(w * 64) + std::countr_zero(bits));
    Require(!ids.empty());
    const uint8_t choice = choices.empty() ? 0 : static_cast<uint8_t>(choices[0]);
    if (!choices.empty()) choices.remove_prefix(1);
    const int32_t id = ids[choice % ids.size()];
    mask->Accept(id);
    if (id == v.eos) {
      Require(nlohmann::json::accept(text));
      Require(Matches(grammar, text));
      return;
    }
    Require(!v.texts[static_cast<size_t>(id)].empty());
    text += v.texts[static_cast<size_t>(id)];
  }
}

}  // namespace
}  // namespace glmocr

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmocr;
  static const TestVocabulary vocabulary = TestVocabulary::Make();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(input.find('\0'), size);
  const auto grammar = CompileJsonSchema(input.substr(0, zero));
  if (!grammar.ok()) {
    Require(!grammar.error().message.empty());
    return 0;
  }
  const auto bound = Bind(*grammar, vocabulary.trie, {vocabulary.eos});
  Require(bound.ok());
  Walk(**grammar, *bound, vocabulary, input.substr(std::min(zero + 1, size)));
  return 0;
}
