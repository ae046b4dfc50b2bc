// Byte-pair encoding of one word: start from one token per byte, then repeatedly merge the
// neighbouring pair of lowest rank (leftmost among equals) until no pair is in the merge table.
// Ref: Sennrich et al. 2016; ranks and ties as in HF `tokenizers`.
//
// How: a Bpe is built once from resolved merges and is then immutable and safe to share between
// threads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace glmocr {

struct Merge {
  int32_t left, right;  // ids; the rank is the position in the merge list
  int32_t merged;       // id of the concatenation
};

class Bpe {
 public:
  Bpe() = default;
  // `byte_ids[b]` is the id of the single byte b. A pair that occurs twice takes the later rank, as
  // in the reference.
  Bpe(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges);

  // Appends the ids of `word` to `out`. O(n^2) pair comparisons with a tiny constant up to
  // kScanLimit bytes, O(n log n) beyond, so that a megabyte of one letter stays harmless.
  void Encode(std::string_view word, std::vector<int32_t>* out) const;

 private:
  static constexpr uint32_t kNoRank = UINT32_MAX;
  static constexpr size_t kScanLimit = 64;
  struct Found {
    uint32_t rank = kNoRank;
    int32_t merged = -1;
  };
  struct Slot {
    uint64_t key;
    Found value;
  };

  Found Find(int32_t left, int32_t right) const;
  void EncodeByScan(std::string_view word, std::vector<int32_t>* out) const;
  void EncodeByHeap(std::string_view word, std::vector<int32_t>* out) const;

  std::array<int32_t, 256> byte_ids_{};
  // Open addressing, linear probing, at most half full, power-of-two size. A node-based map costs a
  // cache miss more per pair, and this look-up is the tokenizer's inner loop.
  std::vector<Slot> slots_;
};

}  // namespace glmocr
