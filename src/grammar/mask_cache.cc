#include "grammar/mask_cache.h"

#include <utility>

namespace glmocr {

size_t MaskEntry::memory_bytes() const {
  return sizeof(MaskEntry) + 64 + ids.size() * sizeof(ids[0]) + words.size() * sizeof(words[0]) +
         exits.size() * sizeof(exits[0]);
}

// All tokens below `root`, whose readings so far are `start`, depth first.
Status MaskCache::Walk(const ByteTrie& trie, bool plain, int32_t root, const Items& start,
                       MaskEntry& out, std::vector<int32_t>& ids) {
  const int32_t end = trie.nodes[static_cast<size_t>(root)].subtree_end;
  const size_t base = trie.nodes[static_cast<size_t>(root)].depth;
  const Stacks::Size mark = stacks_.Mark();
  if (levels_.size() < TokenTrie::kMaxTokenBytes + 1) levels_.resize(TokenTrie::kMaxTokenBytes + 1);
  std::vector<Stacks::Size> marks(TokenTrie::kMaxTokenBytes + 1, mark);
  for (int32_t i = root + 1; i < end;) {
    const ByteTrie::Node& node = trie.nodes[static_cast<size_t>(i)];
    const size_t level = node.depth - base;  // at least 1
    stacks_.Cut(marks[level - 1]);
    Items& items = levels_[level];
    stacks_.Step(level == 1 ? start : levels_[level - 1], node.byte, items);
    marks[level] = stacks_.Mark();
    if (items.too_many)
      return Error{ErrorCode::kResourceExhausted,
                   "the JSON schema has too many readings of this answer; give its alternatives "
                   "different beginnings"};
    if (items.empty()) {
      i = node.subtree_end;
      continue;
    }
    ids.insert(ids.end(), trie.tokens.begin() + node.tokens_begin,
               trie.tokens.begin() + node.tokens_end);
    if (items.outside && node.subtree_end > i + 1) out.exits.push_back({plain, i});
    ++i;
  }
  stacks_.Cut(mark);
  return OkStatus();
}

void MaskCache::Finish(MaskEntry& entry, std::vector<int32_t> ids) {
  if (ids.size() > trie_->n_words()) {  // two ids take the room of one word
    entry.words.assign(trie_->n_words(), 0);
    for (const int32_t id : ids)
      entry.words[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  } else {
    entry.ids = std::move(ids);
    entry.ids.shrink_to_fit();
  }
  entry.exits.shrink_to_fit();
  bytes_ += entry.memory_bytes();
}

Result<std::shared_ptr<MaskEntry>> MaskCache::Behind(StateId state) {
  const auto found = entries_.find(state);
  if (found != entries_.end()) return found->second;
  if (bytes_ > kMaxBytes) {
    entries_.clear();
    bytes_ = 0;
  }
  auto entry = std::make_shared<MaskEntry>();
  std::vector<int32_t> ids;
  Items start;
  const Stacks::Size mark = stacks_.Mark();
  stacks_.Start(state, Stacks::AtOnce::kMayNotLeave, start);
  entry->n_plain = a_->state(state).plain_run;
  if (entry->n_plain < 0) GLM_RETURN_IF_ERROR(Walk(trie_->plain(), true, 0, start, *entry, ids));
  GLM_RETURN_IF_ERROR(Walk(trie_->other(), false, 0, start, *entry, ids));
  stacks_.Cut(mark);
  Finish(*entry, std::move(ids));
  entries_.emplace(state, entry);
  return entry;
}

Result<std::shared_ptr<MaskEntry>> MaskCache::BehindCaller(const std::shared_ptr<MaskEntry>& entry,
                                                           StateId state) {
  const auto found = entry->callers.find(state);
  if (found != entry->callers.end()) return found->second;
  auto child = std::make_shared<MaskEntry>();
  std::vector<int32_t> ids;
  Items start;
  const Stacks::Size mark = stacks_.Mark();
  stacks_.Start(state, Stacks::AtOnce::kMayLeave, start);
  for (const TrieExit exit : entry->exits) {
    const ByteTrie& trie = exit.plain ? trie_->plain() : trie_->other();
    if (start.outside) child->exits.push_back(exit);
    GLM_RETURN_IF_ERROR(Walk(trie, exit.plain, exit.node, start, *child, ids));
  }
  stacks_.Cut(mark);
  Finish(*child, std::move(ids));
  entry->callers.emplace(state, child);
  return child;
}

}  // namespace glmocr
