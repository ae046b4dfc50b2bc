#include "grammar/char_dfa.h"

#include <algorithm>
#include <map>
#include <utility>

namespace glmocr {
namespace {

constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

Error TooLarge() {
  return {ErrorCode::kResourceExhausted, "it needs too many states; make it simpler or shorter"};
}

void MergeNeighbours(std::vector<CharDfa::Edge>& edges) {
  size_t n = 0;
  for (const CharDfa::Edge& e : edges) {
    if (n > 0 && edges[n - 1].target == e.target && edges[n - 1].range.last + 1 == e.range.first) {
      edges[n - 1].range.last = e.range.last;
    } else {
      edges[n++] = e;
    }
  }
  edges.resize(n);
}

}  // namespace

std::vector<CharRange> Normalised(const std::vector<CharRange>& ranges) {
  std::vector<CharRange> cut;
  for (const CharRange& r : ranges) {
    if (r.first < kFirstSurrogate)
      cut.push_back({r.first, std::min<char32_t>(r.last, kFirstSurrogate - 1)});
    if (r.last > kLastSurrogate)
      cut.push_back({std::max<char32_t>(r.first, kLastSurrogate + 1), std::min(r.last, kLastChar)});
  }
  std::erase_if(cut, [](const CharRange& r) { return r.first > r.last; });
  std::sort(cut.begin(), cut.end(),
            [](const CharRange& a, const CharRange& b) { return a.first < b.first; });
  std::vector<CharRange> out;
  for (const CharRange& r : cut) {
    if (!out.empty() && r.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, r.last);
    } else {
      out.push_back(r);
    }
  }
  return out;
}

std::vector<CharRange> Complement(const std::vector<CharRange>& normalised) {
  std::vector<CharRange> out;
  char32_t next = 0;
  for (const CharRange& r : normalised) {
    if (r.first > next) out.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kLastChar) out.push_back({next, kLastChar});
  return Normalised(out);
}

int32_t CharNfa::Add() {
  states.emplace_back();
  accepting.push_back(false);
  return static_cast<int32_t>(states.size() - 1);
}

int32_t CharDfa::Next(int32_t state, char32_t c) const {
  for (const Edge& e : states[static_cast<size_t>(state)].edges)
    if (e.range.first <= c && c <= e.range.last) return e.target;
  return -1;
}

char32_t NextChar(std::string_view utf8, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(utf8[i])); };
  const char32_t lead = byte(at);
  const size_t n = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  GLM_CHECK(at + n <= utf8.size());
  char32_t c = n == 1 ? lead : lead & (0x7Fu >> n);
  for (size_t i = 1; i < n; ++i) c = c << 6 | (byte(at + i) & 0x3F);
  at += n;
  return c;
}

bool CharDfa::Matches(std::string_view utf8) const {
  int32_t state = 0;
  for (size_t at = 0; at < utf8.size() && state >= 0;) state = Next(state, NextChar(utf8, at));
  return state >= 0 && states[static_cast<size_t>(state)].accepting;
}

Result<CharDfa> Determinise(const CharNfa& nfa, DfaBudget& budget) {
  using Set = std::vector<int32_t>;  // sorted
  struct Where {
    bool at_start, at_end;
  };
  const auto closure = [&](Set set, Where where) {
    std::vector<bool> in(nfa.states.size(), false);
    for (const int32_t s : set) in[static_cast<size_t>(s)] = true;
    for (size_t i = 0; i < set.size(); ++i) {
      for (const CharNfa::Skip& skip : nfa.states[static_cast<size_t>(set[i])].skips) {
        if (skip.needs == CharNfa::Assert::kAtStart && !where.at_start) continue;
        if (skip.needs == CharNfa::Assert::kAtEnd && !where.at_end) continue;
        if (in[static_cast<size_t>(skip.target)]) continue;
        in[static_cast<size_t>(skip.target)] = true;
        set.push_back(skip.target);
      }
    }
    std::sort(set.begin(), set.end());
    return set;
  };
  CharDfa dfa;
  // The start is a state of its own: only there do assertions of the start hold.
  std::map<std::pair<bool, Set>, int32_t> ids;
  std::vector<std::pair<bool, Set>> sets;
  const auto id_of = [&](bool at_start, Set set) {
    auto key = std::pair(at_start, std::move(set));
    const auto [found, inserted] = ids.emplace(key, static_cast<int32_t>(sets.size()));
    if (inserted) {
      CharDfa::State& state = dfa.states.emplace_back();
      for (const int32_t s : closure(key.second, {at_start, true}))
        state.accepting = state.accepting || nfa.accepting[static_cast<size_t>(s)];
      sets.push_back(std::move(key));
    }
    return found->second;
  };
  id_of(true, closure({nfa.start}, {true, false}));
  std::map<Set, int32_t> targets;  // states by what edges lead to, before its closure
  for (size_t i = 0; i < sets.size(); ++i) {
    if (sets.size() > kMaxDfaStates) return TooLarge();
    const Set set = sets[i].second;
    // The set's edges in the order of their first characters, and where any of them begins or ends.
    std::vector<const CharNfa::Edge*> all;
    std::vector<char32_t> borders;
    for (const int32_t s : set) {
      for (const CharNfa::Edge& e : nfa.states[static_cast<size_t>(s)].edges) {
        all.push_back(&e);
        borders.push_back(e.range.first);
        borders.push_back(e.range.last + 1);
      }
    }
    if (!budget.Spend(set.size() + 8 * all.size() + 1)) return TooLarge();
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return a->range.first < b->range.first; });
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    std::vector<CharDfa::Edge> edges;
    std::vector<const CharNfa::Edge*> active;  // those that hold the present border's character
    size_t begun = 0;
    for (size_t b = 0; b + 1 < borders.size(); ++b) {
      while (begun < all.size() && all[begun]->range.first <= borders[b])
        active.push_back(all[begun++]);
      std::erase_if(active, [&](const auto* e) { return e->range.last < borders[b]; });
      if (!budget.Spend(8 * active.size() + 1)) return TooLarge();
      if (active.empty()) continue;
      Set next;
      for (const CharNfa::Edge* e : active) next.push_back(e->target);
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      auto known = targets.find(next);
      if (known == targets.end()) {
        Set closed = closure(next, {false, false});
        if (!budget.Spend(nfa.states.size() / 8 + 8 * closed.size())) return TooLarge();
        known = targets.emplace(std::move(next), id_of(false, std::move(closed))).first;
      }
      edges.push_back({{borders[b], borders[b + 1] - 1}, known->second});
    }
    MergeNeighbours(edges);
    dfa.states[i].edges = std::move(edges);
  }
  return dfa;
}

