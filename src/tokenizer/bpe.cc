#include "tokenizer/bpe.h"

#include <bit>
#include <cstring>
#include <queue>

#include "base/check.h"

namespace glmocr {
namespace {

constexpr uint64_t kEmpty = UINT64_MAX;  // no pair of non-negative ids packs to it

uint64_t Pack(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Fibonacci hashing; the high bits are the mixed ones.
uint64_t Mix(uint64_t key) {
  key *= 0x9E3779B97F4A7C15ull;
  return key ^ key >> 32;
}

}  // namespace

Bpe::Bpe(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges)
    : byte_ids_(byte_ids), slots_(std::bit_ceil(2 * merges.size() + 2), Slot{kEmpty, {}}) {
  const uint64_t mask = slots_.size() - 1;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t key = Pack(merges[rank].left, merges[rank].right);
    uint64_t i = Mix(key) & mask;
    while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask;
    slots_[i] = {key, {static_cast<uint32_t>(rank), merges[rank].merged}};
  }
}

Bpe::Found Bpe::Find(int32_t left, int32_t right) const {
  const uint64_t mask = slots_.size() - 1;
  const uint64_t key = Pack(left, right);
  for (uint64_t i = Mix(key) & mask;; i = (i + 1) & mask) {
    if (slots_[i].key == key) return slots_[i].value;
    if (slots_[i].key == kEmpty) return {};
  }
}

void Bpe::Encode(std::string_view word, std::vector<int32_t>* out) const {
  GLM_CHECK(!slots_.empty());
  if (word.size() <= kScanLimit) {
    EncodeByScan(word, out);
  } else {
    EncodeByHeap(word, out);
  }
}

void Bpe::EncodeByScan(std::string_view word, std::vector<int32_t>* out) const {
  int32_t ids[kScanLimit];
  Found pairs[kScanLimit];  // pairs[i] is the merge of ids[i] and ids[i + 1]
  size_t n = word.size();
  for (size_t i = 0; i < n; ++i) ids[i] = byte_ids_[static_cast<unsigned char>(word[i])];
  for (size_t i = 0; i + 1 < n; ++i) pairs[i] = Find(ids[i], ids[i + 1]);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
    ids[best] = pairs[best].merged;
    --n;
    std::memmove(ids + best + 1, ids + best + 2, (n - best - 1) * sizeof(ids[0]));
    if (best + 1 < n) {
      std::memmove(pairs + best + 1, pairs + best + 2, (n - best - 2) * sizeof(pairs[0]));
      pairs[best] = Find(ids[best], ids[best + 1]);
    }
    if (best > 0) pairs[best - 1] = Find(ids[best - 1], ids[best]);
  }
  out->insert(out->end(), ids, ids + n);
}

void Bpe::EncodeByHeap(std::string_view word, std::vector<int32_t>* out) const {
  struct Symbol {
    int32_t id;  // -1: merged into its left neighbour
    int64_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    int64_t left;
    int32_t merged;
    bool operator>(const Candidate& o) const {
      return rank != o.rank ? rank > o.rank : left > o.left;
    }
  };
  const auto n = static_cast<int64_t>(word.size());
  std::vector<Symbol> symbols(word.size());
  std::vector<Candidate> initial;
  for (int64_t i = 0; i < n; ++i) {
    symbols[i] = {byte_ids_[static_cast<unsigned char>(word[i])], i - 1, i + 1 < n ? i + 1 : -1};
    if (i == 0) continue;
    const Found found = Find(symbols[i - 1].id, symbols[i].id);
    if (found.rank != kNoRank) initial.push_back({found.rank, i - 1, found.merged});
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>(),
                                                                               std::move(initial));
  const auto push = [&](int64_t left) {
    if (left < 0 || symbols[left].next < 0) return;
    const Found found = Find(symbols[left].id, symbols[symbols[left].next].id);
    if (found.rank != kNoRank) queue.push({found.rank, left, found.merged});
  };
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.left];
    if (left.id < 0 || left.next < 0) continue;
    Symbol& right = symbols[left.next];
    // A neighbour changed since this candidate was queued: the pair of today has its own candidate.
    const Found today = Find(left.id, right.id);
    if (today.rank != top.rank || today.merged != top.merged) continue;
    left.id = top.merged;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[left.next].previous = top.left;
    push(left.previous);
    push(top.left);
  }
  for (int64_t i = 0; i >= 0; i = symbols[i].next) out->push_back(symbols[i].id);
}

}  // namespace glmocr
