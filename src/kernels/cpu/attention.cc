// Attention's driver: cuts the work into (head, some query rows) items that threads take as they
// become free, and walks the keys of an item 64 at a time. Baseline code; the arithmetic is behind
// AttentionTarget.
//
// Vision packs keys and values into blocks of the cache's layout first, a few heads at a time, and
// then both attentions are the same walk: no score matrix ever exists beyond one tile's 12 x 64.
#include "kernels/cpu/attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/attention_tile.h"

namespace glmocr::cpu {
namespace {

static_assert(kTileKeys == kKeyBlock && kTileBlocks * kKvBlock == kKeyBlock && kPanel == kKvBlock);

// Query rows of one item: what is read of the keys and values serves all of them; four tiles of the
// tallest micro-kernel.
constexpr int64_t kItemRows = 4 * kMaxTileRows;
// Packed keys and values of the heads in flight (vision): within an L3 cache, and small against a
// page's activations.
constexpr int64_t kPackedBytes = int64_t{8} << 20;

int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

const AttentionPath& PathOf(const AttentionTarget& target, Compute compute, DType blocks) {
  if (compute == Compute::kBF16) return target.bf16_over_bf16;
  return blocks == DType::kBF16 ? target.f32_over_bf16 : target.f32_over_f32;
}

// One thread's working memory for an item: query, running state, and rounded copies of blocks where
// the cache holds fp32 and the products want bf16.
class Scratch {
 public:
  Scratch(std::byte* memory, int64_t head_dim)
      : head_dim_(head_dim), width_(RoundUp(head_dim, kPanel)) {
    scores_ = Take<float>(memory, kScoreFloats);
    q_ = Take<std::byte>(memory, kItemRows * width_ * 4);
    out_ = Take<float>(memory, kItemRows * width_);
    sum_ = Take<float>(memory, kItemRows * kPanel);
    max_ = Take<float>(memory, kItemRows);
    visible_ = Take<int32_t>(memory, kItemRows);
    rounded_ = Take<bf16>(memory, 2 * kKeyBlock * width_);
  }
  static int64_t Bytes(int64_t head_dim) {
    const int64_t width = RoundUp(head_dim, kPanel);
    return RoundUp(
               kScoreFloats * 4 + kItemRows * (8 * width + 4 * kPanel + 8) + 4 * kKeyBlock * width,
               64) +
           7 * 64;
  }

  // Starts an item of `rows` rows with nothing seen.
  AttentionTile Begin(int64_t rows) {
    GLM_CHECK(rows >= 1 && rows <= kItemRows);
    std::fill_n(scores_, kScoreFloats, 0.0f);
    std::fill_n(max_, rows, -std::numeric_limits<float>::infinity());
    std::fill_n(sum_, rows * kPanel, 0.0f);
    std::fill_n(out_, rows * width_, 0.0f);
    return {.q = q_,
            .rows = rows,
            .depth = head_dim_,
            .value_panels = width_ / kPanel,
            .visible = visible_,
            .max = max_,
            .sum = sum_,
            .out = out_,
            .scores = scores_};
  }
  // Query row r goes here. Rows are head_dim elements of the path's type apart.
  std::byte* query(int64_t r, int64_t element_bytes) { return q_ + r * head_dim_ * element_bytes; }
  // Moves `tile` to the rows from `row` on.
  void PointAt(int64_t row, int64_t query_bytes, AttentionTile& tile) {
    tile.q = query(row, query_bytes);
    tile.max = max_ + row;
    tile.sum = sum(row);
    tile.out = out(row);
  }
  int32_t* visible() { return visible_; }
  bf16* rounded(int64_t i) { return rounded_ + i * kKvBlock * width_; }  // i < 2 * kTileBlocks
  float* out(int64_t r) { return out_ + r * width_; }
  float* sum(int64_t r) { return sum_ + r * kPanel; }

