#include "media/resize_kernels.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "media/resize_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace glmocr {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D32 = hn::ScalableTag<int32_t>;
using V32 = hn::Vec<D32>;

// kVectors*Lanes(D32) output bytes at `out` from taps `stride` bytes apart.
template <int kVectors>
HWY_INLINE void Accumulate(const uint8_t* HWY_RESTRICT in, size_t stride, int n_taps,
                           const int32_t* HWY_RESTRICT weights, uint8_t* HWY_RESTRICT out) {
  const D32 d32;
  const hn::Rebind<uint8_t, D32> d8;
  const size_t lanes = hn::Lanes(d32);
  V32 sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = hn::Set(d32, 1 << (kResizeFractionBits - 1));
  for (int k = 0; k < n_taps; ++k, in += stride) {
    const V32 weight = hn::Set(d32, weights[k]);
    for (int v = 0; v < kVectors; ++v) {
      const V32 x = hn::PromoteTo(d32, hn::LoadU(d8, in + v * lanes));
      sum[v] = hn::Add(sum[v], hn::Mul(x, weight));
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<kResizeFractionBits>(sum[v])), d8, out + v * lanes);
  }
}

HWY_INLINE uint8_t AccumulateOne(const uint8_t* in, size_t stride, int n_taps,
                                 const int32_t* weights) {
  int32_t sum = 1 << (kResizeFractionBits - 1);
  for (int k = 0; k < n_taps; ++k) sum += in[static_cast<size_t>(k) * stride] * weights[k];
  return static_cast<uint8_t>(std::clamp(sum >> kResizeFractionBits, 0, 255));
}

HWY_INLINE void Span(const uint8_t* in, size_t stride, size_t n, int n_taps, const int32_t* weights,
                     uint8_t* out) {
  const size_t lanes = hn::Lanes(D32());
  size_t j = 0;
  for (; j + 6 * lanes <= n; j += 6 * lanes)
    Accumulate<6>(in + j, stride, n_taps, weights, out + j);
  for (; j + lanes <= n; j += lanes) Accumulate<1>(in + j, stride, n_taps, weights, out + j);
  for (; j < n; ++j) out[j] = AccumulateOne(in + j, stride, n_taps, weights);
}

void ResizeColumn(const uint8_t* in, int n_taps, const int32_t* weights, uint8_t* out) {
  constexpr size_t kSpan = size_t{3} * kResizeLanes;
  Span(in, kSpan, kSpan, n_taps, weights, out);
}

void ResizeRow(const uint8_t* in, size_t row_bytes, int n_taps, const int32_t* weights,
               uint8_t* out) {
  Span(in, row_bytes, row_bytes, n_taps, weights, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace glmocr
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace glmocr {

HWY_EXPORT(ResizeColumn);
HWY_EXPORT(ResizeRow);

void ResizeColumn(const uint8_t* in, int n_taps, const int32_t* weights, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(ResizeColumn)(in, n_taps, weights, out);
}

void ResizeRow(const uint8_t* in, size_t row_bytes, int n_taps, const int32_t* weights,
               uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(ResizeRow)(in, row_bytes, n_taps, weights, out);
}

void GatherRows(const uint8_t* const* rows, size_t row_bytes, uint8_t* out) {
  for (size_t i = 0; i < row_bytes; ++i) {
    for (int r = 0; r < kResizeLanes; ++r) out[i * kResizeLanes + r] = rows[r][i];
  }
}

void ScatterRows(const uint8_t* in, size_t row_bytes, int n_rows, uint8_t* const* rows) {
  for (int r = 0; r < n_rows; ++r) {
    uint8_t* row = rows[r];
    for (size_t i = 0; i < row_bytes; ++i) row[i] = in[i * kResizeLanes + r];
  }
}

}  // namespace glmocr
#endif  // HWY_ONCE
