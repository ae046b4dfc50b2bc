// Splits text into the words within which byte-pair merges happen.
//
// Why: BPE never merges across these borders, so the split decides the ids. GLM's pattern
// (kGlm4Pattern, written out in pretokenizer.cc) is matched by hand in one pass over character
// classes, which makes encoding as a whole about three times as fast as with a regex engine; any
// other pattern goes through Oniguruma, the engine of the reference implementation. How:
//   GLM_ASSIGN(PreTokenizer pre, PreTokenizer::Create(pattern));
//   GLM_RETURN_IF_ERROR(pre.ForEachWord(text, [&](std::string_view word) { ... }));
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

// As it is written in tokenizer.json of GLM-4, GLM-4.xV, GLM-OCR and Llama 3.
extern const std::string_view kGlm4Pattern;
// The pattern that ByteLevel with use_regex=true applies (GPT-2's).
extern const std::string_view kGpt2Pattern;

// Bytes of the word of kGlm4Pattern that starts at `begin`; at least 1. [begin, end) must be
// well-formed UTF-8, not empty, and the true end of the text (a look-ahead sees it).
size_t Glm4WordSize(const char* begin, const char* end);

class PreTokenizer {
 public:
  // kUnsupported when `pattern` is not a regular expression that Oniguruma accepts.
  static Result<PreTokenizer> Create(std::string_view pattern);
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  // Calls `f(std::string_view word)` for the words of `text` (well-formed UTF-8) in order; together
  // they are the whole text. Fails (kResourceExhausted) only for a foreign pattern that backtracks
  // beyond all measure.
  template <typename F>
  Status ForEachWord(std::string_view text, F&& f) const {
    if (regex_ == nullptr) {
      const char* const end = text.data() + text.size();
      for (const char* p = text.data(); p != end;) {
        const size_t size = Glm4WordSize(p, end);
        f(std::string_view(p, size));
        p += size;
      }
      return OkStatus();
    }
    std::vector<std::string_view> words;
    GLM_RETURN_IF_ERROR(SplitByRegex(text, &words));
    for (std::string_view word : words) f(word);
    return OkStatus();
  }

 private:
  struct Regex;
  PreTokenizer();
  Status SplitByRegex(std::string_view text, std::vector<std::string_view>* words) const;

  std::unique_ptr<Regex> regex_;  // null: kGlm4Pattern
};

}  // namespace glmocr
