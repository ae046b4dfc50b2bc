// Finds added tokens (such as <|user|>) in text: leftmost match, longest among those that start at
// the same place.
//
// Why separate: added tokens are cut out before the pre-tokenizer sees the text, and only where the
// text is trusted. A token inside text that a user or a document supplied is never recognised;
// `trusted` says which bytes may hold tokens.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace glmocr {

struct AddedToken {
  std::string content;  // not empty
  int32_t id = -1;
  bool special = false;     // left out by Decode(kSkip)
  bool normalized = false;  // looked for after the others
  bool lstrip = false;      // also takes the white space to its left
  bool rstrip = false;      // also takes the white space to its right
};

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;
};

class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;
  // Contents must be distinct.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  struct Match {
    const AddedToken* token;
    TextRange range;  // the token's own bytes
  };
  // The first match at or behind `from` within `piece` of `text` that lies wholly inside one of the
  // `trusted` ranges (sorted, not touching each other).
  std::optional<Match> Find(std::string_view text, TextRange piece, size_t from,
                            std::span<const TextRange> trusted) const;

  bool empty() const { return tokens_.empty(); }

 private:
  const AddedToken* LongestAt(std::string_view text) const;

  std::vector<AddedToken>
      tokens_;  // sorted by content, so that tokens with a common prefix are neighbours
  std::array<TextRange, 256> by_first_byte_{};  // indices into tokens_
};

}  // namespace glmocr
