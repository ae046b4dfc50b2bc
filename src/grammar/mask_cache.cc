#include "grammar/mask_cache.h"

#include <algorithm>
#include <array>
#include <utility>

namespace glmocr {
namespace {

constexpr size_t kMany = 32;

}  // namespace

size_t MaskEntry::memory_bytes() const {
  return sizeof(MaskEntry) + 64 + ids.size() * sizeof(ids[0]) + words.size() * sizeof(words[0]) +
         exits.size() * sizeof(exits[0]);
}

// The common case without any container: one reading, and a byte that leads to one state from which
// nothing is entered or left. False: not that case. No state in `after`: the byte leads nowhere.
bool MaskCache::StepSingle(const Level& before, uint8_t byte, Level& after) const {
  const Automaton::State& state = a_->state(before.only.state);
  if (!state.deterministic || state.HasInner()) return false;
  after.only = {-1, before.only.frame};
  for (const ByteEdge& e : a_->bytes(state)) {
    if (byte < e.first || byte > e.last) continue;
    const Automaton::State& target = a_->state(e.target);
    if (target.accepting || target.HasInner()) return false;
    after.only.state = e.target;
    after.mark = before.mark;
    after.single = true;
    break;
  }
  return true;
}

// All tokens below `root`, whose readings so far are `start`, depth first.
Status MaskCache::Walk(const ByteTrie& trie, bool plain, int32_t root, const Items& start,
                       MaskEntry& out, std::vector<int32_t>& ids) {
  const int32_t end = trie.nodes[static_cast<size_t>(root)].subtree_end;
  const size_t base = trie.nodes[static_cast<size_t>(root)].depth;
  const Stacks::Size mark = stacks_.Mark();
  const Error too_many{
      ErrorCode::kResourceExhausted,
      "the JSON schema has too many readings of this answer; give its alternatives "
      "different beginnings"};
  if (start.too_many) return too_many;
  levels_.resize(TokenTrie::kMaxTokenBytes + 1);
  // Of many readings (an object of many properties), each byte leads few on.
  std::vector<Items> by_byte(start.items.size() > kMany ? 256 : 0);
  if (!by_byte.empty()) {
    for (const Item& item : start.items) {
      for (const ByteEdge& e : a_->bytes(a_->state(item.state))) {
        for (size_t b = e.first; b <= e.last; ++b) {
          std::vector<Item>& items = by_byte[b].items;
          if (items.empty() || items.back() != item) items.push_back(item);
        }
      }
    }
  }
  levels_[0].mark = mark;
  levels_[0].single = false;
  for (int32_t i = root + 1; i < end;) {
    const ByteTrie::Node& node = trie.nodes[static_cast<size_t>(i)];
    const size_t depth = node.depth - base;  // at least 1
    Level& before = levels_[depth - 1];
    Level& level = levels_[depth];
    bool leaves = false;
    if (before.single && StepSingle(before, node.byte, level)) {
      if (level.only.state < 0) {
        i = node.subtree_end;
        continue;
      }
    } else {
      if (before.single) {
        before.items.items.assign(1, before.only);
        before.items.outside = before.items.too_many = false;
      }
      stacks_.Cut(before.mark);
      const Items& from = depth > 1 ? before.items : by_byte.empty() ? start : by_byte[node.byte];
      stacks_.Step(from, node.byte, level.items);
      if (level.items.too_many) return too_many;
      if (level.items.empty()) {
        i = node.subtree_end;
        continue;
      }
      level.mark = stacks_.Mark();
      leaves = level.items.outside;
      level.single = !leaves && level.items.items.size() == 1;
      if (level.single) level.only = level.items.items[0];
    }
    ids.insert(ids.end(), trie.tokens.begin() + node.tokens_begin,
               trie.tokens.begin() + node.tokens_end);
    if (leaves && node.subtree_end > i + 1) out.exits.push_back({plain, i});
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
  const Automaton::State& s = a_->state(state);
  const auto longest = static_cast<int32_t>(trie_->longest());
  const std::pair left(std::min(s.min_left, longest), std::min(s.plain_run, longest));
  if (s.min_left >= 0) {
    const auto alike = counted_.find(left);
    if (alike != counted_.end()) {
      entries_.emplace(state, alike->second);
      return alike->second;
    }
  }
  if (bytes_ > kMaxBytes) {
    entries_.clear();
    counted_.clear();
    bytes_ = 0;
  }
  auto entry = std::make_shared<MaskEntry>();
  std::vector<int32_t> ids;
  Items start;
  const Stacks::Size mark = stacks_.Mark();
  stacks_.Start(state, Stacks::AtOnce::kMayNotLeave, start);
  entry->n_plain = s.plain_run;
  if (entry->n_plain < 0) GLM_RETURN_IF_ERROR(Walk(trie_->plain(), true, 0, start, *entry, ids));
  GLM_RETURN_IF_ERROR(Walk(trie_->other(), false, 0, start, *entry, ids));
  stacks_.Cut(mark);
  Finish(*entry, std::move(ids));
  if (s.min_left >= 0) counted_.emplace(left, entry);
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
