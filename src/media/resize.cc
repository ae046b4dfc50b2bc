#include "media/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "media/resize_kernels.h"

namespace glmocr {
namespace {

// For every output position the input positions that it draws on: [first, first + n_taps) with
// `weights`.
struct Taps {
  int max_taps = 0;
  std::vector<int> first, n_taps;  // [out_size]
  std::vector<int32_t> weights;    // [out_size, max_taps] 22 fractional bits
  const int32_t* row(int i) const { return weights.data() + static_cast<size_t>(i) * max_taps; }
};

double Cubic(double x, double a) {
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Ref: Pillow precompute_coeffs and normalize_coeffs_8bpc; the order of operations decides the last
// bit.
Taps MakeTaps(int in_size, int out_size) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  Taps taps;
  taps.max_taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.first.resize(out_size);
  taps.n_taps.resize(out_size);
  taps.weights.assign(static_cast<size_t>(out_size) * taps.max_taps, 0);
  std::vector<double> w(taps.max_taps);
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const double inverse = 1.0 / filter_scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in_size, static_cast<int>(center + support + 0.5));
    const int n = last - first;
    double sum = 0.0;
    for (int k = 0; k < n; ++k) {
      w[k] = Cubic((k + first - center + 0.5) * inverse, -0.5);
      sum += w[k];
    }
    int32_t* out = taps.weights.data() + static_cast<size_t>(i) * taps.max_taps;
    for (int k = 0; k < n; ++k) {
      if (sum != 0.0) w[k] /= sum;
      const double fixed = w[k] * (1 << kResizeFractionBits);
      out[k] = static_cast<int>(w[k] < 0 ? -0.5 + fixed : 0.5 + fixed);
    }
    taps.first[i] = first;
    taps.n_taps[i] = n;
  }
  return taps;
}

// Ref: torch _compute_index_ranges_weights and _compute_index_ranges_int16_weights, not
// antialiased.
Taps MakeInterpolationTaps(int in_size, int out_size) {
  constexpr int kTaps = 4;
  const double scale = static_cast<double>(in_size) / out_size;
  Taps taps;
  taps.max_taps = kTaps;
  taps.first.resize(out_size);
  taps.n_taps.resize(out_size);
  taps.weights.assign(static_cast<size_t>(out_size) * kTaps, 0);
  std::vector<double> weights(static_cast<size_t>(out_size) * kTaps, 0.0);
  double greatest = 0;
  for (int i = 0; i < out_size; ++i) {
    const double at = scale * (i + 0.5) - 0.5;
    const int index = std::min(static_cast<int>(std::floor(static_cast<float>(at))), in_size - 1);
    const double lambda = std::clamp(at - index, 0.0, 1.0);
    const int unbound = index - 1;
    const int first = std::max(unbound, 0);
    const int n = std::clamp(std::min(unbound + kTaps, in_size) - first, 0, kTaps);
    double* w = weights.data() + static_cast<size_t>(i) * kTaps;
    for (int j = 0, to = 0; j < kTaps; ++j, ++to) {
      if (unbound + j <= 0)
        to = 0;
      else if (unbound + j >= in_size - 1)
        to = n - 1;
      w[to] += Cubic(j - 1 - lambda, -0.75);
      greatest = std::max(greatest, w[to]);
    }
    taps.first[i] = first;
    taps.n_taps[i] = n;
  }
  int bits = 0;
  while (bits < 22 && static_cast<int>(0.5 + greatest * (1 << (bits + 1))) < (1 << 15)) ++bits;
  // The kernels have kResizeFractionBits: the same sums, with zeros below.
  for (size_t i = 0; i < weights.size(); ++i) {
    const double fixed = weights[i] * (1 << bits);
    taps.weights[i] = static_cast<int>(fixed < 0 ? fixed - 0.5 : fixed + 0.5) *
                      (1 << (kResizeFractionBits - bits));
  }
  return taps;
}

template <typename Fn>
void ForRows(ThreadPool* pool, int n, int grain, Fn fn) {
  if (pool == nullptr) {
    fn(int64_t{0}, int64_t{n});
  } else {
    pool->For(n, grain, [&](int64_t begin, int64_t end, int) { fn(begin, end); });
  }
}

