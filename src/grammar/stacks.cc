#include "grammar/stacks.h"

#include <algorithm>

namespace glmocr {
namespace {

constexpr size_t kScan = 24;  // sets up to this size are searched one by one

uint64_t Key(Item item) {
  return static_cast<uint64_t>(static_cast<uint32_t>(item.state)) << 32 |
         static_cast<uint32_t>(item.frame);
}

}  // namespace

void Stacks::Remember(const Items& out) {
  seen_.clear();
  for (const Item& i : out.items) seen_.insert(Key(i));
}

// An item that cannot be there yet.
void Stacks::AddNew(Items& out, Item item) {
  if (out.items.size() >= kScan) {
    if (out.items.size() == kScan) Remember(out);
    seen_.insert(Key(item));
  }
  out.items.push_back(item);
}

bool Stacks::Add(Items& out, Item item) {
  if (out.items.size() < kScan) {
    if (std::find(out.items.begin(), out.items.end(), item) != out.items.end()) return false;
  } else {
    if (out.items.size() == kScan) Remember(out);
    if (!seen_.insert(Key(item)).second) return false;
    if (out.items.size() >= kMaxItems) {
      out.too_many = true;
      return false;
    }
  }
  out.items.push_back(item);
  return true;
}

// Completes `out`, whose items the last byte reached: first where ended rules return to, then where
// called rules begin. No rule is empty, so a rule that begins here cannot end here, and the second
// part adds nothing to the first.
void Stacks::Close(Items& out, AtOnce leave) {
  if (leave == AtOnce::kMayLeave) {
    for (size_t i = 0; i < out.items.size(); ++i) {
      const Item item = out.items[i];
      if (!a_->state(item.state).accepting) continue;
      if (item.frame == kOutside) {
        out.outside = true;
        continue;
      }
      for (int32_t l = first_link(item.frame); l >= 0; l = link(l).next)
        Add(out, {link(l).state, link(l).frame});
    }
  }
  out.n_kernel = out.items.size();
  ++closure_;
  for (size_t i = 0; i < out.items.size(); ++i) {
    const Item item = out.items[i];
    const Automaton::State& state = a_->state(item.state);
    if (!state.HasInner()) continue;
    for (const StateId s : a_->skips(state)) Add(out, {s, item.frame});
    for (const CallEdge& call : a_->calls(state)) {
      Entered& entered = entered_[static_cast<size_t>(call.rule)];
      if (entered.closure != closure_) {
        entered = {closure_, static_cast<FrameId>(frames_.size())};
        frames_.push_back(-1);
        if (out.items.size() >= kMaxItems) {
          out.too_many = true;
        } else {
          AddNew(out, {a_->start(call.rule), entered.frame});
        }
      }
      int32_t& first = frames_[static_cast<size_t>(entered.frame)];
      bool known = false;
      for (int32_t l = first; l >= 0 && !known; l = link(l).next)
        known = link(l).state == call.target && link(l).frame == item.frame;
      if (known) continue;
      links_.push_back({call.target, item.frame, first});
      first = static_cast<int32_t>(links_.size() - 1);
    }
  }
}

void Stacks::Start(StateId state, AtOnce leave, Items& out) {
  out.items.assign(1, {state, kOutside});
  out.outside = out.too_many = false;
  Close(out, leave);
}

void Stacks::Step(const Items& in, uint8_t byte, Items& out) {
  out.items.clear();
  out.n_kernel = 0;
  out.outside = false;
  out.too_many = in.too_many;
  bool plain = true;  // nothing to close
  for (const Item& item : in.items) {
    const Automaton::State& state = a_->state(item.state);
    for (const ByteEdge& e : a_->bytes(state)) {
      if (byte < e.first || byte > e.last) continue;
      if (in.items.size() == 1 && state.deterministic) {
        out.items.push_back({e.target, item.frame});
      } else {
        Add(out, {e.target, item.frame});
      }
      const Automaton::State& target = a_->state(e.target);
      plain = plain && !target.accepting && !target.HasInner();
      if (state.deterministic) break;
    }
  }
  if (plain) {
    out.n_kernel = out.items.size();
  } else {
    Close(out, AtOnce::kMayLeave);
  }
}

void Stacks::Compact(Items& live) {
  std::vector<int32_t> new_id(frames_.size(), -1);
  std::vector<FrameId> todo;
  const auto keep = [&](FrameId f) {
    if (f == kOutside || new_id[static_cast<size_t>(f)] == 0) return;
    new_id[static_cast<size_t>(f)] = 0;
    todo.push_back(f);
  };
  for (const Item& item : live.items) keep(item.frame);
  while (!todo.empty()) {
    const FrameId f = todo.back();
    todo.pop_back();
    for (int32_t l = first_link(f); l >= 0; l = link(l).next) keep(link(l).frame);
  }
  int32_t n = 0;
  for (int32_t& id : new_id)
    if (id == 0) id = n++;
  const auto moved = [&](FrameId f) { return f == kOutside ? f : new_id[static_cast<size_t>(f)]; };
  std::vector<int32_t> frames(static_cast<size_t>(n), -1);
  std::vector<Link> links;
  for (size_t f = 0; f < frames_.size(); ++f) {
    if (new_id[f] < 0) continue;
    int32_t& first = frames[static_cast<size_t>(new_id[f])];
    for (int32_t l = frames_[f]; l >= 0; l = link(l).next) {
      links.push_back({link(l).state, moved(link(l).frame), first});
      first = static_cast<int32_t>(links.size() - 1);
    }
  }
  frames_ = std::move(frames);
  links_ = std::move(links);
  for (Item& item : live.items) item.frame = moved(item.frame);
}

}  // namespace glmocr
