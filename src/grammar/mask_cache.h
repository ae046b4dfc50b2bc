// Which tokens may follow a state of an automaton, computed once and kept.
//
// A token that stays within the rule of a state is allowed or not whatever the stack below is. One
// that leaves the rule depends on who called it; of such tokens an entry keeps the places in the
// tries where they leave. What they may do behind the caller's state is again an entry, a child of
// the first, and so on down the stack. So a mask is the union of a few kept sets, and sets are
// found by state alone, not by the whole stack.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "grammar/automaton.h"
#include "grammar/stacks.h"
#include "grammar/token_trie.h"

namespace glmocr {

// Where tokens leave the rule that they began in: below this node of one of the two tries.
struct TrieExit {
  bool plain = false;
  int32_t node = 0;
};

struct MaskEntry {
  // Tokens that are allowed: all plain ones of at most n_plain characters (-1: none), and `ids` or,
  // when these would be many, `words`.
  int32_t n_plain = -1;
  std::vector<int32_t> ids;
  std::vector<uint64_t> words;
  std::vector<TrieExit> exits;
  std::unordered_map<StateId, std::shared_ptr<MaskEntry>> callers;  // by the state behind the call
  size_t memory_bytes() const;
};

// Not thread-safe: the owner locks.
class MaskCache {
 public:
  static constexpr size_t kMaxBytes = size_t{32} << 20;

  MaskCache(const Automaton* automaton, const TokenTrie* trie)
      : a_(automaton), trie_(trie), stacks_(automaton) {}

  // Tokens behind `state`, as far as they do not leave its rule at once. The caller's pointer stays
  // good when the cache empties itself. kResourceExhausted: the schema has too many readings here.
  Result<std::shared_ptr<MaskEntry>> Behind(StateId state);
  // Tokens that leave `entry`'s rule, behind the caller's `state`.
  Result<std::shared_ptr<MaskEntry>> BehindCaller(const std::shared_ptr<MaskEntry>& entry,
                                                  StateId state);
  size_t memory_bytes() const { return bytes_; }

 private:
  // Readings at one depth of a walk.
  struct Level {
    bool single = false;
    Item only;          // when there is a single one
    Items items;        // else
    Stacks::Size mark;  // the arena behind them
  };
  bool StepSingle(const Level& before, uint8_t byte, Level& after) const;
  Status Walk(const ByteTrie& trie, bool plain, int32_t root, const Items& start, MaskEntry& out,
              std::vector<int32_t>& ids);
  void Finish(MaskEntry& entry, std::vector<int32_t> ids);

  const Automaton* a_;
  const TokenTrie* trie_;
  Stacks stacks_;
  std::vector<Level> levels_;  // of the walk, by depth
  std::unordered_map<StateId, std::shared_ptr<MaskEntry>> entries_;
  // Of states in strings of counted characters, by what is left: more than the longest token has
  // characters is as good as any number.
  std::map<std::pair<int32_t, int32_t>, std::shared_ptr<MaskEntry>> counted_;
  size_t bytes_ = 0;
};

}  // namespace glmocr
