// The driver of the matrix product: packs x, cuts the work into blocks that fit the caches, shares
// them among threads. Knows no instruction set; see gemm_path.h for the border and gemm_inl.h for
// the loops.
//
// Blocking (Goto & van de Geijn 2008, with the weights already packed). A block is 96 rows of x
// times 16 weight panels; inside, for each range of 1024 inputs: for each register tile's panels:
// for each micro-panel.
//   L2  packed x, 96 rows x 1024 x 4 bytes = 384 KiB (bf16: 192), reused by all panels of the
//   block; the tile's panels over that range, reused
//       by all micro-panels (AVX2 32 KiB, AVX-512 64 KiB of bf16 weights); the block's sums, 96 x
//       256 x 4 = 96 KiB
//   L3  the weights of a column of blocks, reused by all its blocks, and all of packed x, at most
//   kPackedBytes
// Measured on Zen 4: ranges of 512, short enough for L1, cost 1 to 3 % in loads and stores of sums;
// micro-panels in L1 and panels in L2 are equal for AVX-512 and 10 % slower for AVX2, whose tile
// reads 64 bytes of weights for 24 of x. Few rows (decode): packing gains nothing, so a block is
// one register tile wide and runs over all of k: each thread reads its panels from memory once,
// front to back.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/gemm_path.h"

namespace glmocr::cpu {
namespace {

static_assert(kColumns == kPanel);

constexpr int64_t kBlockRows = 96;
constexpr int64_t kBlockPanels = 16;
constexpr int64_t kBlockInputs = 1024;
constexpr int kMaxTileRows = 32;                    // of any path
constexpr int64_t kFewTiles = 2;                    // up to here a call counts as "few rows"
constexpr int64_t kPackedBytes = int64_t{8} << 20;  // of packed x, plus 1 MiB per thread beyond 8
constexpr int64_t kForkBytes = 32 << 10;  // weights x tiles worth waking a thread for: about 2 us
static_assert(kBlockInputs % kKStep == 0 && kBlockPanels % 2 == 0);

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Memory from the C library's heap, which, unlike Buffer's fresh pages, is still warm from the
// previous call.
struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <typename T>
std::unique_ptr<T[], Free> Allocate(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  auto* p = static_cast<T*>(std::aligned_alloc(64, std::max<size_t>(bytes, 64)));
  if (p == nullptr) throw std::bad_alloc();
  return std::unique_ptr<T[], Free>(p);
}

// Rows cut into micro-panels of nearly equal height: 270 rows are 17 x 12 + 6 x 11, not 22 x 12
// + 6.
struct RowTiles {
  int64_t count = 0;
  int64_t base = 0;    // rows of the later tiles
  int64_t taller = 0;  // the first `taller` tiles have base + 1

  RowTiles(int64_t rows, int max_rows)
      : count(CeilDiv(rows, max_rows)), base(rows / count), taller(rows % count) {}
  int rows(int64_t t) const { return static_cast<int>(base + (t < taller ? 1 : 0)); }
  int64_t first_row(int64_t t) const { return t * base + std::min(t, taller); }
};

FinishActivation Of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return FinishActivation::kNone;
    case Activation::kGeluErf:
      return FinishActivation::kGeluErf;
    case Activation::kRelu:
      return FinishActivation::kRelu;
    case Activation::kSilu:
      return FinishActivation::kSilu;
    case Activation::kSwiGlu:
      return FinishActivation::kSwiGlu;
  }
  return FinishActivation::kNone;
}

// The rows of x that one tile reads, stored or as windows of a picture.
class TileRows {
 public:
  TileRows(const GemmArgs& args, const float* zeros) : args_(args), zeros_(zeros) {}

