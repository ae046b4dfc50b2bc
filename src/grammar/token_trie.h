// The tokens of a vocabulary by their bytes: what a grammar is held against.
//
// Tokens of plain characters alone ("plain": a character that a JSON string holds as it is, so not
// a quote, a backslash or a control character) are most of a vocabulary and all fit a string, so
// they are also kept as sets by their number of characters: then a string's state needs no search
// among them. All other tokens, and all tokens for the states of everything else, are in tries.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

// Nodes in depth-first order, so that a subtree is a range of nodes. Node 0 is the root.
struct ByteTrie {
  struct Node {
    uint8_t byte = 0;
    uint8_t unused = 0;
    uint16_t depth = 0;                        // bytes of its text
    int32_t subtree_end = 0;                   // one behind its last descendant
    int32_t tokens_begin = 0, tokens_end = 0;  // into `tokens`
  };
  std::vector<Node> nodes;
  std::vector<int32_t> tokens;  // ids of the tokens whose text ends at a node, node by node
};

class TokenTrie {
 public:
  static constexpr size_t kMaxTokenBytes = 256;  // longer tokens are never allowed

  // `tokens`: the bytes of each id. kInvalidArgument when no token has bytes.
  static Result<TokenTrie> Make(std::span<const std::string_view> tokens);

  const ByteTrie& plain() const { return plain_; }
  const ByteTrie& other() const { return other_; }
  // Tokens of at most n plain characters; n is taken for the largest that any token has. Words of
  // 64 ids, n_words() of them.
  std::span<const uint64_t> PlainUpTo(int32_t n) const;
  size_t n_words() const { return n_words_; }
  // Bytes of the longest token.
  size_t longest() const { return longest_; }
  // Empty for an id that is never allowed.
  std::string_view Bytes(int32_t id) const {
    const auto i = static_cast<size_t>(id);
    return i < begins_.size() - 1
               ? std::string_view(text_).substr(begins_[i], begins_[i + 1] - begins_[i])
               : std::string_view();
  }
  // Whether a token is this byte alone.
  const std::array<bool, 256>& single_bytes() const { return single_; }

 private:
  ByteTrie plain_, other_;
  std::vector<std::vector<uint64_t>> plain_up_to_;  // [n characters]
  std::array<bool, 256> single_{};
  std::string text_;            // of all tokens
  std::vector<size_t> begins_;  // of each id in text_, and the end
  size_t n_words_ = 0, longest_ = 0;
};

}  // namespace glmocr