Result<CharDfa> Intersection(const CharDfa& a, const CharDfa& b, DfaBudget& budget) {
  CharDfa out;
  std::map<std::pair<int32_t, int32_t>, int32_t> ids;
  std::vector<std::pair<int32_t, int32_t>> pairs;
  const auto id_of = [&](int32_t x, int32_t y) {
    const auto [found, inserted] = ids.emplace(std::pair(x, y), static_cast<int32_t>(pairs.size()));
    if (inserted) {
      pairs.emplace_back(x, y);
      out.states.emplace_back().accepting =
          a.states[static_cast<size_t>(x)].accepting && b.states[static_cast<size_t>(y)].accepting;
    }
    return found->second;
  };
  id_of(0, 0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > kMaxDfaStates) return TooLarge();
    const auto [x, y] = pairs[i];
    const auto& ea = a.states[static_cast<size_t>(x)].edges;
    const auto& eb = b.states[static_cast<size_t>(y)].edges;
    const size_t cost = 8 * (ea.size() + eb.size() + 1);
    if (!budget.Spend(cost)) return TooLarge();
    std::vector<CharDfa::Edge> edges;
    for (size_t p = 0, q = 0; p < ea.size() && q < eb.size();) {
      const char32_t first = std::max(ea[p].range.first, eb[q].range.first);
      const char32_t last = std::min(ea[p].range.last, eb[q].range.last);
      if (first <= last) edges.push_back({{first, last}, id_of(ea[p].target, eb[q].target)});
      (ea[p].range.last < eb[q].range.last ? p : q) += 1;
    }
    MergeNeighbours(edges);
    out.states[i].edges = std::move(edges);
  }
  return out;
}

CharDfa LengthDfa(int64_t min, int64_t max) {
  CharDfa dfa;
  const int64_t n = max < 0 ? min : max;
  const std::vector<CharRange> all = Complement({});
  for (int64_t i = 0; i <= n; ++i) {
    CharDfa::State& state = dfa.states.emplace_back();
    state.accepting = i >= min;
    const int64_t next = i < n ? i + 1 : max < 0 ? i : -1;
    if (next < 0) continue;
    for (const CharRange& r : all) state.edges.push_back({r, static_cast<int32_t>(next)});
  }
  return dfa;
}

Result<CharDfa> AllBut(const std::vector<std::string_view>& utf8_texts) {
  // A trie with state 0 as its root; what leaves it goes to `other`, where everything is accepted.
  std::vector<std::map<char32_t, int32_t>> trie(1);
  std::vector<bool> ends(1, false);
  for (const std::string_view text : utf8_texts) {
    int32_t node = 0;
    for (size_t at = 0; at < text.size();) {
      const char32_t c = NextChar(text, at);
      const auto [found, inserted] =
          trie[static_cast<size_t>(node)].emplace(c, static_cast<int32_t>(trie.size()));
      node = found->second;
      if (inserted) {
        trie.emplace_back();
        ends.push_back(false);
      }
    }
    ends[static_cast<size_t>(node)] = true;
    if (trie.size() > kMaxDfaStates) return TooLarge();
  }
  CharDfa dfa;
  const auto other = static_cast<int32_t>(trie.size());
  for (size_t i = 0; i <= trie.size(); ++i) {
    CharDfa::State& state = dfa.states.emplace_back();
    state.accepting = i == trie.size() || !ends[i];
    std::vector<CharRange> taken;
    if (i < trie.size()) {
      for (const auto& [c, target] : trie[i]) {
        taken.push_back({c, c});
        state.edges.push_back({{c, c}, target});
      }
    }
    for (const CharRange& r : Complement(Normalised(taken))) state.edges.push_back({r, other});
    std::sort(state.edges.begin(), state.edges.end(),
              [](const auto& a, const auto& b) { return a.range.first < b.range.first; });
  }
  return dfa;
}

}  // namespace glmocr
