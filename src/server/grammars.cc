#include "server/grammars.h"

#include <openssl/sha.h>

#include <algorithm>

namespace glmocr::server {

Result<MaskMaker> Grammars::Json(const std::string& schema) {
  const auto maker = [](std::shared_ptr<const BoundGrammar> bound) -> MaskMaker {
    return [bound = std::move(bound)] { return MakeTokenMask(bound); };
  };
  Digest hash;
  SHA256(reinterpret_cast<const unsigned char*>(schema.data()), schema.size(), hash.data());
  std::shared_ptr<const TokenTrie> trie;
  {
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(kept_.begin(), kept_.end(),
                                    [&](const auto& entry) { return entry.first == schema; });
    if (found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);
      return maker(found->second);
    }
    const auto refused = std::find_if(refused_.begin(), refused_.end(),
                                      [&](const auto& entry) { return entry.first == hash; });
    if (refused != refused_.end()) {
      refused_.splice(refused_.begin(), refused_, refused);
      return refused->second;
    }
    if (trie_ == nullptr) {
      GLM_ASSIGN(trie_, BuildTokenTrie(tokenizer_));
    }
    trie = trie_;
  }
  std::shared_ptr<const JsonGrammar> grammar = schema.empty() ? AnyJsonObject() : nullptr;
  if (grammar == nullptr) {
    auto compiled = CompileJsonSchema(schema);
    if (!compiled.ok()) {
      if (compiled.error().code != ErrorCode::kOutOfMemory) {
        std::lock_guard lock(mutex_);
        refused_.emplace_front(hash, compiled.error());
        if (refused_.size() > kMaxRefused) refused_.pop_back();
      }
      return compiled.error();
    }
    grammar = *std::move(compiled);
  }
  GLM_ASSIGN(std::shared_ptr<const BoundGrammar> bound, Bind(grammar, trie, eos_ids_));
  std::lock_guard lock(mutex_);
  kept_.emplace_front(schema, bound);
  if (kept_.size() > kMaxKept) kept_.pop_back();
  return maker(std::move(bound));
}

}  // namespace glmocr::server
