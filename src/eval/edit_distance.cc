#include "eval/edit_distance.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace glmocr {
namespace {

constexpr size_t kBits = 64;
// Below this many cells / 64 the whole table is faster than bands.
constexpr size_t kWholeTableWords = size_t{1} << 14;

constexpr size_t kShort = 24;

size_t ShortDistance(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  std::array<size_t, kShort + 1> row;
  std::iota(row.begin(), row.begin() + static_cast<ptrdiff_t>(b.size()) + 1, size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

EditPattern::EditPattern(std::span<const uint32_t> pattern)
    : n_(pattern.size()), n_blocks_((n_ + kBits - 1) / kBits) {
  for (const uint32_t symbol : pattern) ++symbols_[symbol].count;
  uint32_t begin = 0, n_dense = 0;
  for (auto& [symbol, rows] : symbols_) {
    rows.begin = begin;
    begin += rows.count;
    // A mask has n_blocks_ words; at most 4 n / n_blocks_ symbols get one, so masks take 4 n words.
    if (size_t{rows.count} * 4 >= n_blocks_) rows.dense = n_dense++;
    rows.count = 0;
  }
  rows_.resize(n_);
  dense_.resize(size_t{n_dense} * n_blocks_);
  for (size_t i = 0; i < n_; ++i) {
    Rows& rows = symbols_.find(pattern[i])->second;
    rows_[rows.begin + rows.count++] = static_cast<uint32_t>(i);
    if (rows.dense != UINT32_MAX) {
      dense_[size_t{rows.dense} * n_blocks_ + i / kBits] |= uint64_t{1} << (i % kBits);
    }
  }
  match_.resize(n_blocks_);
  blocks_.resize(n_blocks_);
}

const uint64_t* EditPattern::Match(uint32_t symbol, size_t first, size_t last) {
  const auto found = symbols_.find(symbol);
  if (found == symbols_.end()) return match_.data();
  const Rows& rows = found->second;
  if (rows.dense != UINT32_MAX) return dense_.data() + size_t{rows.dense} * n_blocks_;
  const auto begin = rows_.begin() + rows.begin, end = begin + rows.count;
  for (auto row = std::lower_bound(begin, end, first * kBits);
       row != end && *row < (last + 1) * kBits; ++row) {
    match_[*row / kBits] |= uint64_t{1} << (*row % kBits);
  }
  return match_.data();
}

void EditPattern::ClearMatch(uint32_t symbol, size_t first, size_t last) {
  const auto found = symbols_.find(symbol);
  if (found == symbols_.end() || found->second.dense != UINT32_MAX) return;
  const auto begin = rows_.begin() + found->second.begin, end = begin + found->second.count;
  for (auto row = std::lower_bound(begin, end, first * kBits);
       row != end && *row < (last + 1) * kBits; ++row) {
    match_[*row / kBits] = 0;
  }
}

// One column of one block (Hyyro 2003, figure 8): `in` is the horizontal difference above the
// block, the result the one in row `last_bit`.
int EditPattern::Step(Block& block, uint64_t match, int in, unsigned last_bit) const {
  const uint64_t plus = block.plus, minus = block.minus;
  const uint64_t vertical = match | minus;
  if (in < 0) match |= 1;
  const uint64_t horizontal = (((match & plus) + plus) ^ plus) | match;
  uint64_t h_plus = minus | ~(horizontal | plus);
  uint64_t h_minus = plus & horizontal;
  const int out =
      static_cast<int>(h_plus >> last_bit & 1) - static_cast<int>(h_minus >> last_bit & 1);
  h_plus <<= 1;
  h_minus <<= 1;
  if (in < 0) h_minus |= 1;
  if (in > 0) h_plus |= 1;
  block.plus = h_minus | ~(vertical | h_plus);
  block.minus = h_plus & vertical;
  return out;
}

size_t EditPattern::Banded(std::span<const uint32_t> text, size_t limit) {
  const auto n = static_cast<ptrdiff_t>(n_), m = static_cast<ptrdiff_t>(text.size());
  // A path that costs at most `limit` leaves the diagonals 0 (its start) and n - m (its end) by at
  // most `slack`.
  const ptrdiff_t apart = n - m, slack = (static_cast<ptrdiff_t>(limit) - std::abs(apart)) / 2;
  const ptrdiff_t low = std::min<ptrdiff_t>(0, apart) - slack;
  const ptrdiff_t high = std::max<ptrdiff_t>(0, apart) + slack;
  const auto last_block = static_cast<ptrdiff_t>(n_blocks_) - 1;
  const auto bottom_bit = [&](ptrdiff_t block) {
    return block == last_block ? static_cast<unsigned>((n_ - 1) % kBits) : 63u;
  };
  const auto block_of_row = [&](ptrdiff_t row) {  // rows count from 1; clamped
    return std::clamp<ptrdiff_t>((row - 1) / static_cast<ptrdiff_t>(kBits), 0, last_block);
  };
  ptrdiff_t last = block_of_row(std::max<ptrdiff_t>(high, 1));
  for (ptrdiff_t b = 0; b <= last; ++b) blocks_[b] = Block{};
  size_t score = last == last_block ? n_ : (last + 1) * kBits;  // in the last row of block `last`
  for (ptrdiff_t column = 1; column <= m; ++column) {
    const ptrdiff_t first = block_of_row(std::max<ptrdiff_t>(column + low, 1));
    const ptrdiff_t want = block_of_row(std::max<ptrdiff_t>(column + high, 1));
    while (last < want) {  // cells that were outside are taken for as large as they can be
      ++last;
      blocks_[last] = Block{};
      score += bottom_bit(last) + 1;
    }
    const uint32_t symbol = text[column - 1];
    const uint64_t* match = Match(symbol, first, last);
    int difference = 1;  // above the table, and at most that above the band
    for (ptrdiff_t b = first; b <= last; ++b) {
      difference = Step(blocks_[b], match[b], difference, bottom_bit(b));
    }
    ClearMatch(symbol, first, last);
    score += difference;
  }
  return score;
}

size_t EditPattern::Distance(std::span<const uint32_t> text) {
  if (n_ == 0 || text.empty()) return std::max(n_, text.size());
  const size_t most = std::max(n_, text.size());
  if (n_blocks_ * text.size() <= kWholeTableWords) return Banded(text, 2 * most);
  size_t limit = std::max(n_, text.size()) - std::min(n_, text.size()) + 4 * kBits;
  while (limit < most) {
    const size_t distance = Banded(text, limit);
    if (distance <= limit) return distance;
    limit *= 2;
  }
  return Banded(text, 2 * most);
}

size_t EditPattern::SearchDistance(std::span<const uint32_t> text) {
  if (n_ == 0) return 0;
  std::fill(blocks_.begin(), blocks_.end(), Block{});
  size_t score = n_, best = n_;
  for (const uint32_t symbol : text) {
    const uint64_t* match = Match(symbol, 0, n_blocks_ - 1);
    int difference = 0;  // a match may start anywhere
    for (size_t b = 0; b < n_blocks_; ++b) {
      difference =
          Step(blocks_[b], match[b], difference, b + 1 == n_blocks_ ? (n_ - 1) % kBits : 63);
    }
    ClearMatch(symbol, 0, n_blocks_ - 1);
    score += difference;
    best = std::min(best, score);
  }
  return best;
}

size_t EditDistance(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  size_t head = 0;
  const size_t shorter = std::min(a.size(), b.size());
  while (head < shorter && a[head] == b[head]) ++head;
  size_t tail = 0;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  a = a.subspan(head, a.size() - head - tail);
  b = b.subspan(head, b.size() - head - tail);
  // For a few cells the plain table is faster than preparing a pattern: cells of tables are short.
  if (a.size() <= kShort && b.size() <= kShort) return ShortDistance(a, b);
  return EditPattern(a).Distance(b);
}

double NormalizedEditDistance(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  const size_t longer = std::max(a.size(), b.size());
  return longer == 0 ? 0 : static_cast<double>(EditDistance(a, b)) / static_cast<double>(longer);
}

}  // namespace glmocr