  void Pack(const GemmPath& path, int64_t row, int rows, int64_t k, uint32_t* out) const {
    const float* at[kMaxTileRows];
    if (args_.windows == nullptr) {
      for (int r = 0; r < rows; ++r) at[r] = args_.x.row(row + r);
      path.pack(at, rows, k, out);
      return;
    }
    // A window is kernel^2 runs of channels; packed words of one run after the other are those of
    // the whole row, for words of one input.
    const ConvWindows& w = *args_.windows;
    int64_t y[kMaxTileRows], x[kMaxTileRows];
    for (int r = 0; r < rows; ++r) {
      y[r] = (row + r) / w.out_width * w.stride - w.pad;
      x[r] = (row + r) % w.out_width * w.stride - w.pad;
    }
    const int64_t channels = w.image.cols, words = path.packed_words(rows, channels);
    for (int64_t ky = 0; ky < w.kernel; ++ky) {
      for (int64_t kx = 0; kx < w.kernel; ++kx, out += words) {
        for (int r = 0; r < rows; ++r) {
          const bool inside =
              y[r] + ky >= 0 && y[r] + ky < w.height && x[r] + kx >= 0 && x[r] + kx < w.width;
          at[r] = inside ? w.image.row((y[r] + ky) * w.width + x[r] + kx) : zeros_;
        }
        path.pack(at, rows, channels, out);
      }
    }
  }

 private:
  const GemmArgs& args_;
  const float* zeros_;  // [channels]
};

struct Blocking {
  int64_t tiles;
  int64_t panels;
  int64_t inputs;
};

// One product of all columns with rows [row0, row0 + rows) of x.
class RowRange {
 public:
  RowRange(const GemmPath& path, const GemmArgs& args, const TileRows& x, int64_t row0,
           int64_t rows)
      : path_(path),
        args_(args),
        x_(x),
        w_(*args.w),
        row0_(row0),
        tiles_(rows, path.max_rows),
        tall_words_(path.packed_words(static_cast<int>(tiles_.base + 1), w_.k)),
        base_words_(path.packed_words(static_cast<int>(tiles_.base), w_.k)) {}

  void Run(uint32_t* packed, ThreadPool& pool);

 private:
  bool swiglu() const { return w_.form == WeightForm::kSwiGlu; }
  int64_t packed_offset(int64_t t) const {
    return std::min(t, tiles_.taller) * tall_words_ +
           std::max<int64_t>(t - tiles_.taller, 0) * base_words_;
  }
  int64_t sums(const Blocking& b) const { return b.tiles * b.panels * path_.max_rows * kColumns; }

  Blocking Choose(int n_threads) const;
  void Pack(uint32_t* packed, ThreadPool& pool) const;
  void Block(const uint32_t* packed, int64_t tile0, int64_t panel0, const Blocking& blocking,
             float* c) const;
  void Finish(int64_t tile, int64_t panel0, int64_t n_panels, const float* c) const;

  const GemmPath& path_;
  const GemmArgs& args_;
  const TileRows& x_;
  const PackedMatrix& w_;
  const int64_t row0_;
  const RowTiles tiles_;
  const int64_t tall_words_;
  const int64_t base_words_;
};

Blocking RowRange::Choose(int n_threads) const {
  if (tiles_.count <= kFewTiles) {
    const int widest = path_.panels(tiles_.rows(0));
    return {tiles_.count, swiglu() ? std::max(2, widest) : widest, std::max<int64_t>(w_.k, 1)};
  }
  Blocking b = {std::min(tiles_.count, kBlockRows / path_.max_rows), kBlockPanels, kBlockInputs};
  // Enough blocks that the last ones to finish do not leave threads idle for long.
  const auto blocks = [&] {
    return CeilDiv(tiles_.count, b.tiles) * CeilDiv(w_.n_panels, b.panels);
  };
  while (blocks() < 6 * n_threads) {
    if (b.tiles > 4)
      b.tiles = CeilDiv(b.tiles, 2);
    else if (b.panels > 2)
      b.panels /= 2;
    else
      break;
  }
  return b;
}

void RowRange::Pack(uint32_t* packed, ThreadPool& pool) const {
  const int64_t grain = CeilDiv(kForkBytes, tall_words_ * 4);
  pool.For(tiles_.count, grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      x_.Pack(path_, row0_ + tiles_.first_row(t), tiles_.rows(t), w_.k, packed + packed_offset(t));
    }
  });
}

