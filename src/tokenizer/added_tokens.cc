#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "base/check.h"

namespace glmocr {

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  for (size_t i = 0; i < tokens_.size(); ++i) {
    GLM_CHECK(!tokens_[i].content.empty());
    TextRange& range = by_first_byte_[static_cast<unsigned char>(tokens_[i].content[0])];
    if (range.begin == range.end) range.begin = i;
    range.end = i + 1;
  }
}

// Narrows the sorted tokens to those that share ever more leading bytes with the text: O(longest
// token * log tokens).
const AddedToken* AddedTokenMatcher::LongestAt(std::string_view text) const {
  const TextRange candidates = by_first_byte_[static_cast<unsigned char>(text[0])];
  auto low = tokens_.begin() + static_cast<ptrdiff_t>(candidates.begin);
  auto high = tokens_.begin() + static_cast<ptrdiff_t>(candidates.end);
  const AddedToken* best = nullptr;
  for (size_t depth = 1; low != high; ++depth) {
    if (low->content.size() == depth) best = &*low++;
    if (depth == text.size()) break;
    const auto byte_at = [depth](const AddedToken& t) {
      return static_cast<unsigned char>(t.content[depth]);
    };
    const auto wanted = static_cast<unsigned char>(text[depth]);
    low = std::partition_point(low, high, [&](const AddedToken& t) { return byte_at(t) < wanted; });
    high =
        std::partition_point(low, high, [&](const AddedToken& t) { return byte_at(t) == wanted; });
  }
  return best;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::Find(
    std::string_view text, TextRange piece, size_t from, std::span<const TextRange> trusted) const {
  if (tokens_.empty()) return std::nullopt;
  auto range_it = std::partition_point(trusted.begin(), trusted.end(),
                                       [from](const TextRange& r) { return r.end <= from; });
  for (; range_it != trusted.end() && range_it->begin < piece.end; ++range_it) {
    const TextRange& range = *range_it;
    const size_t end = std::min(range.end, piece.end);
    for (size_t i = std::max(range.begin, from); i < end; ++i) {
      const TextRange& candidates = by_first_byte_[static_cast<unsigned char>(text[i])];
      if (candidates.begin == candidates.end) continue;
      const AddedToken* token = LongestAt(text.substr(i, end - i));
      if (token != nullptr) return Match{token, {i, i + token->content.size()}};
    }
  }
  return std::nullopt;
}

}  // namespace glmocr
