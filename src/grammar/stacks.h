// The state of a pushdown automaton in the middle of a text, with all its readings at once.
//
// What: a set of items (state, frame). A frame is a rule that was entered at one byte; its links
// say who called it there: the state behind the call and the caller's own frame. So callers that
// enter one rule at one byte share everything below it (a graph-structured stack, Tomita 1987), and
// an ambiguous schema costs time in proportion to its size, not to the number of readings. How:
// Start, then Step byte by byte; an empty set means that the text is not a prefix of the language.
// Frames lie in an arena; a search that goes back cuts it with Mark and Cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "grammar/automaton.h"

namespace glmocr {

using FrameId = int32_t;
constexpr FrameId kOutside = -1;  // below the first rule

struct Item {
  StateId state = 0;
  FrameId frame = kOutside;
  bool operator==(const Item&) const = default;
};

// All readings after some bytes. The first n_kernel items stand where the last byte or the end of a
// rule put them; the others are where rules that they call begin.
struct Items {
  std::vector<Item> items;
  size_t n_kernel = 0;
  bool outside = false;   // a reading left the first rule: the text may end here
  bool too_many = false;  // more readings than kMaxItems: the set is not complete
  bool empty() const { return items.empty() && !outside; }
};

class Stacks {
 public:
  static constexpr size_t kMaxItems = 20'000;

  struct Link {
    StateId state = 0;         // behind the call
    FrameId frame = kOutside;  // of the caller
    int32_t next = -1;
  };
  struct Size {
    size_t n_frames = 0, n_links = 0;
  };

  explicit Stacks(const Automaton* automaton)
      : a_(automaton), entered_(static_cast<size_t>(automaton->n_rules())) {}

  // The single item (state, kOutside). Whether `state` itself accepts counts when `may_leave`.
  enum class AtOnce { kMayLeave, kMayNotLeave };
  void Start(StateId state, AtOnce leave, Items& out);
  // `out` must not be `in`.
  void Step(const Items& in, uint8_t byte, Items& out);

  int32_t first_link(FrameId frame) const { return frames_[static_cast<size_t>(frame)]; }
  const Link& link(int32_t i) const { return links_[static_cast<size_t>(i)]; }

  Size Mark() const { return {frames_.size(), links_.size()}; }
  void Cut(Size size) {
    frames_.resize(size.n_frames);
    links_.resize(size.n_links);
  }
  // Drops the frames that `live` does not need, and renumbers those in it.
  void Compact(Items& live);

 private:
  struct Entered {
    uint64_t closure = 0;
    FrameId frame = kOutside;
  };
  void Close(Items& out, AtOnce leave);
  bool Add(Items& out, Item item);
  void AddNew(Items& out, Item item);
  void Remember(const Items& out);

  const Automaton* a_;
  std::vector<int32_t> frames_;  // first link of each
  std::vector<Link> links_;
  std::vector<Entered> entered_;  // per rule: its frame in the closure at work
  uint64_t closure_ = 0;
  std::unordered_set<uint64_t> seen_;  // items of a large set, once it is large
};

}  // namespace glmocr
