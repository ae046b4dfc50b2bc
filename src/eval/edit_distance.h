// Levenshtein distance between sequences of symbols (code points, word numbers, token numbers): the
// least number of insertions, deletions and substitutions, each of cost 1.
//
// Why our own: documents have a million characters, so the plain table of n * m cells is too slow
// and a library that takes bytes counts bytes. Here 64 rows of the table are one machine word
// (Myers 1999, in the block form of Hyyro 2003), and only cells near the diagonal are computed
// (Ukkonen 1985), with a limit on the distance that doubles until it holds. Memory is O(n + m).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace glmocr {

using Symbols = std::vector<uint32_t>;

// A sequence prepared for being compared with many others. Immutable after construction; one object
// may be used from several threads only through copies (it has scratch memory).
class EditPattern {
 public:
  explicit EditPattern(std::span<const uint32_t> pattern);

  size_t size() const { return n_; }
  // The distance to `text`.
  size_t Distance(std::span<const uint32_t> text);
  // The least distance between the pattern and any part of `text` (Sellers 1980).
  size_t SearchDistance(std::span<const uint32_t> text);

 private:
  struct Block {
    uint64_t plus = ~uint64_t{0}, minus = 0;  // vertical differences of +1 and -1
  };
  // Distance if it is at most `limit`, else some number above it.
  size_t Banded(std::span<const uint32_t> text, size_t limit);
  // Sets match_ to the rows of blocks [first, last] whose symbol is `symbol`; ClearMatch undoes it.
  const uint64_t* Match(uint32_t symbol, size_t first, size_t last);
  void ClearMatch(uint32_t symbol, size_t first, size_t last);
  int Step(Block& block, uint64_t match, int in, unsigned last_bit) const;

  size_t n_ = 0, n_blocks_ = 0;
  // Symbols that are frequent have a bit mask of all rows; the others a list of their rows, from
  // which the masks of the blocks at hand are made in match_. That bounds memory by O(n) for every
  // alphabet.
  struct Rows {
    uint32_t begin = 0, count = 0;  // in rows_
    uint32_t dense = UINT32_MAX;    // number of its mask
  };
  std::unordered_map<uint32_t, Rows> symbols_;
  std::vector<uint32_t> rows_;
  std::vector<uint64_t> dense_;
  std::vector<uint64_t> match_;
  std::vector<Block> blocks_;
};

size_t EditDistance(std::span<const uint32_t> a, std::span<const uint32_t> b);

// Distance / max(length), 0 for two empty sequences.
double NormalizedEditDistance(std::span<const uint32_t> a, std::span<const uint32_t> b);

}  // namespace glmocr