// Rows [y0, y0 + n_rows) of `in` to the width that `taps` have: [n_rows, out_width, 3].
//
// Neighbouring output pixels draw on different inputs, so pixels make poor SIMD lanes. Rows make
// good ones: a block of kResizeLanes rows is transposed to [width, 3, lanes], each tap is one
// scalar times 3*lanes contiguous bytes.
Image Horizontal(const Image& in, int y0, int n_rows, const Taps& taps, ThreadPool* pool) {
  const int out_width = static_cast<int>(taps.first.size());
  Image out(out_width, n_rows);
  const int n_blocks = (n_rows + kResizeLanes - 1) / kResizeLanes;
  ForRows(pool, n_blocks, 1, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> block(in.row_bytes() * kResizeLanes),
        result(out.row_bytes() * kResizeLanes);
    for (int64_t b = begin; b < end; ++b) {
      const int first = static_cast<int>(b) * kResizeLanes;
      const int n = std::min(kResizeLanes, n_rows - first);
      const uint8_t* from[kResizeLanes];
      uint8_t* to[kResizeLanes];
      for (int r = 0; r < kResizeLanes; ++r) {  // a short last block repeats its last row
        from[r] = in.row(y0 + first + std::min(r, n - 1));
        to[r] = r < n ? out.row(first + r) : nullptr;
      }
      GatherRows(from, in.row_bytes(), block.data());
      for (int x = 0; x < out_width; ++x) {
        ResizeColumn(block.data() + static_cast<size_t>(taps.first[x]) * 3 * kResizeLanes,
                     taps.n_taps[x], taps.row(x),
                     result.data() + static_cast<size_t>(x) * 3 * kResizeLanes);
      }
      ScatterRows(result.data(), out.row_bytes(), n, to);
    }
  });
  return out;
}

// in: rows from y_offset on of the picture whose full height is in_height.
Image Vertical(const Image& in, int y_offset, const Taps& taps, int out_height, ThreadPool* pool) {
  Image out(in.width_px, out_height);
  ForRows(pool, out_height, 8, [&](int64_t begin, int64_t end) {
    for (int y = static_cast<int>(begin); y < end; ++y) {
      ResizeRow(in.row(taps.first[y] - y_offset), in.row_bytes(), taps.n_taps[y], taps.row(y),
                out.row(y));
    }
  });
  return out;
}

// Each pass rounds to u8, so the order of the passes shows. Up to version 12 Pillow went
// horizontally first; version 13 takes the vertical pass first when it removes more than twice as
// many rows as the other removes columns (measured on 6,000 random sizes without exception,
// docs/media.md). Ordinary page sizes go horizontally first in both.
bool VerticalFirst(const Image& in, int width_px, int height_px) {
  const int64_t rows_less = int64_t{in.height_px} - height_px;
  return rows_less > 0 && rows_less > 2 * (int64_t{in.width_px} - width_px);
}

}  // namespace

Image ResizeBicubic(const Image& image, int width_px, int height_px, ThreadPool* pool) {
  GLM_CHECK(!image.empty() && width_px >= 1 && height_px >= 1);
  const bool horizontal = width_px != image.width_px, vertical = height_px != image.height_px;
  if (!vertical) {
    return horizontal
               ? Horizontal(image, 0, image.height_px, MakeTaps(image.width_px, width_px), pool)
               : image;
  }
  const Taps taps = MakeTaps(image.height_px, height_px);
  if (!horizontal) return Vertical(image, 0, taps, height_px, pool);
  const Taps columns = MakeTaps(image.width_px, width_px);
  if (VerticalFirst(image, width_px, height_px)) {
    return Horizontal(Vertical(image, 0, taps, height_px, pool), 0, height_px, columns, pool);
  }
  // Only rows that the vertical pass will read.
  const int y0 = taps.first.front();
  const int y1 = taps.first.back() + taps.n_taps.back();
  return Vertical(Horizontal(image, y0, y1 - y0, columns, pool), y0, taps, height_px, pool);
}

Image InterpolateBicubic(const Image& image, int width_px, int height_px, ThreadPool* pool) {
  GLM_CHECK(!image.empty() && width_px >= 1 && height_px >= 1);
  Image out = image;
  if (width_px != image.width_px) {
    out = Horizontal(out, 0, out.height_px, MakeInterpolationTaps(out.width_px, width_px), pool);
  }
  if (height_px != image.height_px)
    out = Vertical(out, 0, MakeInterpolationTaps(out.height_px, height_px), height_px, pool);
  return out;
}

Image Crop(const Image& image, const Box& box) {
  GLM_CHECK(box.x >= 0 && box.y >= 0 && box.width >= 0 && box.height >= 0 &&
            box.right() <= image.width_px && box.bottom() <= image.height_px);
  Image out(box.width, box.height);
  for (int y = 0; y < box.height; ++y) {
    std::memcpy(out.row(y), image.row(box.y + y) + static_cast<size_t>(box.x) * 3, out.row_bytes());
  }
  return out;
}

}  // namespace glmocr
