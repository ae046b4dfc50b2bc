// AMX tile instructions as loops, for tests on machines without them: the semantics of Intel's SDM
// for TILELOADD, TILESTORED, TILEZERO and TDPBF16PS with all tiles 16 rows x 64 bytes. Include
// after <immintrin.h> and with GLM_AMX_EMULATED defined, in one file of one thread.
#pragma once

#include <math.h>
#include <stdint.h>

namespace glmocr::cpu {
namespace {

uint32_t emulated_tiles[8][16][16];
bool emulated_configured = false;

inline void EmulatedLoad(int tile, const void* from, int64_t stride) {
  for (int r = 0; r < 16; ++r)
    __builtin_memcpy(emulated_tiles[tile][r], static_cast<const char*>(from) + r * stride, 64);
}
inline void EmulatedStore(int tile, void* to, int64_t stride) {
  for (int r = 0; r < 16; ++r)
    __builtin_memcpy(static_cast<char*>(to) + r * stride, emulated_tiles[tile][r], 64);
}
inline float EmulatedFloat(uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline void EmulatedDot(int c, int a, int b) {
  if (!emulated_configured) __builtin_trap();
  for (int m = 0; m < 16; ++m) {
    for (int k = 0; k < 16; ++k) {
      for (int n = 0; n < 16; ++n) {
        const uint32_t x = emulated_tiles[a][m][k], w = emulated_tiles[b][k][n];
        float sum = EmulatedFloat(emulated_tiles[c][m][n]);
        sum = fmaf(EmulatedFloat(x & 0xffff0000u), EmulatedFloat(w & 0xffff0000u), sum);
        sum = fmaf(EmulatedFloat(x << 16), EmulatedFloat(w << 16), sum);
        emulated_tiles[c][m][n] = __builtin_bit_cast(uint32_t, sum);
      }
    }
  }
}
inline void EmulatedConfig(const void* config) {
  const auto* bytes = static_cast<const unsigned char*>(config);
  emulated_configured = bytes[0] == 1;
  for (int t = 0; t < 8; ++t) {
    if (bytes[16 + 2 * t] != 64 || bytes[48 + t] != 16) __builtin_trap();
  }
}
inline void EmulatedRelease() { emulated_configured = false; }

}  // namespace
}  // namespace glmocr::cpu

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_loadconfig
#undef _tile_release
#define _tile_loadd(tile, from, stride) EmulatedLoad(tile, from, stride)
#define _tile_stored(tile, to, stride) EmulatedStore(tile, to, stride)
#define _tile_zero(tile) __builtin_memset(emulated_tiles[tile], 0, sizeof(emulated_tiles[tile]))
#define _tile_dpbf16ps(c, a, b) EmulatedDot(c, a, b)
#define _tile_loadconfig(config) EmulatedConfig(config)
#define _tile_release() EmulatedRelease()
