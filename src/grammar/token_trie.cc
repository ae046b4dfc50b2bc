#include "grammar/token_trie.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "grammar/json_grammar.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

using Entry = std::pair<std::string_view, int32_t>;

// Characters of a plain token; nothing when it is none.
std::optional<int32_t> PlainChars(std::string_view token) {
  int32_t n = 0;
  for (const char c : token) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || c == '"' || c == '\\') return std::nullopt;
    n += (byte & 0xC0) != 0x80 ? 1 : 0;
  }
  if (FindInvalidUtf8(token)) return std::nullopt;
  return n;
}

ByteTrie MakeTrie(std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end());
  ByteTrie trie;
  trie.nodes.emplace_back();
  std::vector<int32_t> path = {0};  // nodes of the last entry's prefixes
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back())
      trie.nodes[static_cast<size_t>(path.back())].subtree_end =
          static_cast<int32_t>(trie.nodes.size());
  };
  for (const auto& [text, id] : entries) {
    size_t common = 0;
    while (common < std::min(text.size(), last.size()) && text[common] == last[common]) ++common;
    close(common);
    for (size_t i = common; i < text.size(); ++i) {
      path.push_back(static_cast<int32_t>(trie.nodes.size()));
      ByteTrie::Node& node = trie.nodes.emplace_back();
      node.byte = static_cast<uint8_t>(text[i]);
      node.depth = static_cast<uint16_t>(i + 1);
      node.tokens_begin = node.tokens_end = static_cast<int32_t>(trie.tokens.size());
    }
    trie.tokens.push_back(id);
    trie.nodes[static_cast<size_t>(path.back())].tokens_end =
        static_cast<int32_t>(trie.tokens.size());
    last = text;
  }
  close(0);
  trie.nodes[0].subtree_end = static_cast<int32_t>(trie.nodes.size());
  return trie;
}

}  // namespace

Result<TokenTrie> TokenTrie::Make(std::span<const std::string_view> tokens) {
  TokenTrie out;
  out.n_words_ = (tokens.size() + 63) / 64;
  std::vector<Entry> plain, other;
  std::vector<int32_t> n_chars;  // of `plain`
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    out.begins_.push_back(out.text_.size());
    if (token.empty() || token.size() > kMaxTokenBytes) continue;
    out.text_ += token;
    out.longest_ = std::max(out.longest_, token.size());
    if (token.size() == 1) out.single_[static_cast<uint8_t>(token[0])] = true;
    if (const auto n = PlainChars(token)) {
      plain.emplace_back(token, static_cast<int32_t>(id));
      n_chars.push_back(*n);
    } else {
      other.emplace_back(token, static_cast<int32_t>(id));
    }
  }
  out.begins_.push_back(out.text_.size());
  if (plain.empty() && other.empty())
    return Error{ErrorCode::kInvalidArgument, "the vocabulary has no token that is text"};
  const int32_t most = n_chars.empty() ? 0 : *std::max_element(n_chars.begin(), n_chars.end());
  out.plain_up_to_.assign(static_cast<size_t>(most) + 1, {});
  for (int32_t n = 0; n <= most; ++n) {
    auto& set = out.plain_up_to_[static_cast<size_t>(n)];
    if (n == 0) {
      set.assign(out.n_words_, 0);
    } else {
      set = out.plain_up_to_[static_cast<size_t>(n) - 1];
    }
    for (size_t i = 0; i < plain.size(); ++i) {
      if (n_chars[i] != n) continue;
      const auto id = static_cast<size_t>(plain[i].second);
      set[id / 64] |= uint64_t{1} << (id % 64);
    }
  }
  out.plain_ = MakeTrie(std::move(plain));
  out.other_ = MakeTrie(std::move(other));
  return out;
}

std::span<const uint64_t> TokenTrie::PlainUpTo(int32_t n) const {
  const auto last = static_cast<int32_t>(plain_up_to_.size()) - 1;
  return plain_up_to_[static_cast<size_t>(std::min(n, last))];
}

Result<std::shared_ptr<const TokenTrie>> BuildTokenTrie(std::span<const std::string_view> tokens) {
  GLM_ASSIGN(TokenTrie trie, TokenTrie::Make(tokens));
  return std::shared_ptr<const TokenTrie>(std::make_shared<TokenTrie>(std::move(trie)));
}

Result<std::shared_ptr<const TokenTrie>> BuildTokenTrie(const Tokenizer& tokenizer) {
  std::vector<std::string_view> tokens(static_cast<size_t>(tokenizer.vocab_size()));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.HasToken(id) || tokenizer.IsSpecial(id)) continue;
    const std::string_view bytes = tokenizer.TokenBytes(id);
    // Added tokens steer chats and tools even when they are not marked special.
    if (tokenizer.AddedTokenId(bytes) == id) continue;
    tokens[static_cast<size_t>(id)] = bytes;
  }
  return BuildTokenTrie(tokens);
}

}  // namespace glmocr
