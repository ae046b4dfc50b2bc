// Internal: the inner loops of ResizeBicubic, compiled per instruction set and chosen at run time
// (Highway).
#pragma once

#include <cstddef>
#include <cstdint>

namespace glmocr {

inline constexpr int kResizeFractionBits = 22;  // Pillow's PRECISION_BITS
inline constexpr int kResizeLanes = 16;         // rows that the horizontal pass works on at once

// out[i, r] = rows[r][i]: [row_bytes, kResizeLanes] u8 from kResizeLanes rows.
void GatherRows(const uint8_t* const* rows, size_t row_bytes, uint8_t* out);
// rows[r][i] = in[i, r] for r < n_rows.
void ScatterRows(const uint8_t* in, size_t row_bytes, int n_rows, uint8_t* const* rows);

// out[j] = clip8((2^21 + sum_k in[k, j] * weights[k]) >> 22), j < 3 * kResizeLanes; in: [n_taps, 3
// * kResizeLanes] u8.
void ResizeColumn(const uint8_t* in, int n_taps, const int32_t* weights, uint8_t* out);
// The same over whole rows: out[j], j < row_bytes, from n_taps rows of row_bytes.
void ResizeRow(const uint8_t* in, size_t row_bytes, int n_taps, const int32_t* weights,
               uint8_t* out);

}  // namespace glmocr
