// A pushdown automaton over bytes: what a compiled schema is.
//
// What: rules, each a small nondeterministic automaton whose edges read one byte of a range, or
// call a rule and go on behind it. A rule never matches the empty text and no rule can call itself
// before a byte was read, so there is no left recursion and every call stack stays finite. Why
// bytes: a token may split a character, so the state between two tokens must be able to stand
// inside one. How: AutomatonBuilder makes states and edges, Freeze removes what leads nowhere.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

using StateId = int32_t;
using RuleId = int32_t;

struct ByteEdge {
  uint8_t first = 0, last = 0;  // inclusive
  StateId target = 0;
};
struct CallEdge {
  RuleId rule = 0;
  StateId target = 0;  // behind the call
};

// Any number of further plain characters may follow (see State::plain_run).
constexpr int32_t kUnlimitedRun = INT32_MAX;

class Automaton {
 public:
  struct State {
    uint32_t bytes_begin = 0, bytes_end = 0;
    uint32_t calls_begin = 0, calls_end = 0;
    uint32_t skips_begin = 0, skips_end = 0;
    // The text may go on with exactly 0 .. plain_run plain characters (token_trie.h says which
    // these are) and no more of them; -1: nothing is known.
    int32_t plain_run = -1;
    // In a string of counted characters: so many are still to come before it may end. All states
    // with the same min_left and plain_run have the same continuations up to the end of their rule.
    int32_t min_left = -1;
    bool accepting = false;
    bool deterministic = false;  // no byte has two edges
    bool HasBytes() const { return bytes_end > bytes_begin; }
    bool HasInner() const { return calls_end > calls_begin || skips_end > skips_begin; }
  };
  const State& state(StateId id) const { return states_[static_cast<size_t>(id)]; }
  std::span<const ByteEdge> bytes(const State& s) const {
    return std::span(bytes_).subspan(s.bytes_begin, s.bytes_end - s.bytes_begin);
  }
  std::span<const CallEdge> calls(const State& s) const {
    return std::span(calls_).subspan(s.calls_begin, s.calls_end - s.calls_begin);
  }
  // States that are entered at once, without a byte. They never accept.
  std::span<const StateId> skips(const State& s) const {
    return std::span(skips_).subspan(s.skips_begin, s.skips_end - s.skips_begin);
  }
  StateId start(RuleId rule) const { return starts_[static_cast<size_t>(rule)]; }
  RuleId root() const { return 0; }
  int32_t n_states() const { return static_cast<int32_t>(states_.size()); }
  int32_t n_rules() const { return static_cast<int32_t>(starts_.size()); }
  size_t memory_bytes() const;

  // States from which the end of their rule can be reached with the bytes that are `available`.
  std::vector<bool> Productive(const std::array<bool, 256>& available) const;

 private:
  friend class AutomatonBuilder;
  std::vector<State> states_;
  std::vector<ByteEdge> bytes_;
  std::vector<CallEdge> calls_;
  std::vector<StateId> skips_;
  std::vector<StateId> starts_;  // of each rule
};

// Rule 0 is the root.
class AutomatonBuilder {
 public:
  static constexpr size_t kMaxStates = 400'000;
  static constexpr size_t kMaxEdges = 1'500'000;

  // Within the limits; checked by the caller now and then, since no single call adds much.
  bool ok() const { return states_.size() <= kMaxStates && n_edges_ <= kMaxEdges; }

  StateId NewState();
  StateId NewAccepting();
  RuleId NewRule();  // with a start state of its own
  StateId start(RuleId rule) const { return starts_[static_cast<size_t>(rule)]; }
  void SetAccepting(StateId state) { states_[static_cast<size_t>(state)].accepting = true; }
  void SetPlainRun(StateId state, int32_t n) { states_[static_cast<size_t>(state)].plain_run = n; }
  void SetCounted(StateId state, int32_t min_left, int32_t max_left) {
    SetPlainRun(state, max_left);
    states_[static_cast<size_t>(state)].min_left = min_left;
  }
  void Byte(StateId from, uint8_t first, uint8_t last, StateId to);
  void Call(StateId from, RuleId rule, StateId to);
  void Skip(StateId from, StateId to);
  // New states for all bytes of `text` but the last, which leads to `to`; `text` is not empty.
  void Literal(StateId from, std::string_view text, StateId to);

  // Drops what cannot be reached or cannot end. kInvalidArgument when the root has no text at all,
  // or when a rule would call itself before reading a byte.
  Result<Automaton> Freeze() const;

 private:
  struct State {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    std::vector<StateId> skips;
    int32_t plain_run = -1;
    int32_t min_left = -1;
    bool accepting = false;
  };
  Automaton Flatten() const;
  std::vector<State> states_;
  std::vector<StateId> starts_;
  size_t n_edges_ = 0;
};

}  // namespace glmocr