 private:
  template <typename T>
  static T* Take(std::byte*& memory, int64_t count) {
    T* at = reinterpret_cast<T*>(memory);
    memory += RoundUp(count * static_cast<int64_t>(sizeof(T)), 64);
    return at;
  }
  int64_t head_dim_;
  int64_t width_;
  std::byte* q_;
  float *scores_, *out_, *sum_, *max_;
  int32_t* visible_;
  bf16* rounded_;
};

// Working memory of all threads.
class ScratchSet {
 public:
  ScratchSet(int n_threads, int64_t head_dim)
      : head_dim_(head_dim),
        each_(Scratch::Bytes(head_dim)),
        buffer_(static_cast<size_t>(n_threads * each_)) {}
  Scratch of(int thread) { return {buffer_.data() + thread * each_, head_dim_}; }

 private:
  int64_t head_dim_;
  int64_t each_;
  Buffer buffer_;
};

// Bytes of one element of a loaded query: half only where the target multiplies bf16 pairs.
int64_t QueryBytes(const AttentionTarget& target, Compute compute) {
  return compute == Compute::kBF16 && target.bf16_queries ? 2 : 4;
}

// ---- vision ----

struct QueryRange {
  int64_t begin, end, segment_begin, segment_end, first_block;
};

// Packed keys and values of some heads: per head, per block of 16 tokens, keys then values.
struct PackedHeads {
  std::byte* data;
  int64_t n_blocks;
  int64_t key_bytes;
  int64_t value_bytes;

  std::byte* keys(int64_t head, int64_t block) const {
    return data + (head * n_blocks + block) * (key_bytes + value_bytes);
  }
  std::byte* values(int64_t head, int64_t block) const { return keys(head, block) + key_bytes; }
};

void PackBlock(const SegmentAttentionArgs& args, const AttentionTarget& target, int64_t row,
               int64_t n_tokens, int64_t column, float* scratch, std::byte* keys,
               std::byte* values) {
  const int64_t d = args.head_dim;
  const bool round = args.compute == Compute::kBF16;
  float* to = round ? scratch : reinterpret_cast<float*>(keys);
  target.pack_keys(args.k.row(row) + column, args.k.stride, n_tokens, d, to);
  if (round) target.round_block(to, d / 2, reinterpret_cast<bf16*>(keys));
  to = round ? scratch : reinterpret_cast<float*>(values);
  target.pack_values(args.v.row(row) + column, args.v.stride, n_tokens, d, to);
  if (round) target.round_block(to, RoundUp(d, kPanel) / 2, reinterpret_cast<bf16*>(values));
}

void AttendSegmentRows(const SegmentAttentionArgs& args, const AttentionTarget& target,
                       const PackedHeads& packed, const QueryRange& range, int64_t head,
                       int64_t packed_head, Scratch& scratch) {
  const int64_t d = args.head_dim, rows = range.end - range.begin, column = head * d;
  const AttentionPath& path = PathOf(target, args.compute, DType::kF32);
  const int64_t query_bytes = QueryBytes(target, args.compute);
  AttentionTile tile = scratch.Begin(rows);
  for (int64_t r = 0; r < rows; ++r) {
    path.load_query(args.q.row(range.begin + r) + column, d, args.scale,
                    scratch.query(r, query_bytes));
  }
  const int64_t total = range.segment_end - range.segment_begin;
  for (int64_t key = 0; key < total; key += kKeyBlock) {
    tile.n_keys = std::min(kKeyBlock, total - key);
    if (key == 0 || tile.n_keys < kKeyBlock)
      std::fill_n(scratch.visible(), rows, static_cast<int32_t>(tile.n_keys));
    for (int64_t b = 0; b * kKvBlock < tile.n_keys; ++b) {
      const int64_t block = range.first_block + key / kKvBlock + b;
      tile.keys[b] = packed.keys(packed_head, block);
      tile.values[b] = packed.values(packed_head, block);
    }
    path.attend(tile);
  }
  for (int64_t r = 0; r < rows; ++r)
    target.finish(scratch.out(r), scratch.sum(r), d, args.out.row(range.begin + r) + column);
}

// ---- text ----

// Rows [begin, end) of one sequence's n_rows * group query rows of a kv head; row r is query head
// r % group of token r / group.
struct PagedRange {
  int64_t sequence, begin, end;
};

// The rows of a range, for kv heads [first_head, first_head + n_heads). Decoding takes several
// heads at once, so that memory is read in the order in which it lies: the heads of a block are
// neighbours, the blocks of a head are 64 KiB apart, and reading in that order was measured at two
// thirds of the bandwidth (22 of 34 GB/s).
class PagedItem {
 public:
  PagedItem(const PagedAttentionArgs& args, const AttentionTarget& target, const PagedRange& range,
            int64_t first_head, int64_t n_heads)
      : args_(args),
        target_(target),
        sequence_(args.sequences[static_cast<size_t>(range.sequence)]),
        range_(range),
        first_head_(first_head),
        n_heads_(n_heads),
        d_(args.cache.head_dim),
        group_(args.n_heads / args.cache.n_kv_heads),
        round_blocks_(args.compute == Compute::kBF16 && args.cache.dtype == DType::kF32) {}