void RowRange::Run(uint32_t* packed, ThreadPool& pool) {
  Pack(packed, pool);
  const Blocking b = Choose(pool.n_threads());
  const int64_t row_blocks = CeilDiv(tiles_.count, b.tiles),
                column_blocks = CeilDiv(w_.n_panels, b.panels);
  const int64_t n_blocks = row_blocks * column_blocks;
  // Few rows: neighbouring panels to one thread, in pieces small enough to even out a disturbed
  // thread.
  int64_t grain = 1;
  if (tiles_.count <= kFewTiles) {
    const int64_t block_bytes =
        b.panels * w_.panel_elements() * (w_.layout == WeightLayout::kF32Panel16 ? 4 : 2);
    grain = std::max(CeilDiv(kForkBytes, std::max<int64_t>(block_bytes * tiles_.base, 1)),
                     n_blocks / (16 * pool.n_threads()));
  }
  const int64_t block_sums = sums(b);
  const auto c = Allocate<float>(block_sums * pool.n_threads());
  pool.For(n_blocks, grain, [&](int64_t begin, int64_t end, int thread) {
    if (path_.enter != nullptr) path_.enter();
    for (int64_t i = begin; i < end; ++i) {
      Block(packed, i % row_blocks * b.tiles, i / row_blocks * b.panels, b,
            c.get() + thread * block_sums);
    }
    if (path_.leave != nullptr) path_.leave();
  });
}

void RowRange::Block(const uint32_t* packed, int64_t tile0, int64_t panel0,
                     const Blocking& blocking, float* c) const {
  const int64_t n_tiles = std::min(blocking.tiles, tiles_.count - tile0);
  const int64_t n_panels = std::min(blocking.panels, w_.n_panels - panel0);
  const int64_t panel_bytes =
      w_.panel_elements() * (w_.layout == WeightLayout::kF32Panel16 ? 4 : 2);
  const std::byte* weights = w_.buffer.data() + panel0 * panel_bytes;
  const int64_t panel_sums = path_.max_rows * kColumns;
  const int widest = path_.panels(tiles_.rows(tile0));  // the tallest tile of the block comes first
  int64_t k0 = 0;
  do {
    const int64_t k1 = std::min(k0 + blocking.inputs, w_.k);
    for (int64_t p = 0; p < n_panels;) {
      const auto wide = std::min<int64_t>(widest, n_panels - p);
      for (int64_t t = 0; t < n_tiles; ++t) {
        path_.tile(tiles_.rows(tile0 + t),
                   static_cast<int>(wide))({.a = packed + packed_offset(tile0 + t),
                                            .b = weights + p * panel_bytes,
                                            .b_panel_bytes = panel_bytes,
                                            .k_begin = k0,
                                            .k_end = k1,
                                            .c = c + (t * n_panels + p) * panel_sums});
      }
      p += wide;
    }
    for (int64_t t = 0; k1 == w_.k && t < n_tiles; ++t)
      Finish(tile0 + t, panel0, n_panels, c + t * n_panels * panel_sums);
    k0 = k1;
  } while (k0 < w_.k);
}

void RowRange::Finish(int64_t tile, int64_t panel0, int64_t n_panels, const float* c) const {
  const int64_t panel_sums = path_.max_rows * kColumns;
  const int64_t row = row0_ + tiles_.first_row(tile), out_cols = w_.out_cols();
  const int step = swiglu() ? 2 : 1;
  for (int64_t p = 0; p < n_panels; p += step) {
    const int64_t column = (panel0 + p) / step * kColumns;
    FinishArgs f = {};
    f.c = c + p * panel_sums;
    f.c_up = f.c + (swiglu() ? panel_sums : 0);
    if (args_.bias != nullptr) {
      f.bias = args_.bias + column;
      // Only a gated product has a second half of the bias: behind a plain one lies another object.
      if (swiglu()) f.bias_up = f.bias + out_cols;
    }
    if (args_.residual.data != nullptr) {
      f.residual = args_.residual.row(row) + column;
      f.residual_stride = args_.residual.stride;
    }
    f.y = args_.y.row(row) + column;
    f.y_stride = args_.y.stride;
    f.rows = tiles_.rows(tile);
    f.columns = static_cast<int>(std::min<int64_t>(kColumns, out_cols - column));
    f.activation = Of(args_.activation);
    path_.finish(f);
  }
}

