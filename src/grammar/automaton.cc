#include "grammar/automaton.h"

#include <algorithm>
#include <bitset>
#include <utility>

namespace glmocr {

size_t Automaton::memory_bytes() const {
  return states_.size() * sizeof(State) + bytes_.size() * sizeof(ByteEdge) +
         calls_.size() * sizeof(CallEdge) + (skips_.size() + starts_.size()) * sizeof(StateId);
}

// Backwards from the accepting states: each edge waits for its target and, a call, for the start of
// its rule. Linear in the number of edges.
std::vector<bool> Automaton::Productive(const std::array<bool, 256>& available) const {
  const size_t n = states_.size();
  struct Wait {
    StateId source;
    int32_t call;  // index into calls_, -1: none
  };
  std::vector<std::vector<Wait>> waits(n);
  std::vector<int8_t> missing(calls_.size(), 2);
  std::vector<bool> productive(n, false);
  std::vector<StateId> todo;
  const auto mark = [&](StateId s) {
    if (productive[static_cast<size_t>(s)]) return;
    productive[static_cast<size_t>(s)] = true;
    todo.push_back(s);
  };
  for (size_t i = 0; i < n; ++i) {
    const State& s = states_[i];
    const auto id = static_cast<StateId>(i);
    for (const ByteEdge& e : bytes(s)) {
      bool any = false;
      for (int b = e.first; b <= e.last && !any; ++b) any = available[static_cast<size_t>(b)];
      if (any) waits[static_cast<size_t>(e.target)].push_back({id, -1});
    }
    for (uint32_t c = s.calls_begin; c < s.calls_end; ++c) {
      waits[static_cast<size_t>(calls_[c].target)].push_back({id, static_cast<int32_t>(c)});
      waits[static_cast<size_t>(start(calls_[c].rule))].push_back({id, static_cast<int32_t>(c)});
    }
    for (const StateId t : skips(s)) waits[static_cast<size_t>(t)].push_back({id, -1});
    if (s.accepting) mark(id);
  }
  while (!todo.empty()) {
    const StateId s = todo.back();
    todo.pop_back();
    for (const Wait& wait : waits[static_cast<size_t>(s)])
      if (wait.call < 0 || --missing[static_cast<size_t>(wait.call)] == 0) mark(wait.source);
  }
  return productive;
}

StateId AutomatonBuilder::NewState() {
  states_.emplace_back();
  return static_cast<StateId>(states_.size() - 1);
}

StateId AutomatonBuilder::NewAccepting() {
  const StateId s = NewState();
  SetAccepting(s);
  return s;
}

RuleId AutomatonBuilder::NewRule() {
  starts_.push_back(NewState());
  return static_cast<RuleId>(starts_.size() - 1);
}

void AutomatonBuilder::Byte(StateId from, uint8_t first, uint8_t last, StateId to) {
  states_[static_cast<size_t>(from)].bytes.push_back({first, last, to});
  ++n_edges_;
}

void AutomatonBuilder::Call(StateId from, RuleId rule, StateId to) {
  states_[static_cast<size_t>(from)].calls.push_back({rule, to});
  ++n_edges_;
}

void AutomatonBuilder::Skip(StateId from, StateId to) {
  states_[static_cast<size_t>(from)].skips.push_back(to);
  ++n_edges_;
}

void AutomatonBuilder::Literal(StateId from, std::string_view text, StateId to) {
  GLM_CHECK(!text.empty());
  for (size_t i = 0; i < text.size(); ++i) {
    const StateId next = i + 1 == text.size() ? to : NewState();
    Byte(from, static_cast<uint8_t>(text[i]), static_cast<uint8_t>(text[i]), next);
    from = next;
  }
}

Automaton AutomatonBuilder::Flatten() const {
  Automaton a;
  a.starts_ = starts_;
  for (const State& s : states_) {
    Automaton::State& out = a.states_.emplace_back();
    out.accepting = s.accepting;
    out.plain_run = s.plain_run;
    out.min_left = s.min_left;
    std::bitset<256> taken;
    out.deterministic = true;
    for (const ByteEdge& e : s.bytes) {
      for (size_t b = e.first; b <= e.last; ++b) {
        out.deterministic = out.deterministic && !taken[b];
        taken[b] = true;
      }
    }
    out.bytes_begin = static_cast<uint32_t>(a.bytes_.size());
    a.bytes_.insert(a.bytes_.end(), s.bytes.begin(), s.bytes.end());
    out.bytes_end = static_cast<uint32_t>(a.bytes_.size());
    out.calls_begin = static_cast<uint32_t>(a.calls_.size());
    a.calls_.insert(a.calls_.end(), s.calls.begin(), s.calls.end());
    out.calls_end = static_cast<uint32_t>(a.calls_.size());
    out.skips_begin = static_cast<uint32_t>(a.skips_.size());
    a.skips_.insert(a.skips_.end(), s.skips.begin(), s.skips.end());
    out.skips_end = static_cast<uint32_t>(a.skips_.size());
  }
  return a;
}

Result<Automaton> AutomatonBuilder::Freeze() const {
  const Automaton whole = Flatten();
  std::array<bool, 256> all;
  all.fill(true);
  const std::vector<bool> productive = whole.Productive(all);
  const auto keep = [&](StateId s) { return productive[static_cast<size_t>(s)]; };
  if (!keep(start(0)))
    return Error{ErrorCode::kInvalidArgument, "no finite JSON value can validate against it"};

  // What the root reaches through edges that can end.
  std::vector<bool> reached(states_.size(), false);
  std::vector<StateId> todo;
  const auto reach = [&](StateId s) {
    if (reached[static_cast<size_t>(s)]) return;
    reached[static_cast<size_t>(s)] = true;
    todo.push_back(s);
  };
  reach(start(0));
  while (!todo.empty()) {
    const State& s = states_[static_cast<size_t>(todo.back())];
    todo.pop_back();
    for (const ByteEdge& e : s.bytes)
      if (keep(e.target)) reach(e.target);
    for (const CallEdge& e : s.calls) {
      if (!keep(e.target) || !keep(start(e.rule))) continue;
      reach(e.target);
      reach(start(e.rule));
    }
    for (const StateId t : s.skips)
      if (keep(t)) reach(t);
  }
  std::vector<StateId> new_id(states_.size(), -1);
  std::vector<RuleId> new_rule(starts_.size(), -1);
  AutomatonBuilder out;
  for (size_t i = 0; i < states_.size(); ++i)
    if (reached[i]) new_id[i] = out.NewState();
  for (size_t r = 0; r < starts_.size(); ++r) {
    const StateId s = new_id[static_cast<size_t>(starts_[r])];
    if (s < 0) continue;
    new_rule[r] = static_cast<RuleId>(out.starts_.size());
    out.starts_.push_back(s);
  }
  for (size_t i = 0; i < states_.size(); ++i) {
    if (!reached[i]) continue;
    const State& s = states_[i];
    const StateId from = new_id[i];
    out.states_[static_cast<size_t>(from)].accepting = s.accepting;
    out.states_[static_cast<size_t>(from)].plain_run = s.plain_run;
    out.states_[static_cast<size_t>(from)].min_left = s.min_left;
    for (const ByteEdge& e : s.bytes)
      if (keep(e.target)) out.Byte(from, e.first, e.last, new_id[static_cast<size_t>(e.target)]);
    for (const CallEdge& e : s.calls)
      if (keep(e.target) && keep(start(e.rule)))
        out.Call(from, new_rule[static_cast<size_t>(e.rule)],
                 new_id[static_cast<size_t>(e.target)]);
    for (const StateId t : s.skips)
      if (keep(t)) out.Skip(from, new_id[static_cast<size_t>(t)]);
  }

  // Left recursion: depth first over the calls that a rule can make before it reads a byte.
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> mark(out.states_.size(), kNew);
  struct Visit {
    StateId state;
    size_t next;
  };
  for (const StateId first : out.starts_) {
    std::vector<Visit> path;
    const auto enter = [&](StateId s) {
      mark[static_cast<size_t>(s)] = kOpen;
      path.push_back({s, 0});
    };
    if (mark[static_cast<size_t>(first)] == kNew) enter(first);
    while (!path.empty()) {
      const StateId id = path.back().state;
      const State& s = out.states_[static_cast<size_t>(id)];
      const size_t k = path.back().next++;
      StateId next = -1;
      if (k < s.calls.size()) {
        next = out.start(s.calls[k].rule);
      } else if (k < s.calls.size() + s.skips.size()) {
        next = s.skips[k - s.calls.size()];
      } else {
        mark[static_cast<size_t>(id)] = kDone;
        path.pop_back();
        continue;
      }
      if (mark[static_cast<size_t>(next)] == kOpen)
        return Error{ErrorCode::kInvalidArgument,
                     "a $ref leads back to itself without an object or array in between"};
      if (mark[static_cast<size_t>(next)] == kNew) enter(next);
    }
  }
  for (const StateId s : out.starts_) GLM_CHECK(!out.states_[static_cast<size_t>(s)].accepting);
  for (const State& s : out.states_)
    for (const StateId t : s.skips) GLM_CHECK(!out.states_[static_cast<size_t>(t)].accepting);
  return out.Flatten();
}

}  // namespace glmocr