  // `next`: the item that this thread goes on with, or null.
  void Run(Scratch& scratch, const PagedItem* next) {
    const int64_t rows = range_.end - range_.begin;
    const AttentionPath& path = PathOf(target_, args_.compute, args_.cache.dtype);
    const int64_t query_bytes = QueryBytes(target_, args_.compute);
    AttentionTile tile = scratch.Begin(rows * n_heads_);
    tile.rows = rows;
    for (int64_t h = 0; h < n_heads_; ++h) {
      for (int64_t r = 0; r < rows; ++r) {
        path.load_query(args_.q.row(TokenRow(r)) + Column(h, r), d_, args_.scale,
                        scratch.query(h * rows + r, query_bytes));
      }
    }
    const int64_t total = n_keys();
    for (int64_t key = 0; key < total; key += kKeyBlock) {
      tile.n_keys = std::min(kKeyBlock, total - key);
      for (int64_t r = 0; r < rows; ++r) {
        scratch.visible()[r] =
            static_cast<int32_t>(std::clamp<int64_t>(KeysOf(r) - key, 0, tile.n_keys));
      }
      for (int64_t h = 0; h < n_heads_; ++h) {
        for (int64_t b = 0; b * kKvBlock < tile.n_keys; ++b)
          SetBlock(tile, scratch, key / kKvBlock + b, b, first_head_ + h);
        if (key + kKeyBlock < total) {
          Prefetch(key + kKeyBlock, h, n_heads_);
        } else if (next != nullptr) {
          next->Prefetch(0, h, n_heads_);
        }
        scratch.PointAt(h * rows, query_bytes, tile);
        path.attend(tile);
      }
    }
    for (int64_t h = 0; h < n_heads_; ++h) {
      for (int64_t r = 0; r < rows; ++r) {
        target_.finish(scratch.out(h * rows + r), scratch.sum(h * rows + r), d_,
                       args_.out.row(TokenRow(r)) + Column(h, r));
      }
    }
  }

 private:
  int64_t TokenRow(int64_t r) const { return sequence_.row_begin + (range_.begin + r) / group_; }
  int64_t Column(int64_t h, int64_t r) const {
    return ((first_head_ + h) * group_ + (range_.begin + r) % group_) * d_;
  }
  // How many keys row r sees.
  int64_t KeysOf(int64_t r) const { return sequence_.start + (range_.begin + r) / group_ + 1; }
  int64_t n_keys() const { return KeysOf(range_.end - range_.begin - 1); }

  // Asks for part `part` of `parts` of the keys and values of the tile from `key` on, in the order
  // in which they lie: their heads are pages of their own, and processors do not prefetch across
  // the end of a page.
  void Prefetch(int64_t key, int64_t part, int64_t parts) const {
    const int64_t tokens = std::min(kKeyBlock, n_keys() - key);
    const int64_t pieces = RoundUp(tokens, kKvBlock) / kKvBlock * 2 * n_heads_;
    for (int64_t i = pieces * part / parts; i < pieces * (part + 1) / parts; ++i) {
      const int64_t in_block = i % (2 * n_heads_), head = first_head_ + in_block % n_heads_;
      const int64_t block =
          sequence_.block_table[static_cast<size_t>(key / kKvBlock + i / (2 * n_heads_))];
      const std::byte* at =
          in_block < n_heads_ ? args_.cache.keys(block, head) : args_.cache.values(block, head);
      for (size_t byte = 0; byte < args_.cache.head_bytes(); byte += 64)
        __builtin_prefetch(at + byte, 0, 2);
    }
  }

