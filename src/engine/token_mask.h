// The hook for constrained decoding (JSON schema, grammar, a fixed list of answers): which tokens
// may come next.
//
// One object per request. The engine calls Fill before it samples a row and Accept after a token is
// final. Verified drafts are sampled row after row, each after the Accept of the row before, so a
// mask never has to roll back.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace glmocr {

class TokenMask {
 public:
  virtual ~TokenMask() = default;
  // Sets bit (id % 64) of word id / 64 of `allowed` ([ceil(vocab / 64)], all zero on entry) for
  // every token that may come next, end-of-sequence tokens included. No bit set, or an error, ends
  // the request with an error.
  virtual Status Fill(std::span<uint64_t> allowed) = 0;
  // `id` is final; called once per generated token, in order.
  virtual void Accept(int32_t id) = 0;
};

}  // namespace glmocr
