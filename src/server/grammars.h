// What an answer must look like: the client's response_format as masks for the engine.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/token_mask.h"
#include "grammar/json_grammar.h"
#include "tokenizer/tokenizer.h"

namespace glmocr::server {

// Makes the mask of one answer.
using MaskMaker = std::function<std::unique_ptr<TokenMask>()>;

// Compiled schemas, kept for the requests that come with the same one. Any thread.
class Grammars {
 public:
  // `tokenizer` outlives this.
  Grammars(const Tokenizer& tokenizer, std::vector<int32_t> eos_ids)
      : tokenizer_(tokenizer), eos_ids_(std::move(eos_ids)) {}

  // An empty schema text: any JSON object. Errors as CompileJsonSchema and Bind.
  Result<MaskMaker> Json(const std::string& schema);

 private:
  static constexpr size_t kMaxRefused = 256;
  static constexpr size_t kMaxKept = 32;  // a bound grammar holds up to 32 MB of masks
  const Tokenizer& tokenizer_;
  const std::vector<int32_t> eos_ids_;
  std::mutex mutex_;  // of the following
  std::shared_ptr<const TokenTrie> trie_;
  std::list<std::pair<std::string, std::shared_ptr<const BoundGrammar>>> kept_;  // latest first
  // Schemas that were refused, by SHA-256: to find out costs as much as to compile.
  using Digest = std::array<unsigned char, 32>;
  std::list<std::pair<Digest, Error>> refused_;  // latest first
};

}  // namespace glmocr::server
