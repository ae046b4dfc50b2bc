// Matrix product of bf16 pairs for AMX-BF16 (Intel, Sapphire Rapids on): TDPBF16PS multiplies a
// tile of 16 rows x 16 pairs with a tile of 16 pairs x 16 columns into 16 x 16 fp32 sums. A weight
// tile is 1 KiB of a kBF16Pairs16 panel as it lies in memory.
//
// Register tile: 2 x 2 of the 8 tile registers hold sums (32 rows x 2 panels), two hold x, two
// weights: four products per four loads. x is packed as [k / 32][16-row halves][16 rows][16 pairs],
// rows and k padded with zeros; the last weights of a k that is no multiple of 32 are copied to a
// zero-padded tile, since changing the tile configuration would lose the sums.
//
// Defining GLM_AMX_EMULATED replaces the tile instructions by loops, so that a machine without AMX
// can test everything else here.

// In this order: the first names the registers that the others compute with.
// clang-format off
#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/simd_math_inl.h"
// clang-format on
#include "kernels/cpu/gemm_inl.h"
#include "kernels/cpu/peaks_inl.h"
#if defined(GLM_AMX_EMULATED)
#include "kernels/cpu/amx_emulation.h"
#endif

namespace glmocr::cpu {
namespace {

constexpr int kTileRows = 16;
constexpr int kTileBytes = 1024;
constexpr int kTileInputs = 32;
constexpr int kRowBytes = 64;
constexpr int kAmxRows = 2 * kTileRows;

// g++'s tile intrinsics (12 at least) tell the compiler of the first 8 of the configuration's bytes
// and of nothing that TILELOADD reads, so stores to memory of this file's own would be dropped as
// dead. From here on whatever `memory` points to has its bytes.
inline void Materialise(const void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

int Halves(int rows) { return rows > kTileRows ? 2 : 1; }

int64_t AmxWords(int rows, int64_t k) {
  return (k + kTileInputs - 1) / kTileInputs * Halves(rows) * (kTileBytes / 4);
}

void AmxPack(const float* const* x, int rows, int64_t k, uint32_t* out) {
  const int halves = Halves(rows);
  const int64_t tile_words = kTileBytes / 4, step_words = halves * tile_words,
                row_words = kRowBytes / 4;
  const int64_t steps = (k + kTileInputs - 1) / kTileInputs;
  for (int r = 0; r < halves * kTileRows; ++r) {
    uint32_t* to = out + r / kTileRows * tile_words + r % kTileRows * row_words;
    for (int64_t s = 0; s < steps; ++s, to += step_words) {
      const int64_t valid = r < rows ? k - s * kTileInputs : 0;
      const float* from = x[r < rows ? r : 0] + s * kTileInputs;
      if (valid >= kTileInputs) {
        for (int w = 0; w < 16; w += 4) StoreU4(to + w, PairWords::Words(from + 2 * w));
      } else {
        float padded[kTileInputs] = {};
        for (int64_t i = 0; i < valid; ++i) padded[i] = from[i];
        for (int w = 0; w < 16; w += 4) StoreU4(to + w, PairWords::Words(padded + 2 * w));
      }
    }
  }
}

// Sums: tiles 0..3 (half x panel), x: 4, 5, weights: 6, 7. Tile numbers are immediates, hence the
// templates.
template <int kHalves, int kPanels>
GLM_SIMD void TileStep(const uint32_t* a, const char* b0, const char* b1) {
  _tile_loadd(4, a, kRowBytes);
  _tile_loadd(6, b0, kRowBytes);
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (kPanels == 2) {
    _tile_loadd(7, b1, kRowBytes);
    _tile_dpbf16ps(1, 4, 7);
  }
  if constexpr (kHalves == 2) {
    _tile_loadd(5, a + kTileBytes / 4, kRowBytes);
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (kPanels == 2) _tile_dpbf16ps(3, 5, 7);
  }
}

template <int kHalves, int kPanels>
void AmxTile(const TileArgs& t) {
  // Sums of (half h, panel p) lie at c + (p * kAmxRows + h * 16) rows of 64 bytes.
  float* const c00 = t.c;
  float* const c01 = t.c + kAmxRows * kColumns;
  float* const c10 = t.c + kTileRows * kColumns;
  float* const c11 = c01 + kTileRows * kColumns;
  if (t.k_begin == 0) {
    _tile_zero(0);
    if constexpr (kPanels == 2) _tile_zero(1);
    if constexpr (kHalves == 2) _tile_zero(2);
    if constexpr (kHalves == 2 && kPanels == 2) _tile_zero(3);
  } else {
    _tile_loadd(0, c00, kRowBytes);
    if constexpr (kPanels == 2) _tile_loadd(1, c01, kRowBytes);
    if constexpr (kHalves == 2) _tile_loadd(2, c10, kRowBytes);
    if constexpr (kHalves == 2 && kPanels == 2) _tile_loadd(3, c11, kRowBytes);
  }
  const int64_t step_words = kHalves * (kTileBytes / 4);
  const uint32_t* a = t.a + t.k_begin / kTileInputs * step_words;
  const char* b0 = static_cast<const char*>(t.b) + t.k_begin / 2 * kRowBytes;
  const char* b1 = kPanels == 2 ? b0 + t.b_panel_bytes : b0;
  const int64_t inputs = t.k_end - t.k_begin;
  for (int64_t s = 0; s < inputs / kTileInputs;
       ++s, a += step_words, b0 += kTileBytes, b1 += kTileBytes) {
    TileStep<kHalves, kPanels>(a, b0, b1);
  }
  if (const int64_t pairs = (inputs % kTileInputs + 1) / 2; pairs != 0) {
    alignas(64) char tail[2][kTileBytes] = {};
    __builtin_memcpy(tail[0], b0, static_cast<size_t>(pairs) * kRowBytes);
    __builtin_memcpy(tail[1], b1, static_cast<size_t>(pairs) * kRowBytes);
    Materialise(tail);
    TileStep<kHalves, kPanels>(a, tail[0], tail[1]);
  }
  _tile_stored(0, c00, kRowBytes);
  if constexpr (kPanels == 2) _tile_stored(1, c01, kRowBytes);
  if constexpr (kHalves == 2) _tile_stored(2, c10, kRowBytes);
  if constexpr (kHalves == 2 && kPanels == 2) _tile_stored(3, c11, kRowBytes);
}

int AmxPanels(int) { return 2; }

TileFn PickAmxTile(int rows, int panels) {
  if (Halves(rows) == 2) return panels == 2 ? AmxTile<2, 2> : AmxTile<2, 1>;
  return panels == 2 ? AmxTile<1, 2> : AmxTile<1, 1>;
}

struct TileConfig {  // the operand of LDTILECFG
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

void EnterAmx() {
  alignas(64) const TileConfig config;
  Materialise(&config);
  _tile_loadconfig(&config);
}
void LeaveAmx() { _tile_release(); }

double DotAmx(int64_t iterations) {
  alignas(64) static const char zeros[kTileBytes] = {};
  EnterAmx();
  _tile_loadd(4, zeros, kRowBytes);
  _tile_loadd(6, zeros, kRowBytes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t n = 0; n < iterations; ++n) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 6);
    _tile_dpbf16ps(2, 4, 6);
    _tile_dpbf16ps(3, 4, 6);
  }
  LeaveAmx();
  return 4.0 * 2 * kTileRows * kColumns * kTileInputs * static_cast<double>(iterations);
}

}  // namespace

#if defined(GLM_AMX_EMULATED)
#define kAmxBf16Gemm kAmxEmulatedGemm
#define kAmxBf16Peak kAmxEmulatedPeak
#endif

constexpr GemmPath kAmxBf16Gemm = {kAmxRows,    AmxWords, AmxPack,  AmxPanels,
                                   PickAmxTile, Finish,   EnterAmx, LeaveAmx};
constexpr double (*kAmxBf16Peak)(int64_t) = DotAmx;

}  // namespace glmocr::cpu