void Run(const GemmPath& path, const GemmArgs& args, ThreadPool& pool) {
  const PackedMatrix& w = *args.w;
  const ConvWindows* windows = args.windows;
  const int64_t m = windows == nullptr ? args.x.rows : windows->rows();
  GLM_CHECK((windows == nullptr ? args.x.cols : windows->cols()) == w.k);
  GLM_CHECK(windows == nullptr || args.compute == Compute::kF32);
  GLM_CHECK(args.y.cols == w.out_cols() && m == args.y.rows);
  GLM_CHECK((args.activation == Activation::kSwiGlu) == (w.form == WeightForm::kSwiGlu));
  if (m == 0 || w.n_panels == 0) return;
  GLM_CHECK(path.max_rows <= kMaxTileRows);
  const std::vector<float> zeros(windows == nullptr ? 0 : static_cast<size_t>(windows->image.cols));
  const TileRows x(args, zeros.data());
  // As many rows at a time as their packed form may take, in whole tiles.
  const int64_t budget = std::max(kPackedBytes, int64_t{pool.n_threads()} << 20);
  const int64_t tile_words = path.packed_words(path.max_rows, w.k);
  const int64_t rows = std::min(
      m, std::max<int64_t>(1, budget / std::max<int64_t>(4 * tile_words, 1)) * path.max_rows);
  const bool one_tile = m <= path.max_rows;
  const auto packed = Allocate<uint32_t>(one_tile ? path.packed_words(static_cast<int>(m), w.k)
                                                  : CeilDiv(rows, path.max_rows) * tile_words);
  for (int64_t row = 0; row < m; row += rows) {
    RowRange(path, args, x, row, std::min(rows, m - row)).Run(packed.get(), pool);
  }
}

const GemmPath& Pick(const GemmPaths& paths, const GemmArgs& args) {
  const bool floats = args.w->layout == WeightLayout::kF32Panel16;
  if (args.compute == Compute::kF32) return floats ? paths.f32_over_f32 : paths.f32_over_bf16;
  return floats ? paths.bf16_over_f32 : paths.bf16_over_bf16;
}

}  // namespace

void GemmOverPath(const GemmPath& path, const GemmArgs& args, ThreadPool& pool) {
  Run(path, args, pool);
}

#if defined(__x86_64__)
namespace {
// A target that adds a native product of bf16 pairs to the float paths.
const GemmPath& Pick(const GemmPaths& paths, const GemmPath& bf16, const GemmArgs& args) {
  const bool native =
      args.compute == Compute::kBF16 && args.w->layout == WeightLayout::kBF16Pairs16;
  return native ? bf16 : Pick(paths, args);
}
}  // namespace

void GemmAvx2(const GemmArgs& args, ThreadPool& pool) { Run(Pick(kAvx2Gemm, args), args, pool); }
void GemmAvx512(const GemmArgs& args, ThreadPool& pool) {
  Run(Pick(kAvx512Gemm, args), args, pool);
}
void GemmAvx512Bf16(const GemmArgs& args, ThreadPool& pool) {
  Run(Pick(kAvx512Gemm, kAvx512Bf16Gemm, args), args, pool);
}
void GemmAmxBf16(const GemmArgs& args, ThreadPool& pool) {
  Run(Pick(kAvx512Gemm, kAmxBf16Gemm, args), args, pool);
}
#elif defined(__aarch64__)
void GemmNeon(const GemmArgs& args, ThreadPool& pool) { Run(Pick(kNeonGemm, args), args, pool); }
#endif

}  // namespace glmocr::cpu