  void SetBlock(AttentionTile& tile, Scratch& scratch, int64_t index, int64_t b,
                int64_t head) const {
    const int64_t block = sequence_.block_table[static_cast<size_t>(index)];
    tile.keys[b] = args_.cache.keys(block, head);
    tile.values[b] = args_.cache.values(block, head);
    if (!round_blocks_) return;
    bf16* keys = scratch.rounded(2 * b);
    bf16* values = scratch.rounded(2 * b + 1);
    target_.round_block(static_cast<const float*>(tile.keys[b]), d_ / 2, keys);
    target_.round_block(static_cast<const float*>(tile.values[b]), d_ / 2, values);
    tile.keys[b] = keys;
    tile.values[b] = values;
  }

  const PagedAttentionArgs& args_;
  const AttentionTarget& target_;
  const SequenceRows& sequence_;
  PagedRange range_;
  int64_t first_head_;
  int64_t n_heads_;
  int64_t d_;
  int64_t group_;
  bool round_blocks_;
};

void CheckCache(const KvLayerView& cache, std::span<const SequenceRows> sequences, int64_t rows) {
  GLM_CHECK(cache.dtype == DType::kF32 || cache.dtype == DType::kBF16);
  GLM_CHECK(cache.n_kv_heads > 0 && cache.head_dim > 0 && cache.head_dim % kPanel == 0);
  for (const SequenceRows& sequence : sequences) {
    GLM_CHECK(sequence.row_begin >= 0 && sequence.n_rows >= 0 &&
              sequence.row_begin + sequence.n_rows <= rows);
    const int64_t blocks = RoundUp(sequence.start + sequence.n_rows, kKvBlock) / kKvBlock;
    GLM_CHECK(sequence.start >= 0 && blocks <= static_cast<int64_t>(sequence.block_table.size()));
    for (int64_t b = 0; b < blocks; ++b) {
      const int32_t block = sequence.block_table[static_cast<size_t>(b)];
      GLM_CHECK(block >= 0 && block < cache.n_blocks);
    }
  }
}

// Tokens [token, token + count) of one cache block, of one kv head.
void WriteSlots(const float* k, int64_t k_stride, const float* v, int64_t v_stride, int64_t slot,
                int64_t count, const KvLayerView& cache, std::byte* keys, std::byte* values) {
  const int64_t d = cache.head_dim;
  for (int64_t t = 0; t < count; ++t, k += k_stride, v += v_stride, ++slot) {
    if (cache.dtype == DType::kF32) {
      float* key = reinterpret_cast<float*>(keys) + slot;
      float* value = reinterpret_cast<float*>(values) + slot * kPanel;
      for (int64_t i = 0; i < d; ++i) key[i * kKvBlock] = k[i];
      for (int64_t i = 0; i < d; ++i) value[i / kPanel * kPanel * kKvBlock + i % kPanel] = v[i];
    } else {
      bf16* key = reinterpret_cast<bf16*>(keys) + slot * 2;
      bf16* value = reinterpret_cast<bf16*>(values) + slot / 2 * kPanel * 2 + slot % 2;
      for (int64_t i = 0; i < d; ++i) key[i / 2 * kKvBlock * 2 + i % 2] = F32ToBF16(k[i]);
      for (int64_t i = 0; i < d; ++i)
        value[i / kPanel * kPanel * kKvBlock + i % kPanel * 2] = F32ToBF16(v[i]);
    }
  }
}

struct WriteRun {
  int64_t row, block, slot, count;
};  // `count` rows from `row` go to one cache block from `slot`

void WriteBlock(const KvWriteArgs& args, const AttentionTarget& target, const WriteRun& run,
                int64_t head, float* scratch) {
  const KvLayerView& cache = args.cache;
  const int64_t d = cache.head_dim;
  const float* k = args.k.row(run.row) + head * d;
  const float* v = args.v.row(run.row) + head * d;
  std::byte* keys = cache.keys(run.block, head);
  std::byte* values = cache.values(run.block, head);
  if (run.count < kKvBlock)
    return WriteSlots(k, args.k.stride, v, args.v.stride, run.slot, run.count, cache, keys, values);
  const bool round = cache.dtype == DType::kBF16;
  target.pack_keys(k, args.k.stride, kKvBlock, d, round ? scratch : reinterpret_cast<float*>(keys));
  if (round) target.round_block(scratch, d / 2, reinterpret_cast<bf16*>(keys));
  target.pack_values(v, args.v.stride, kKvBlock, d,
                     round ? scratch : reinterpret_cast<float*>(values));
  if (round) target.round_block(scratch, d / 2, reinterpret_cast<bf16*>(values));
}

}  // namespace

void SegmentAttention(const SegmentAttentionArgs& args, const AttentionTarget& target,
                      ThreadPool& pool) {
  const int64_t d = args.head_dim, m = args.q.rows;
  GLM_CHECK(d > 0 && d % 2 == 0 && args.q.cols == args.n_heads * d && args.k.cols == args.q.cols &&
            args.v.cols == args.q.cols);
  GLM_CHECK(args.k.rows == m && args.v.rows == m && args.out.rows == m &&
            args.out.cols == args.q.cols);
  GLM_CHECK((args.segment_ends.empty() ? 0 : args.segment_ends.back()) == m);
  struct TokenBlock {
    int64_t row, count;
  };
  std::vector<TokenBlock> blocks;
  std::vector<QueryRange> ranges;
  int64_t begin = 0;
  for (const int64_t end : args.segment_ends) {
    GLM_CHECK(end >= begin);
    const int64_t first_block = static_cast<int64_t>(blocks.size());
    for (int64_t row = begin; row < end; row += kItemRows) {
      ranges.push_back({row, std::min(row + kItemRows, end), begin, end, first_block});
    }
    for (int64_t row = begin; row < end; row += kKvBlock)
      blocks.push_back({row, std::min(kKvBlock, end - row)});
    begin = end;
  }
  if (m == 0) return;

  const int64_t element = args.compute == Compute::kBF16 ? 2 : 4,
                n_blocks = static_cast<int64_t>(blocks.size());
  PackedHeads packed = {nullptr, n_blocks, d * kKvBlock * element,
                        RoundUp(d, kPanel) * kKvBlock * element};
  const int64_t head_bytes = n_blocks * (packed.key_bytes + packed.value_bytes);
  const int64_t together = std::clamp<int64_t>(kPackedBytes / head_bytes, 1, args.n_heads);
  Buffer buffer(static_cast<size_t>(together * head_bytes));
  packed.data = buffer.data();
  ScratchSet scratch_set(pool.n_threads(), d);
  const int64_t n_ranges = static_cast<int64_t>(ranges.size());
  for (int64_t first = 0; first < args.n_heads; first += together) {
    const int64_t n_heads = std::min(together, args.n_heads - first);
    pool.For(n_heads * n_blocks, 16, [&](int64_t item, int64_t item_end, int thread) {
      Scratch scratch = scratch_set.of(thread);
      for (; item < item_end; ++item) {
        const int64_t head = item / n_blocks, block = item % n_blocks;
        const TokenBlock& tokens = blocks[static_cast<size_t>(block)];
        // The query rows' output is not in use yet: 48 rows are more than a block's 16.
        PackBlock(args, target, tokens.row, tokens.count, (first + head) * d, scratch.out(0),
                  packed.keys(head, block), packed.values(head, block));
      }
    });
    pool.For(n_heads * n_ranges, 1, [&](int64_t item, int64_t item_end, int thread) {
      Scratch scratch = scratch_set.of(thread);
      for (; item < item_end; ++item) {
        const int64_t head = item / n_ranges;
        AttendSegmentRows(args, target, packed, ranges[static_cast<size_t>(item % n_ranges)],
                          first + head, head, scratch);
      }
    });
  }
}

void KvWrite(const KvWriteArgs& args, const AttentionTarget& target, ThreadPool& pool) {
  const KvLayerView& cache = args.cache;
  CheckCache(cache, args.sequences, args.k.rows);
  GLM_CHECK(args.v.rows == args.k.rows && args.k.cols == cache.n_kv_heads * cache.head_dim &&
            args.v.cols == args.k.cols);
  std::vector<WriteRun> runs;
  for (const SequenceRows& sequence : args.sequences) {
    for (int64_t r = 0; r < sequence.n_rows;) {
      const int64_t token = sequence.start + r, slot = token % kKvBlock;
      const int64_t count = std::min(kKvBlock - slot, sequence.n_rows - r);
      runs.push_back({sequence.row_begin + r,
                      sequence.block_table[static_cast<size_t>(token / kKvBlock)], slot, count});
      r += count;
    }
  }
  ScratchSet scratch_set(pool.n_threads(), cache.head_dim);
  const int64_t n = static_cast<int64_t>(runs.size()) * cache.n_kv_heads;
  // A handful of tokens is written faster than a second thread wakes.
  const int64_t grain = n <= 64 ? n : 16;
  pool.For(n, grain, [&](int64_t item, int64_t item_end, int thread) {
    Scratch scratch = scratch_set.of(thread);
    for (; item < item_end; ++item) {
      WriteBlock(args, target, runs[static_cast<size_t>(item / cache.n_kv_heads)],
                 item % cache.n_kv_heads, scratch.out(0));
    }
  });
}

void PagedAttention(const PagedAttentionArgs& args, const AttentionTarget& target,
                    ThreadPool& pool) {
  const KvLayerView& cache = args.cache;
  CheckCache(cache, args.sequences, args.q.rows);
  GLM_CHECK(args.n_heads % cache.n_kv_heads == 0 && args.q.cols == args.n_heads * cache.head_dim);
  GLM_CHECK(args.out.rows == args.q.rows && args.out.cols == args.q.cols);
  const int64_t group = args.n_heads / cache.n_kv_heads;
  std::vector<PagedRange> ranges;
  for (size_t s = 0; s < args.sequences.size(); ++s) {
    // Late rows see most keys: they go first, so that threads finish together.
    for (int64_t end = args.sequences[s].n_rows * group; end > 0;) {
      const int64_t begin = (end - 1) / kItemRows * kItemRows;
      ranges.push_back({static_cast<int64_t>(s), begin, end});
      end = begin;
    }
  }
  ScratchSet scratch_set(pool.n_threads(), cache.head_dim);
  const int64_t n_ranges = static_cast<int64_t>(ranges.size());
  int64_t longest = 1;
  for (const PagedRange& range : ranges) longest = std::max(longest, range.end - range.begin);
  // Heads of one item: as many as its scratch holds, while every thread has a few items.
  const int64_t together =
      std::clamp<int64_t>(n_ranges * cache.n_kv_heads / (4 * pool.n_threads()), 1,
                          std::min(cache.n_kv_heads, std::max<int64_t>(1, kItemRows / longest)));
  const int64_t groups = (cache.n_kv_heads + together - 1) / together;
  const auto item_at = [&](int64_t item) {
    const int64_t head = item / n_ranges * together;
    return PagedItem(args, target, ranges[static_cast<size_t>(item % n_ranges)], head,
                     std::min(together, cache.n_kv_heads - head));
  };
  const int64_t n_items = n_ranges * groups;
  const int64_t grain = together == 1 ? 1 : std::max<int64_t>(1, n_items / (2 * pool.n_threads()));
  pool.For(n_items, grain, [&](int64_t item, int64_t item_end, int thread) {
    Scratch scratch = scratch_set.of(thread);
    for (; item < item_end; ++item) {
      const PagedItem next = item_at(std::min(item + 1, item_end - 1));
      item_at(item).Run(scratch, item + 1 < item_end ? &next : nullptr);
    }
  });
}

}  // namespace glmocr::cpu
